package graph

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/odata"
)

// connectors is the identityApiConnector resource. Its properties stand in the order of the documented examples.
var connectors = resource{
	path:     "/identity/apiConnectors",
	typeName: "microsoft.graph.identityApiConnector",
	properties: []property{
		{name: "id", plain: true},
		{name: "displayName", plain: true},
		{name: "targetUrl", plain: true},
		{name: "authenticationConfiguration"},
	},
}

func (h *Handler) listConnectors(ctx context.Context, c *call) (answer, error) {
	q, err := connectors.query(c.options, h.opts.PageSize)
	if err != nil {
		return answer{}, err
	}
	chosen, err := connectors.selection(c.options)
	if err != nil {
		return answer{}, err
	}
	page, err := h.opts.Manage.ListConnectors(ctx, c.caller, q)
	if err != nil {
		return answer{}, err
	}
	var count *int64
	if c.options.Count {
		n, err := h.opts.Manage.CountConnectors(ctx, c.caller, q.Where)
		if err != nil {
			return answer{}, err
		}
		count = &n
	}
	entities := make([]odata.Entity, len(page.Items))
	for i, view := range page.Items {
		entities[i] = connectorEntity(c, view, chosen)
	}
	return connectors.listing(c, chosen, count, page.Next, entities), nil
}

// countConnectors answers GET …/$count with a bare number; $filter applies, everything else does not.
func (h *Handler) countConnectors(ctx context.Context, c *call) (answer, error) {
	if err := connectors.check(c.options, false); err != nil {
		return answer{}, err
	}
	where, err := connectors.where(c.options.Filter)
	if err != nil {
		return answer{}, err
	}
	n, err := h.opts.Manage.CountConnectors(ctx, c.caller, where)
	if err != nil {
		return answer{}, err
	}
	return number(n), nil
}

// number is the answer to a $count.
func number(n int64) answer {
	return answer{status: http.StatusOK, contentType: "text/plain", body: strconv.AppendInt(nil, n, 10)}
}

func (h *Handler) getConnector(ctx context.Context, c *call) (answer, error) {
	chosen, err := connectors.one(c.options)
	if err != nil {
		return answer{}, err
	}
	view, err := h.opts.Manage.GetConnector(ctx, c.caller, c.keys[0])
	if err != nil {
		return answer{}, err
	}
	return c.connector(view, chosen), nil
}

func (h *Handler) createConnector(ctx context.Context, c *call) (answer, error) {
	chosen, err := connectors.one(c.options)
	if err != nil {
		return answer{}, err
	}
	given, body, err := c.connectorBody("")
	if err != nil {
		return answer{}, err
	}
	once, err := c.once(body)
	if err != nil {
		return answer{}, err
	}
	view, err := h.opts.Manage.CreateConnector(ctx, c.caller, given, once)
	if err != nil {
		return answer{}, err
	}
	return c.created(c.base()+connectors.path+"/"+url.PathEscape(view.ID), c.writtenConnector(view, chosen, returnRepresentation)), nil
}

// created turns the answer of a write into that of a creation.
func (c *call) created(location string, a answer) answer {
	a.set("Location", location)
	if a.status == http.StatusNoContent {
		a.set("OData-EntityId", location)
	} else {
		a.status = http.StatusCreated
	}
	return a
}

func (h *Handler) updateConnector(ctx context.Context, c *call) (answer, error) {
	chosen, err := connectors.one(c.options)
	if err != nil {
		return answer{}, err
	}
	match, err := c.precondition()
	if err != nil {
		return answer{}, err
	}
	patch, _, err := c.connectorBody(c.keys[0])
	if err != nil {
		return answer{}, err
	}
	view, err := h.opts.Manage.UpdateConnector(ctx, c.caller, c.keys[0], patch, match)
	if err != nil {
		return answer{}, err
	}
	return c.writtenConnector(view, chosen, returnMinimal), nil
}

