package transfer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reads checks what holds of a reader whatever comes: it ends in a document or in an error of one line, and what it reads is
// written and read again as the same.
func reads(t *testing.T, form Form, content []byte) {
	t.Helper()
	d, err := Read(form, content)
	if err != nil {
		if text := err.Error(); text == "" || strings.Contains(text, "\n") {
			t.Errorf("the error %q is not one line", text)
		}
		return
	}
	if d.Check() != nil {
		return
	}
	for _, as := range []Form{DSC, Graph, Patchbay, Terraform} {
		text, err := Write(as, d)
		if err != nil {
			t.Fatalf("as %s: %v", as, err)
		}
		if as == Terraform {
			continue // of which the configuration is written, and the state is read
		}
		again, err := Read(as, text)
		if err != nil {
			if as == Patchbay && !complete(d) {
				continue
			}
			t.Fatalf("as %s: %v in:\n%s", as, err, text)
		}
		for i, c := range d.Connectors {
			got := again.Connectors[i]
			if diff := cmp.Diff([]string{c.ID, plain(c.Name), plain(c.TargetURL)}, []string{got.ID, got.Name, got.TargetURL}); diff != "" && printable(c) {
				t.Errorf("as %s (-want +got):\n%s\n%s", as, diff, text)
			}
		}
	}
}

func plain(text string) string { return strings.ToValidUTF8(text, "�") }

// complete tells whether a document has what our own form asks for.
func complete(d Document) bool {
	for _, c := range d.Connectors {
		if c.TargetURL == "" || c.Authentication.Kind != WithCertificate && c.Authentication.Username == "" {
			return false
		}
	}
	return true
}

// printable tells whether a connector has only what every form keeps as it is: YAML and PowerShell have their own line ends.
func printable(c Connector) bool {
	for _, text := range []string{c.ID, c.Name, c.TargetURL} {
		for _, r := range text {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == '�' {
				return false
			}
		}
	}
	return true
}

func FuzzDSC(f *testing.F) {
	f.Add(fixture(f, "dsc.ps1"))
	f.Add(fixture(f, "written.ps1"))
	for _, seed := range []string{
		"AADIdentityAPIConnector x { DisplayName = \"a`\"b$$\" ; TargetUrl = @'\nx\n'@ }", "@\"\n\"@", "AADIdentityAPIConnector ‘a’’b’ { DisplayName = ’x‚ }",
		"AADIdentityAPIConnector $x { DisplayName = 'x' Certificates = @{} }", "`\r\n$", "<##>", "AADIdentityAPIConnector x { DisplayName = Get-X {a} (b", "${a", "$()",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) { reads(t, DSC, content) })
}

func FuzzTerraformState(f *testing.F) {
	f.Add(fixture(f, "terraform.tfstate"))
	for _, seed := range []string{
		`{"values":{"root_module":{"resources":[{"mode":"managed","type":"msgraph_resource","name":"a","values":{"url":"identity/apiConnectors","id":"1","body":{"displayName":"a","targetUrl":"u"}}}]}}}`,
		`{"version":4,"resources":[{"mode":"managed","type":"msgraph_resource","instances":[{"attributes":{"url":"identity/b2xUserFlows//apiConnectorConfiguration/postFederationSignup/$ref","body":{"@odata.id":"x"}}}]}]}`,
		`{"version":4}{`, `null`, `{"version":4,"resources":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) { reads(t, Terraform, content) })
}

func FuzzGraph(f *testing.F) {
	f.Add(fixture(f, "graph.json"))
	f.Add([]byte(`{"@odata.context":"UserFlows('%')/apiConnectorConfiguration","postFederationSignup":7}`))
	f.Fuzz(func(t *testing.T, content []byte) { reads(t, Graph, content) })
}

func FuzzPatchbay(f *testing.F) {
	f.Add(fixture(f, "patchbay.yaml"))
	f.Add([]byte("patchbay: 1\nconnectors: &a\n  - *a"))
	f.Fuzz(func(t *testing.T, content []byte) { reads(t, Patchbay, content) })
}
