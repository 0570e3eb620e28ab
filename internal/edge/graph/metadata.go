package graph

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"text/template"

	"github.com/patchbay/patchbay/internal/odata"
)

//go:embed csdl.xml.tmpl
var csdlTemplate string

// schemaFor renders $metadata for a version of a cloud: our subset of the published CSDL, property for property (contract 1.1), and
// nothing that this version does not serve.
func schemaFor(cloud Cloud, version string) ([]byte, error) {
	t, err := template.New("csdl").Parse(csdlTemplate)
	if err != nil {
		return nil, fmt.Errorf("parse the CSDL template: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, map[string]bool{
		"Connectors": cloud == Global || cloud == China,
		"China":      cloud == China,
		"Beta":       version == beta,
		"B2C":        b2cUserFlows.in(cloud, version),
	}); err != nil {
		return nil, fmt.Errorf("render the CSDL template: %w", err)
	}
	return out.Bytes(), nil
}

// metadata answers GET /$metadata, which is public (contract 3.7).
func (h *Handler) metadata(_ context.Context, c *call) (answer, error) {
	return answer{status: http.StatusOK, contentType: "application/xml", body: h.schemas[c.version]}, nil
}

// serviceDocument answers GET on the version's root (OData JSON 4.0 section 5).
func (h *Handler) serviceDocument(_ context.Context, c *call) (answer, error) {
	singleton := func(name odata.String) odata.Entity {
		return odata.Entity{Properties: []odata.Property{{Name: "name", Value: name}, {Name: "kind", Value: odata.String("Singleton")}, {Name: "url", Value: name}}}
	}
	return c.ok(odata.AppendCollection(nil, c.base()+"/$metadata", nil, "", []odata.Entity{singleton("auditLogs"), singleton("identity")}, c.format)), nil
}

// identity answers GET /identity as the live service does: with a 404 whose message is itself a JSON text (contract 2.7).
func (h *Handler) identity(_ context.Context, c *call) (answer, error) {
	message := object(odata.Property{Name: "Message", Value: odata.String("No HTTP resource was found that matches the request URI '" + c.base() + "/identity'.")})
	return answer{}, &problem{status: http.StatusNotFound, code: "UnknownError", message: string(message)}
}