func (h *Handler) deleteConnector(ctx context.Context, c *call) (answer, error) {
	match, err := c.precondition()
	if err != nil {
		return answer{}, err
	}
	if err := h.opts.Manage.DeleteConnector(ctx, c.caller, c.keys[0], match); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

func (h *Handler) uploadClientCertificate(ctx context.Context, c *call) (answer, error) {
	chosen, err := connectors.one(c.options)
	if err != nil {
		return answer{}, err
	}
	match, err := c.precondition()
	if err != nil {
		return answer{}, err
	}
	parameters, body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	once, err := c.once(body)
	if err != nil {
		return answer{}, err
	}
	view, err := h.opts.Manage.UploadClientCertificate(ctx, c.caller, c.keys[0], authenticationGiven(parameters), match, once)
	if err != nil {
		return answer{}, err
	}
	return c.writtenConnector(view, chosen, returnRepresentation), nil
}

// connector renders one connector with its ETag, which is an extension that a Graph client never notices.
func (c *call) connector(view manage.ConnectorView, chosen []string) answer {
	entity := connectorEntity(c, view, chosen)
	entity.ContextURL = connectors.within(c.container).context(c, chosen, "/$entity")
	a := c.ok(odata.AppendEntity(nil, entity, c.format))
	a.set("ETag", edge.ETag(view.Version))
	return a
}

func (c *call) writtenConnector(view manage.ConnectorView, chosen []string, standard string) answer {
	return c.written(view.Version, standard, func() answer { return c.connector(view, chosen) })
}

// written answers a write as the client prefers, else by the operation's own standard: with the entity, or with 204
// and nothing (contract 3.2).
func (c *call) written(version int64, standard string, entity func() answer) answer {
	wanted := returnPreference(c.header)
	a := answer{status: http.StatusNoContent}
	if wanted == returnRepresentation || wanted == "" && standard == returnRepresentation {
		a = entity()
	}
	a.set("ETag", edge.ETag(version))
	if wanted != "" {
		a.set("Preference-Applied", "return="+wanted)
	}
	return a
}

func connectorEntity(c *call, view manage.ConnectorView, chosen []string) odata.Entity {
	return odata.Entity{
		ID:   c.base() + connectors.path + "/" + url.PathEscape(view.ID),
		Type: connectors.typeName,
		Properties: project([]odata.Property{
			{Name: "id", Value: odata.String(view.ID)},
			{Name: "displayName", Value: odata.String(view.DisplayName)},
			{Name: "targetUrl", Value: odata.String(view.TargetURL)},
			{Name: "authenticationConfiguration", Value: odata.Complex{
				Type:       "microsoft.graph." + view.Authentication.Type,
				Declared:   "microsoft.graph.apiAuthenticationConfigurationBase",
				Properties: authenticationProperties(view.Authentication.Members),
			}},
		}, chosen),
	}
}

// authenticationProperties renders the members that credential shows; the types of a collection's items are
// pkcs12CertificateInformation's, the only one there is.
func authenticationProperties(members manage.AuthenticationObject) []odata.Property {
	properties := make([]odata.Property, len(members))
	for i, m := range members {
		properties[i].Name = m.Name
		switch v := m.Value.(type) {
		case string:
			properties[i].Value = odata.String(v)
		case bool:
			properties[i].Value = odata.Bool(v)
		case int64:
			properties[i].Value = odata.Int64(v)
		case []manage.AuthenticationObject:
			list := odata.ComplexCollection{Declared: "microsoft.graph.pkcs12CertificateInformation"}
			for _, item := range v {
				list.Items = append(list.Items, odata.Complex{Type: list.Declared, Properties: authenticationProperties(item)})
			}
			properties[i].Value = list
		}
	}
	return properties
}

// connectorBody reads what a POST (id is "") or a PATCH gives of a connector.
func (c *call) connectorBody(id string) (manage.ConnectorPatch, []byte, error) {
	object, body, err := c.object()
	if err != nil {
		return manage.ConnectorPatch{}, nil, err
	}
	patch, err := readConnector(object, id)
	return patch, body, err
}

func readConnector(object odata.Object, id string) (manage.ConnectorPatch, error) {
	var patch manage.ConnectorPatch
	rootTyped, err := checkRootType(object, connectors.typeName)
	if err != nil {
		return patch, err
	}
	for name, value := range object.All() {
		switch {
		case odata.IsAnnotation(name):
		case name == "id":
			err = checkID(value, id)
		case name == "displayName":
			patch.DisplayName, err = requiredText(name, value)
		case name == "targetUrl":
			patch.TargetURL, err = requiredText(name, value)
		case name == "authenticationConfiguration":
			patch.Authentication, err = readAuthentication(value, rootTyped && id != "")
		default:
			err = unknownProperty(name, connectors.typeName)
		}
		if err != nil {
			return manage.ConnectorPatch{}, err
		}
	}
	return patch, nil
}

// readAuthentication reads an authenticationConfiguration. Null is refused (contract 8, row 23), but for a PATCH that
// names its root type: go-azure-sdk does so and writes every member that is not set as null, so there null is "absent".
func readAuthentication(value odata.Value, nullIsAbsent bool) (*manage.AuthenticationGiven, error) {
	const name = "authenticationConfiguration"
	if value.IsNull() {
		if nullIsAbsent {
			return nil, nil
		}
		return nil, apiconn.RequiredValue(name)
	}
	members, ok := value.Object()
	if !ok {
		return nil, wrongType(name, "an object", value)
	}
	given := authenticationGiven(members)
	return &given, nil
}

// authenticationGiven strips the annotations and keeps the type they name.
func authenticationGiven(object odata.Object) manage.AuthenticationGiven {
	given := manage.AuthenticationGiven{Members: map[string]any{}}
	for name, value := range object.All() {
		if name == "@odata.type" {
			given.Type, _ = value.Text()
		}
		if !odata.IsAnnotation(name) {
			given.Members[name] = value.Any()
		}
	}
	return given
}
