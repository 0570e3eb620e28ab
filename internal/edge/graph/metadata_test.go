package graph_test

import (
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/edge/graph"
)

// element is an XML element without the white space and comments around it.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []element  `xml:",any"`
}

func (e element) attr(name string) string {
	i := slices.IndexFunc(e.Attrs, func(a xml.Attr) bool { return a.Name.Local == name })
	if i < 0 {
		return ""
	}
	return e.Attrs[i].Value
}

// facts says everything about e and what is in it, one fact a line, in an order that does not matter to CSDL but for the
// parameters of an action.
func (e element) facts() []string {
	line := e.XMLName.Local
	attrs := map[string]string{}
	for _, a := range e.Attrs {
		attrs[a.Name.Local] = a.Value
	}
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		line += " " + name + "=" + attrs[name]
	}
	facts := []string{line}
	for _, child := range e.Children {
		for _, fact := range child.facts() {
			facts = append(facts, "  "+fact)
		}
	}
	if e.XMLName.Local != "Action" && e.XMLName.Local != "EnumType" {
		slices.Sort(facts[1:])
	}
	return facts
}

// members are the elements of a schema by kind and name.
func (e element) members() map[string]element {
	byName := map[string]element{}
	for _, child := range e.Children {
		byName[child.XMLName.Local+" "+child.attr("Name")] = child
	}
	return byName
}

// fetchSchema gets $metadata as anybody may.
func fetchSchema(t *testing.T, cloud graph.Cloud, version string) element {
	t.Helper()
	site := build(t, settings{graph: graph.Options{Cloud: cloud}})
	resp, err := site.client().Get("https://graph.example/" + version + "/$metadata")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/xml" {
		t.Fatalf("%s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var edmx struct {
		XMLName      xml.Name `xml:"http://docs.oasis-open.org/odata/ns/edmx Edmx"`
		Version      string   `xml:"Version,attr"`
		DataServices struct {
			Schema element `xml:"http://docs.oasis-open.org/odata/ns/edm Schema"`
		} `xml:"http://docs.oasis-open.org/odata/ns/edmx DataServices"`
	}
	if err := xml.Unmarshal(text, &edmx); err != nil {
		t.Fatalf("$metadata: %v", err)
	}
	if edmx.Version != "4.0" {
		t.Errorf("CSDL version %q", edmx.Version)
	}
	return edmx.DataServices.Schema
}

