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

// userFlowSet is the collection of one kind of user flow.
type userFlowSet struct {
	resource
	availability
	kind apiconn.UserFlowKind
}

// The collections of user flows (contract 1.3). Their properties stand in the order of the documented examples.
var (
	b2xUserFlows = &userFlowSet{
		kind: apiconn.B2X, availability: connectorClouds,
		resource: resource{
			path: "/identity/b2xUserFlows", typeName: "microsoft.graph.b2xIdentityUserFlow",
			properties: []property{
				{name: "id", plain: true},
				{name: "userFlowType", plain: true},
				{name: "userFlowTypeVersion"},
				{name: "apiConnectorConfiguration"},
			},
		},
	}
	b2cUserFlows = &userFlowSet{
		kind: apiconn.B2C, availability: availability{clouds: []Cloud{Global}, versions: []string{beta}},
		resource: resource{
			path: "/identity/b2cUserFlows", typeName: "microsoft.graph.b2cIdentityUserFlow",
			properties: []property{
				{name: "id", plain: true},
				{name: "userFlowType", plain: true},
				{name: "userFlowTypeVersion"},
				{name: "isLanguageCustomizationEnabled"},
				{name: "defaultLanguageTag"},
				{name: "apiConnectorConfiguration"},
			},
		},
	}
)

func (h *Handler) listUserFlows(ctx context.Context, c *call) (answer, error) {
	set := c.route.flows
	q, err := set.query(c.options, h.opts.PageSize)
	if err != nil {
		return answer{}, err
	}
	chosen, err := set.selection(c.options)
	if err != nil {
		return answer{}, err
	}
	page, err := h.opts.Manage.ListUserFlows(ctx, c.caller, set.kind, q)
	if err != nil {
		return answer{}, err
	}
	var count *int64
	if c.options.Count {
		n, err := h.opts.Manage.CountUserFlows(ctx, c.caller, set.kind, q.Where)
		if err != nil {
			return answer{}, err
		}
		count = &n
	}
	entities := make([]odata.Entity, len(page.Items))
	for i, flow := range page.Items {
		entities[i] = userFlowEntity(c, flow, chosen)
	}
	return set.listing(c, chosen, count, page.Next, entities), nil
}

// countUserFlows answers GET …/$count with a bare number; $filter applies, everything else does not.
func (h *Handler) countUserFlows(ctx context.Context, c *call) (answer, error) {
	set := c.route.flows
	if err := set.check(c.options, false); err != nil {
		return answer{}, err
	}
	where, err := set.where(c.options.Filter)
	if err != nil {
		return answer{}, err
	}
	n, err := h.opts.Manage.CountUserFlows(ctx, c.caller, set.kind, where)
	if err != nil {
		return answer{}, err
	}
	return number(n), nil
}

func (h *Handler) getUserFlow(ctx context.Context, c *call) (answer, error) {
	chosen, err := c.route.flows.one(c.options)
	if err != nil {
		return answer{}, err
	}
	flow, err := h.opts.Manage.GetUserFlow(ctx, c.caller, c.route.flows.kind, c.keys[0])
	if err != nil {
		return answer{}, err
	}
	return c.userFlow(flow, chosen), nil
}

func (h *Handler) createUserFlow(ctx context.Context, c *call) (answer, error) {
	set := c.route.flows
	chosen, err := set.one(c.options)
	if err != nil {
		return answer{}, err
	}
	object, body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	given, err := c.readUserFlow(object, "")
	if err != nil {
		return answer{}, err
	}
	once, err := c.once(body)
	if err != nil {
		return answer{}, err
	}
	flow, err := h.opts.Manage.CreateUserFlow(ctx, c.caller, set.kind, given, once)
	if err != nil {
		return answer{}, err
	}
	a := c.written(flow.Version, returnRepresentation, func() answer { return c.userFlow(flow, chosen) })
	return c.created(c.base()+set.path+"/"+url.PathEscape(flow.ID), a), nil
}

func (h *Handler) updateUserFlow(ctx context.Context, c *call) (answer, error) {
	chosen, err := c.route.flows.one(c.options)
	if err != nil {
		return answer{}, err
	}
	match, err := c.precondition()
	if err != nil {
		return answer{}, err
	}
	object, _, err := c.object()
	if err != nil {
		return answer{}, err
	}
	given, err := c.readUserFlow(object, c.keys[0])
	if err != nil {
		return answer{}, err
	}
	flow, err := h.opts.Manage.UpdateUserFlow(ctx, c.caller, c.route.flows.kind, c.keys[0], given, match)
	if err != nil {
		return answer{}, err
	}
	return c.written(flow.Version, returnMinimal, func() answer { return c.userFlow(flow, chosen) }), nil
}

