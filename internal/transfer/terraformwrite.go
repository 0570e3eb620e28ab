package transfer

import (
	"fmt"
	"strings"
	"unicode"
)

// hclWriter writes Terraform's configuration. Secrets are variables of it.
type hclWriter struct {
	names     map[string]bool
	variables []string
	body      strings.Builder
	addresses []string // of the connectors, in the order of the document
}

// writeTerraform writes a resource for each connector and each user flow, and an import block where the id is known.
func writeTerraform(d Document) []byte {
	w := &hclWriter{names: map[string]bool{}}
	for _, c := range d.Connectors {
		w.connector(c)
	}
	for _, f := range d.Flows {
		w.flow(d, f)
	}
	var out strings.Builder
	out.WriteString(`# Written by patchbay export. Secrets are variables, and none is in this file; Terraform keeps them in its state.
terraform {
  required_providers {
    msgraph = {
      source = "microsoft/msgraph"
    }
  }
}

provider "msgraph" {}
`)
	for _, name := range w.variables {
		fmt.Fprintf(&out, "\nvariable %q {\n  type      = string\n  sensitive = true\n}\n", name)
	}
	out.WriteString(w.body.String())
	return []byte(out.String())
}

// hcl writes a string of HCL, which takes nothing in it for a template.
func hcl(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for i, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case (r == '$' || r == '%') && strings.HasPrefix(text[i+1:], "{"):
			out.WriteRune(r)
			out.WriteRune(r)
		case unicode.IsControl(r):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// snake writes a name as an identifier such as customer_check.
func snake(name string) string {
	text := strings.ToLower(strings.Join(words(name), "_"))
	if text == "" || unicode.IsDigit(rune(text[0])) {
		text = strings.TrimSuffix("connector_"+text, "_")
	}
	return text
}

func (w *hclWriter) line(indent int, format string, args ...any) {
	fmt.Fprintf(&w.body, strings.Repeat("  ", indent)+format+"\n", args...)
}

func (w *hclWriter) variable(address, secret string) string {
	name := unique(w.names, address+"_"+secret, "_")
	w.variables = append(w.variables, name)
	return "var." + name
}

func (w *hclWriter) connector(c Connector) {
	address := unique(w.names, snake(c.Name), "_")
	w.addresses = append(w.addresses, address)
	if c.ID != "" {
		w.imports(address, "/identity/apiConnectors/"+c.ID+"?importProperties=displayName,targetUrl")
	}
	w.line(0, "\nresource \"msgraph_resource\" %q {", address)
	w.line(1, `url = "identity/apiConnectors"`)
	w.line(1, "body = {")
	w.line(2, "displayName = %s", hcl(c.Name))
	w.line(2, "targetUrl   = %s", hcl(c.TargetURL))
	w.line(2, "authenticationConfiguration = {")
	if c.Authentication.Kind == WithCertificate {
		for _, one := range c.Authentication.Certificates {
			w.line(3, "# now: %s%s", hcl(one.Thumbprint), map[bool]string{true: ", active"}[one.Active])
		}
		w.line(3, `"@odata.type" = "#microsoft.graph.pkcs12Certificate"`)
		w.line(3, "pkcs12Value   = %s", w.variable(address, "pkcs12"))
	} else {
		w.line(3, `"@odata.type" = "#microsoft.graph.basicAuthentication"`)
		w.line(3, "username      = %s", hcl(c.Authentication.Username))
	}
	w.line(3, "password      = %s", w.variable(address, "password"))
	w.line(2, "}\n  }\n}")
}

func (w *hclWriter) imports(address, id string) {
	w.line(0, "\nimport {")
	w.line(1, "to = msgraph_resource.%s", address)
	w.line(1, "id = %s", hcl(id))
	w.line(0, "}")
}

func (w *hclWriter) flow(d Document, f Flow) {
	collection, version := "identity/b2xUserFlows", ""
	if f.B2C() {
		collection, version = "identity/b2cUserFlows", "beta"
	}
	address := unique(w.names, snake(f.ID), "_")
	query := ""
	if version != "" {
		query = "?api-version=" + version
	}
	w.imports(address, "/"+collection+"/"+f.ID+query)
	w.line(0, "\nresource \"msgraph_resource\" %q {", address)
	if version == "" {
		w.line(1, "url = %s", hcl(collection))
	} else {
		w.line(1, "url         = %s\n  api_version = %s", hcl(collection), hcl(version))
	}
	w.line(1, "body = {")
	w.line(2, "id                  = %s", hcl(f.ID))
	w.line(2, "userFlowType        = %s", hcl(f.TypeOrDefault()))
	w.line(2, "userFlowTypeVersion = %s", numberText(f.VersionOrDefault()))
	w.line(1, "}")
	w.line(1, "lifecycle {") // an import leaves the body empty, and Graph has no PATCH of such a flow to fill it
	w.line(2, "ignore_changes = [body]")
	w.line(1, "}\n}")
	for _, step := range Steps() {
		link, linked := f.Links[step]
		if !linked || step == stepToken { // which has no reference
			continue
		}
		target := link.ID
		if i := d.linked(link); i >= 0 {
			target = "${msgraph_resource." + w.addresses[i] + ".id}"
		}
		w.line(0, "\nresource \"msgraph_resource_action\" %q {", unique(w.names, address+"_"+snake(step), "_"))
		w.line(1, "resource_url = \"${msgraph_resource.%s.resource_url}/apiConnectorConfiguration/%s\"", address, step)
		if version != "" {
			w.line(1, "api_version  = %s", hcl(version))
		}
		w.line(1, "action       = \"$ref\"")
		w.line(1, "method       = \"PUT\"")
		w.line(1, "body = {")
		w.line(2, "\"@odata.id\" = \"https://graph.microsoft.com/v1.0/identity/apiConnectors/%s\"", target)
		w.line(1, "}")
		w.line(0, "}")
	}
}
