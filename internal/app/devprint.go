package app

import (
	"fmt"
	"io"
	"strings"
)

// devFacts is what a client of the development server needs to know.
type devFacts struct {
	URL          string
	TenantID     string
	ClientID     string
	ClientSecret string
	ConnectorID  string
	TLS          devTLS
	EnvFile      string

	DemoConnectorID string
	DemoFlowID      string
	DemoPassword    string
}

// graphScope is the scope that Graph clients ask a token for.
const graphScope = "https://graph.microsoft.com/.default"

// firstExample is the body of the first example of Microsoft's "Update identityApiConnector" page.
const firstExample = `{
  "displayName": "New Test API",
  "targetUrl": "https://otherapi.com/api/endpoint",
  "authenticationConfiguration": {
    "@odata.type": "microsoft.graph.basicAuthentication",
    "username": "<NEW_USERNAME>",
    "password": "<NEW_PASSWORD>"
  }
}`

// environment is what dev.env holds: the variables of azidentity and @azure/identity, of TLS clients, and ours.
func (f devFacts) environment() []variable {
	return []variable{
		{"PATCHBAY_URL", f.URL},
		{"PATCHBAY_CONNECTOR_ID", f.ConnectorID},
		{"PATCHBAY_DEMO_CONNECTOR_ID", f.DemoConnectorID},
		{demoPasswordName, f.DemoPassword},
		{"AZURE_AUTHORITY_HOST", f.URL},
		{"AZURE_TENANT_ID", f.TenantID},
		{"AZURE_CLIENT_ID", f.ClientID},
		{"AZURE_CLIENT_SECRET", f.ClientSecret},
		{"SSL_CERT_FILE", f.TLS.BundleFile},
		{"NODE_EXTRA_CA_CERTS", f.TLS.CAFile},
		{"REQUESTS_CA_BUNDLE", f.TLS.BundleFile}, // Python's requests: synchronous azure-identity, az
	}
}

// print writes what to paste into a shell. All of it is one script: what is not a command is a comment.
func (f devFacts) print(w io.Writer) error {
	connector := f.URL + "/v1.0/identity/apiConnectors/" + f.ConnectorID
	curl := "curl -sS --cacert " + quote(f.TLS.CAFile)
	var b strings.Builder
	fmt.Fprintf(&b, "# Patchbay development server at %s (Ctrl-C stops it; the next start finds everything as it was)\n", f.URL)
	fmt.Fprintf(&b, "# CA certificate: %s\n", f.TLS.CAFile)
	b.WriteString("\n# 1. A token of the local authority\n")
	fmt.Fprintf(&b, "TOKEN=$(%s %s/%s/oauth2/v2.0/token \\\n", curl, f.URL, f.TenantID)
	fmt.Fprintf(&b, "  -d grant_type=client_credentials -d scope=%s \\\n", graphScope)
	fmt.Fprintf(&b, "  -d client_id=%s --data-urlencode client_secret=%s |\n", f.ClientID, quote(f.ClientSecret))
	b.WriteString("  sed -n 's/.*\"access_token\" *: *\"\\([^\"]*\\)\".*/\\1/p')\n")
	b.WriteString("\n# 2. Microsoft's first example: change an API connector. It answers 204\n")
	fmt.Fprintf(&b, "%s -i -X PATCH %s \\\n", curl, connector)
	fmt.Fprintf(&b, "  -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' -d %s\n", quote(firstExample))
	b.WriteString("\n# 3. Read it back\n")
	fmt.Fprintf(&b, "%s %s -H \"Authorization: Bearer $TOKEN\"; echo\n", curl, connector)
	b.WriteString("\n# 4. A step of a sign-up: the decision and its receipt. Try block@example.com, invalid@example.com, html@example.com too\n")
	fmt.Fprintf(&b, "%s '%s/runtime/v1/userFlows/%s/steps/%s?receipt=true' -u %s -H 'Content-Type: application/json' -d '{\"claims\":{\"email\":\"ada@example.com\",\"displayName\":\"Ada Lovelace\"}}'; echo\n",
		curl, f.URL, f.DemoFlowID, demoStep, quote(f.TenantID+"/"+f.ClientID+":"+f.ClientSecret))
	b.WriteString("\n# Environment for azidentity, @azure/identity and any TLS client\n")
	fmt.Fprintf(&b, "set -a; . %s; set +a   # which sets:\n", quote(f.EnvFile))
	for _, v := range f.environment() {
		fmt.Fprintf(&b, "#   %s=%s\n", v.name, quote(v.value))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