func (h *Handler) deleteUserFlow(ctx context.Context, c *call) (answer, error) {
	match, err := c.precondition()
	if err != nil {
		return answer{}, err
	}
	if err := h.opts.Manage.DeleteUserFlow(ctx, c.caller, c.route.flows.kind, c.keys[0], match); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

// userFlow renders one user flow with its ETag.
func (c *call) userFlow(flow apiconn.UserFlow, chosen []string) answer {
	entity := userFlowEntity(c, flow, chosen)
	entity.ContextURL = c.route.flows.context(c, chosen, "/$entity")
	a := c.ok(odata.AppendEntity(nil, entity, c.format))
	a.set("ETag", edge.ETag(flow.Version))
	return a
}

// userFlowEntity shows apiConnectorConfiguration as an empty object whatever is linked: it has navigation properties
// only, and they are not expanded (contract 2.8).
func userFlowEntity(c *call, flow apiconn.UserFlow, chosen []string) odata.Entity {
	properties := []odata.Property{
		{Name: "id", Value: odata.String(flow.ID)},
		{Name: "userFlowType", Value: odata.String(flow.Type)},
		{Name: "userFlowTypeVersion", Value: odata.Single(flow.TypeVersion)},
	}
	if flow.Kind == apiconn.B2C {
		properties = append(properties,
			odata.Property{Name: "isLanguageCustomizationEnabled", Value: odata.Bool(flow.LanguageCustomization)},
			odata.Property{Name: "defaultLanguageTag", Value: orNull(flow.DefaultLanguage)})
	}
	properties = append(properties, odata.Property{
		Name: "apiConnectorConfiguration", Value: odata.Complex{Type: configurationType, Declared: configurationType},
	})
	return odata.Entity{
		ID:         c.base() + c.route.flows.path + "/" + url.PathEscape(flow.ID),
		Type:       c.route.flows.typeName,
		Properties: project(properties, chosen),
	}
}

// readUserFlow reads what a POST (id is "") or a PATCH gives of a user flow.
func (c *call) readUserFlow(object odata.Object, id string) (manage.UserFlowGiven, error) {
	var given manage.UserFlowGiven
	typeName := c.route.flows.typeName
	if _, err := checkRootType(object, typeName); err != nil {
		return given, err
	}
	for name, value := range object.All() {
		var err error
		_, known := c.route.flows.find(name)
		switch {
		case odata.IsAnnotation(name):
		case name == "id" && id == "":
			given.ID, err = requiredText(name, value)
		case name == "id":
			err = checkID(value, id)
		case name == "userFlowType":
			given.Type, err = requiredText(name, value)
		case name == "userFlowTypeVersion":
			given.TypeVersion, err = requiredSingle(name, value)
		case name == "isLanguageCustomizationEnabled" && known:
			given.LanguageCustomization, err = requiredBool(name, value)
		case name == "defaultLanguageTag" && known:
			given.DefaultLanguage, err = optionalText(name, value)
		case name == "apiConnectorConfiguration":
			given.ConnectorIDs, err = c.readLinks(value)
		default:
			err = unknownProperty(name, typeName)
		}
		if err != nil {
			return manage.UserFlowGiven{}, err
		}
	}
	return given, nil
}

// optionalText is a text that may be null, which is "".
func optionalText(name string, value odata.Value) (*string, error) {
	if value.IsNull() {
		return new(string), nil
	}
	return requiredText(name, value)
}

func requiredBool(name string, value odata.Value) (*bool, error) {
	if value.IsNull() {
		return nil, apiconn.RequiredValue(name)
	}
	truth, ok := value.Bool()
	if !ok {
		return nil, wrongType(name, "a boolean", value)
	}
	return &truth, nil
}

// requiredSingle is an Edm.Single.
func requiredSingle(name string, value odata.Value) (*float32, error) {
	if value.IsNull() {
		return nil, apiconn.RequiredValue(name)
	}
	text, ok := value.Number()
	if !ok {
		return nil, wrongType(name, "a number", value)
	}
	wide, err := strconv.ParseFloat(text.String(), 32)
	if err != nil {
		return nil, apiconn.Invalidf(name, "The value of '%s' is out of the range of Edm.Single. Give a smaller number.", name)
	}
	single := float32(wide)
	return &single, nil
}