func oracle(t *testing.T, name string) element {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "csdl", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	var schema element
	if err := xml.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestMetadataSaysWhatThePublishedCSDLSays compares element by element with the fragment of contract 1.1, cloud by cloud
// (contract 1.3).
func TestMetadataSaysWhatThePublishedCSDLSays(t *testing.T) {
	t.Parallel()
	connectors := []string{
		"EntityType identityApiConnector", "ComplexType apiAuthenticationConfigurationBase", "ComplexType basicAuthentication",
		"ComplexType clientCertificateAuthentication", "ComplexType pkcs12Certificate", "ComplexType pkcs12CertificateInformation",
		"Action uploadClientCertificate", "ComplexType userFlowApiConnectorConfiguration", "EnumType userFlowType",
		"EntityType identityUserFlow", "EntityType b2xIdentityUserFlow",
	}
	const b2c = "EntityType b2cIdentityUserFlow"
	for _, cloud := range graph.Clouds {
		for _, version := range []string{"v1.0", "beta"} {
			t.Run(string(cloud)+" "+version, func(t *testing.T) {
				t.Parallel()
				schema := fetchSchema(t, cloud, version)
				if ns, alias := schema.attr("Namespace"), schema.attr("Alias"); ns != "microsoft.graph" || alias != "graph" {
					t.Errorf("namespace %q, alias %q", ns, alias)
				}
				got, want := schema.members(), oracle(t, "global").members()
				inBeta := oracle(t, "beta").members()
				if version == "beta" {
					want["ComplexType userFlowApiConnectorConfiguration"] = inBeta["ComplexType userFlowApiConnectorConfiguration"]
				}
				if version == "beta" && cloud == graph.Global {
					maps.Copy(want, inBeta)
				} else if _, there := got[b2c]; there {
					t.Errorf("%s does not exist here", b2c)
				}
				container := want["EntityType identityContainer"]
				switch cloud {
				case graph.USGov, graph.USGovDoD:
					for _, name := range connectors {
						if _, there := got[name]; there {
							t.Errorf("%s does not exist in this cloud", name)
						}
						delete(want, name)
					}
					container.Children = nil
				case graph.China:
					container.Attrs = slices.DeleteFunc(container.Attrs, func(a xml.Attr) bool { return a.Name.Local == "BaseType" })
				case graph.Global:
				}
				want["EntityType identityContainer"] = container
				for name, published := range want {
					served := got[name]
					if name == "EntityContainer GraphService" { // the audit log is there, too
						served.Children = slices.DeleteFunc(served.Children, func(e element) bool { return e.attr("Name") != "identity" })
					}
					if diff := cmp.Diff(published.facts(), served.facts()); diff != "" {
						t.Errorf("%s (-want +got):\n%s", name, diff)
					}
				}
			})
		}
	}
}

var typeNames = regexp.MustCompile(`^(?:Collection\()?(?:microsoft\.graph|graph)\.(\w+)\)?$`)

// TestMetadataNamesOnlyWhatItDefines: no type is mentioned that a reader would look for in vain.
func TestMetadataNamesOnlyWhatItDefines(t *testing.T) {
	t.Parallel()
	for _, cloud := range graph.Clouds {
		schema := fetchSchema(t, cloud, "beta")
		defined := map[string]bool{}
		for _, child := range schema.Children {
			if strings.HasSuffix(child.XMLName.Local, "Type") {
				defined[child.attr("Name")] = true
			}
		}
		var walk func(e element)
		walk = func(e element) {
			for _, name := range []string{"Type", "BaseType"} {
				value := e.attr(name)
				m := typeNames.FindStringSubmatch(value)
				known := value == "" || strings.HasPrefix(value, "Edm.") || len(m) == 2 && defined[m[1]]
				if !known {
					t.Errorf("%s: %s %q names the type %q, which is not defined", cloud, e.XMLName.Local, e.attr("Name"), value)
				}
			}
			for _, child := range e.Children {
				walk(child)
			}
		}
		walk(schema)
	}
}

// TestMetadataHasNoAnnotations: no capability is denied, as in no cloud's CSDL one is (contract 1.2).
func TestMetadataHasNoAnnotations(t *testing.T) {
	t.Parallel()
	var walk func(e element)
	walk = func(e element) {
		if strings.HasPrefix(e.XMLName.Local, "Annotation") {
			t.Errorf("%s %v", e.XMLName.Local, e.Attrs)
		}
		for _, child := range e.Children {
			walk(child)
		}
	}
	for _, cloud := range graph.Clouds {
		walk(fetchSchema(t, cloud, "beta"))
	}
}

// TestMetadataOfAuditHasWhatSection6Names compares directoryAudit with contract section 6.
func TestMetadataOfAuditHasWhatSection6Names(t *testing.T) {
	t.Parallel()
	members := fetchSchema(t, graph.Global, "v1.0").members()
	want := map[string]string{
		"EntityType directoryAudit": "activityDateTime activityDisplayName additionalDetails category correlationId initiatedBy " +
			"loggedByService operationType result resultReason targetResources",
		"ComplexType auditActivityInitiator": "app user",
		"ComplexType appIdentity":            "appId displayName servicePrincipalId servicePrincipalName",
		"ComplexType identity":               "displayName id",
		"ComplexType userIdentity":           "ipAddress userPrincipalName",
		"ComplexType targetResource":         "displayName groupType id modifiedProperties type userPrincipalName",
		"ComplexType modifiedProperty":       "displayName newValue oldValue",
		"ComplexType keyValue":               "key value",
		"EnumType operationResult":           "failure success timeout unknownFutureValue",
	}
	for name, properties := range want {
		var got []string
		for _, child := range members[name].Children {
			got = append(got, child.attr("Name"))
		}
		slices.Sort(got)
		if diff := cmp.Diff(strings.Fields(properties), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
