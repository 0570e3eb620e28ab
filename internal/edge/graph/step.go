package graph

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/odata"
)

// configurationType is the type of apiConnectorConfiguration. It has no property but its steps, which are navigations.
const configurationType = "microsoft.graph.userFlowApiConnectorConfiguration"

// configuration is what the query options may name of it.
var configuration = resource{typeName: configurationType}

// configurationPath is the path of a flow's apiConnectorConfiguration as context URLs have it (contract 2.8).
func (c *call) configurationPath() string {
	return c.route.flows.path + "('" + c.keys[0] + "')/apiConnectorConfiguration"
}

// findStep finds a step that the call's version has, its name in any case.
func (c *call) findStep(name string) (apiconn.Step, bool) {
	step, ok := apiconn.StepByName(name)
	return step, ok && (!step.BetaOnly || c.version == beta)
}

// getConfiguration answers with the connectors of the steps in $expand; a step that is not linked is null.
func (h *Handler) getConfiguration(ctx context.Context, c *call) (answer, error) {
	steps, err := c.expanded()
	if err != nil {
		return answer{}, err
	}
	linked, err := h.opts.Manage.LinkedConnectors(ctx, c.caller, c.route.flows.kind, c.keys[0])
	if err != nil {
		return answer{}, err
	}
	path := c.base() + "/$metadata#" + strings.TrimPrefix(c.configurationPath(), "/")
	entity := odata.Entity{Type: configurationType, ContextURL: path}
	if len(steps) > 0 {
		entity.ContextURL += "(" + strings.Join(steps, "(),") + "())"
	}
	for _, step := range steps {
		property := odata.Property{Name: step}
		if view, ok := linked[step]; ok {
			connector := connectorEntity(c, view, nil)
			connector.ContextURL = path + "/" + configurationType + "/" + step + "/$entity"
			property.Value = connector
		}
		entity.Properties = append(entity.Properties, property)
	}
	return c.ok(odata.AppendEntity(nil, entity, c.format)), nil
}

// expanded is the steps of $expand, by their own names.
func (c *call) expanded() ([]string, error) {
	var steps []string
	for _, item := range c.options.Expand {
		if item == "*" {
			for _, step := range apiconn.Steps {
				if _, ok := c.findStep(step.Name); ok && !slices.Contains(steps, step.Name) {
					steps = append(steps, step.Name)
				}
			}
			continue
		}
		name, nested, _ := strings.Cut(item, "(")
		step, ok := c.findStep(strings.TrimSpace(name))
		if !ok {
			return nil, configuration.unknown("Parsing OData Select and Expand failed: ", "$expand", name)
		}
		if strings.Trim(nested, " )") != "" {
			return nil, badRequest("Query options within $expand are not supported on type '" + configurationType + "'. Name the steps only.")
		}
		if !slices.Contains(steps, step.Name) {
			steps = append(steps, step.Name)
		}
	}
	rest := c.options
	rest.Given = slices.DeleteFunc(slices.Clone(rest.Given), func(name string) bool { return name == "$expand" })
	return steps, configuration.check(rest, true)
}

// The reference to the connector of a step.

func (h *Handler) getStepReference(ctx context.Context, c *call) (answer, error) {
	if err := configuration.check(c.options, true); err != nil {
		return answer{}, err
	}
	view, err := h.opts.Manage.LinkedConnector(ctx, c.caller, c.route.flows.kind, c.keys[0], c.route.step.Name)
	if err != nil {
		return answer{}, err
	}
	entity := odata.Entity{ContextURL: c.base() + "/$metadata#$ref", Properties: []odata.Property{
		{Name: "@odata.id", Value: odata.String(connectorEntity(c, view, nil).ID)},
	}}
	return c.ok(odata.AppendEntity(nil, entity, c.format)), nil
}

// putStepReference links a step, or unlinks it where the body is empty (contract 2.8). A body that has anything else than
// @odata.id is refused and not taken for an empty one, so that a misspelt name cannot switch a check off.
func (h *Handler) putStepReference(ctx context.Context, c *call) (answer, error) {
	match, err := c.precondition()
	if err != nil {
		return answer{}, err
	}
	object, _, err := c.object()
	if err != nil {
		return answer{}, err
	}
	connector := ""
	for name, value := range object.All() {
		if name == "@odata.id" {
			connector, err = readReference(name, value)
		} else if !strings.HasPrefix(name, "@") {
			err = apiconn.Invalidf(name, "The body of $ref has one property, '@odata.id'. Give it alone, or {} to unlink the step.")
		}
		if err != nil {
			return answer{}, err
		}
	}
	if object.Len() > 0 && connector == "" {
		return answer{}, apiconn.RequiredValue("@odata.id")
	}
	if err := h.opts.Manage.LinkConnector(ctx, c.caller, c.route.flows.kind, c.keys[0], c.route.step.Name, connector, match); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

func (h *Handler) deleteStepReference(ctx context.Context, c *call) (answer, error) {
	match, err := c.precondition()
	if err != nil {
		return answer{}, err
	}
	if err := h.opts.Manage.UnlinkConnector(ctx, c.caller, c.route.flows.kind, c.keys[0], c.route.step.Name, match); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

// The connector of a step, as if the flow contained it: its operations are those of a connector, and ask for the
// permissions of both.

func (h *Handler) getStepConnector(ctx context.Context, c *call) (answer, error) {
	chosen, err := connectors.one(c.options)
	if err != nil {
		return answer{}, err
	}
	view, err := h.opts.Manage.LinkedConnector(ctx, c.caller, c.route.flows.kind, c.keys[0], c.route.step.Name)
	if err != nil {
		return answer{}, err
	}
	c.container = c.configurationPath() + "/" + c.route.step.Name
	return c.connector(view, chosen), nil
}

func (h *Handler) updateStepConnector(ctx context.Context, c *call) (answer, error) {
	if err := h.enterStep(ctx, c); err != nil {
		return answer{}, err
	}
	return h.updateConnector(ctx, c)
}

func (h *Handler) uploadStepCertificate(ctx context.Context, c *call) (answer, error) {
	if err := h.enterStep(ctx, c); err != nil {
		return answer{}, err
	}
	return h.uploadClientCertificate(ctx, c)
}

// enterStep makes the call one about the connector of its step. Another request may link another connector meanwhile;
// then this one came first.
func (h *Handler) enterStep(ctx context.Context, c *call) error {
	view, err := h.opts.Manage.LinkedConnector(ctx, c.caller, c.route.flows.kind, c.keys[0], c.route.step.Name)
	if err != nil {
		return err
	}
	c.container = c.configurationPath() + "/" + c.route.step.Name
	c.keys = []string{view.ID}
	return nil
}

// unlinkStep answers DELETE on a step. The connector is not deleted: it lives in /identity/apiConnectors, and other flows
// may call it. An ETag read here is the connector's, so it says nothing about the link.
func (h *Handler) unlinkStep(ctx context.Context, c *call) (answer, error) {
	if len(c.header.Values("If-Match")) > 0 {
		return answer{}, badRequest("The If-Match header is not supported where a connector is unlinked by its step. Leave it out.")
	}
	return h.deleteStepReference(ctx, c)
}
