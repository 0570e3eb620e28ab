package graph_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/edge/graph"
)

// published is one operation as Microsoft's description of v1.0 has it: its operationId as it stands there, and the kind of
// its parameters. Read in openApiDocs/v1.0/Identity.SignIns.yml of microsoftgraph/msgraph-sdk-powershell, commit 01724eb1, the
// slice of Microsoft's OpenAPI that its PowerShell module is made from.
type published struct {
	method, path, id string
	parameters       []string
}

// The parameters that Microsoft's operations have, but for the keys in paths.
var (
	ofList   = []string{"$top", "$skip", "$search", "$filter", "$count", "$orderby", "$select", "$expand"}
	ofCount  = []string{"$search", "$filter"}
	ofGet    = []string{"$select", "$expand"}
	ofDelete = []string{"If-Match"}
)

// publishedOperations is every operation that Microsoft publishes for connectors, for the flows that call them and for their steps. The
// other parts of a user flow (languages, attributes, identity providers) are not ours and not here.
func publishedOperations() []published {
	const (
		connectors    = "/identity/apiConnectors"
		connector     = connectors + "/{identityApiConnector-id}"
		flows         = "/identity/b2xUserFlows"
		flow          = flows + "/{b2xIdentityUserFlow-id}"
		configuration = flow + "/apiConnectorConfiguration"
		upload        = "/microsoft.graph.uploadClientCertificate"
	)
	all := []published{
		{"get", "/identity", "identity.identityContainer_GetIdentityContainer", ofGet},
		{"patch", "/identity", "identity.identityContainer_UpdateIdentityContainer", nil},
		{"get", connectors, "identity_ListApiConnector", ofList},
		{"post", connectors, "identity_CreateApiConnector", nil},
		{"get", connectors + "/$count", "identity.apiConnector_GetCount", ofCount},
		{"get", connector, "identity_GetApiConnector", ofGet},
		{"patch", connector, "identity_UpdateApiConnector", nil},
		{"delete", connector, "identity_DeleteApiConnector", ofDelete},
		{"post", connector + upload, "identity.apiConnector_uploadClientCertificate", nil},
		{"get", flows, "identity_ListB2xUserFlow", ofList},
		{"post", flows, "identity_CreateB2xUserFlow", nil},
		{"get", flows + "/$count", "identity.b2xUserFlow_GetCount", ofCount},
		{"get", flow, "identity_GetB2xUserFlow", ofGet},
		{"patch", flow, "identity_UpdateB2xUserFlow", nil},
		{"delete", flow, "identity_DeleteB2xUserFlow", ofDelete},
		{"get", configuration, "identity.b2xUserFlow_GetApiConnectorConfiguration", ofGet},
	}
	// PowerShell's own escapes stand in some of the names: GraphAPre for what it would cut at "At", GraphBPre at "By".
	for step, id := range map[string][2]string{
		"postAttributeCollection": {"PostAttributeCollection", "PostGraphAPretributeCollectionGraphBPreRef"},
		"postFederationSignup":    {"PostFederationSignup", "PostFederationSignupGraphBPreRef"},
	} {
		const of = "identity.b2xUserFlow"
		path := configuration + "/" + step
		all = append(all,
			published{"get", path, of + "_Get" + id[0], ofGet},
			published{"patch", path, of + "_Update" + id[0], nil},
			published{"delete", path, of + "_Delete" + id[0], ofDelete},
			published{"get", path + "/$ref", of + "_Get" + id[1], nil},
			published{"put", path + "/$ref", of + "_Set" + id[1], nil},
			published{"delete", path + "/$ref", of + "_Delete" + id[1], ofDelete},
			published{"post", path + upload, of + ".apiConnectorConfiguration." + step + "_uploadClientCertificate", nil},
		)
	}
	return all
}

// here is the operation of ours that answers the published one, the id that it has and those of its parameters that are not in
// the path.
func here(t *testing.T, d edge.Description, p published) (o edge.Operation, parameters []string, found bool) {
	t.Helper()
	o, found = d.Paths["/v1.0"+strings.Replace(p.path, "/microsoft.graph.", "/", 1)][p.method]
	for _, parameter := range o.Parameters {
		if reference, ok := parameter["$ref"].(string); ok {
			parameter = d.Components["parameters"][reference[strings.LastIndexByte(reference, '/')+1:]].(edge.Object)
		}
		if parameter["in"] != "path" {
			parameters = append(parameters, parameter["name"].(string))
		}
	}
	return o, parameters, found
}

// notHere are the published operations that we do not have, and why.
var notHere = map[string]string{
	"patch /identity": "the live service has nothing at /identity",
	"patch /identity/b2xUserFlows/{b2xIdentityUserFlow-id}": "no cloud offers it",
}

// TestPublishedOperations: what Microsoft publishes is here under the same path, method and operationId, or is known not to be;
// and nothing else is under those paths.
func TestPublishedOperations(t *testing.T) {
	t.Parallel()
	d, err := graph.OpenAPI(graph.Global)
	if err != nil {
		t.Fatal(err)
	}
	unescaped := strings.NewReplacer("GraphAPre", "At", "GraphBPre", "By")
	seen := map[string]bool{}
	for _, p := range publishedOperations() {
		name := p.method + " " + p.path
		o, _, found := here(t, d, p)
		if _, absent := notHere[name]; found == absent {
			t.Errorf("%s: here is %t", name, found)
		}
		seen[o.ID] = true
		if want := unescaped.Replace(p.id); found && o.ID != want && p.path != "/identity" {
			t.Errorf("%s has the operationId %s, want %s", name, o.ID, want)
		}
	}
	for path, methods := range d.Paths {
		for method, o := range methods {
			if strings.HasPrefix(path, "/v1.0/identity") && !seen[o.ID] {
				t.Errorf("%s %s is not in Microsoft's description", method, path)
			}
		}
	}
}

// differences is the table of docs/openapi.md.
func differences(t *testing.T, d edge.Description) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| method | path | operationId | parameters only there | only here |\n|---|---|---|---|---|\n")
	rows := map[string]string{}
	for _, p := range publishedOperations() {
		o, parameters, found := here(t, d, p)
		id := "the same"
		switch {
		case !found:
			id = "not here: " + notHere[p.method+" "+p.path]
		case o.ID != p.id:
			id = "`" + o.ID + "` for `" + p.id + "`"
		}
		without := func(these, those []string) string {
			var rest []string
			for _, name := range these {
				if !slices.Contains(those, name) {
					rest = append(rest, "`"+name+"`")
				}
			}
			return strings.Join(rest, ", ")
		}
		there, more := without(p.parameters, parameters), without(parameters, p.parameters)
		rows[p.path+" "+p.method] = fmt.Sprintf("| %s | %#q | %s | %s | %s |\n", strings.ToUpper(p.method), p.path, id, there, more)
	}
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		b.WriteString(rows[key])
	}
	return b.String()
}
