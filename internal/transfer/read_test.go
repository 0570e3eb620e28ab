package transfer

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the golden files of testdata again")

// sameDocument compares documents by what they say.
var sameDocument = cmp.Options{cmpopts.IgnoreUnexported(Document{}), cmp.AllowUnexported(Reference{}), cmpopts.EquateEmpty()}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", name), got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(fixture(t, name)), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// sources are exports of made-up tenants, in the forms that are read.
var sources = []string{"graph.json", "dsc.ps1", "terraform.tfstate", "terraform-show.json", "patchbay.yaml"}

func readFixture(t testing.TB, name string) Document {
	t.Helper()
	content := fixture(t, name)
	form, err := Guess(name, content)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Read(form, content)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestRead checks what is read of each form, written in ours, and what is said to be left behind.
func TestRead(t *testing.T) {
	t.Parallel()
	for _, name := range sources {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := readFixture(t, name)
			text, err := writePatchbay(d)
			if err != nil {
				t.Fatal(err)
			}
			notes := "# " + strings.Join(append([]string{"notes:"}, d.Notes...), "\n# ") + "\n"
			golden(t, "read-"+name+".golden", append([]byte(notes), text...))
		})
	}
}

// TestWrite checks every form of what each source holds, and that no secret of a source comes out again.
func TestWrite(t *testing.T) {
	t.Parallel()
	all := readFixture(t, "patchbay.yaml")
	golden(t, "written.tf", writeTerraform(all))
	golden(t, "written.ps1", writeDSC(all))
	text, err := writeGraph(all)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "written.json", text)
	for _, name := range sources {
		d := readFixture(t, name)
		for _, form := range Forms() {
			out, err := Write(Form(form), d)
			if err != nil {
				t.Fatalf("%s as %s: %v", name, form, err)
			}
			for _, canary := range []string{"canary-password", "Y2FuYXJ5LXBrY3MxMg", "canary-pkcs12"} {
				if strings.Contains(string(out), canary) {
					t.Errorf("%s as %s holds %s", name, form, canary)
				}
			}
		}
	}
}

// TestRoundTrip checks that what is written in a form is read as what it was, less what the form has no room for.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	lose := map[Form]func(*Document){
		Patchbay: func(d *Document) {
			for i := range d.Flows {
				for step, link := range d.Flows[i].Links { // one text stands for either
					name := d.nameOf(link)
					d.Flows[i].Links[step] = Link{ID: name, Name: name}
				}
			}
		},
		Graph: func(d *Document) {
			for i := range d.Connectors {
				d.Connectors[i].Call = nil
				d.Connectors[i].Authentication.Password, d.Connectors[i].Authentication.PKCS12 = nil, nil
			}
			slices.SortStableFunc(d.Flows, func(a, b Flow) int { return strings.Compare(b.ID[:3], a.ID[:3]) }) // by collection
			for i := range d.Flows {
				f := &d.Flows[i]
				f.Type, f.Version = f.TypeOrDefault(), f.VersionOrDefault()
				for step, link := range f.Links {
					if n := d.linked(link); n >= 0 {
						f.Links[step] = Link{ID: d.Connectors[n].ID, Name: d.Connectors[n].Name}
					}
				}
			}
		},
		DSC: func(d *Document) {
			for i := range d.Connectors {
				d.Connectors[i].Call = nil
				a := &d.Connectors[i].Authentication
				a.Password, a.PKCS12 = nil, nil
				for n := range a.Certificates {
					a.Certificates[n].NotBefore, a.Certificates[n].NotAfter = 0, 0
				}
			}
			kept := d.Flows[:0]
			for _, f := range d.Flows {
				if f.B2C() {
					continue
				}
				f.Type, f.Version = "", 0
				delete(f.Links, stepToken)
				for step, link := range f.Links {
					f.Links[step] = Link{Name: d.nameOf(link)}
				}
				kept = append(kept, f)
			}
			d.Flows, d.HasFlows = kept, len(kept) > 0
		},
	}
	for _, name := range sources {
		for form, less := range lose {
			t.Run(name+" as "+string(form), func(t *testing.T) {
				t.Parallel()
				want := readFixture(t, name)
				text, err := Write(form, want)
				if err != nil {
					t.Fatal(err)
				}
				got, err := Read(form, text)
				if err != nil {
					t.Fatalf("%v in:\n%s", err, text)
				}
				less(&want)
				want.Notes = nil
				if diff := cmp.Diff(want, got, sameDocument); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestGuess(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, content string
		want          Form
	}{
		{"a.json", `{"value":[]}`, Graph},
		{"-", "\n[{}]", Graph},
		{"terraform.tfstate", "{}", Terraform},
		{"-", `{"version": 4, "terraform_version": "1.9"}`, Terraform},
		{"Tenant.PS1", "", DSC},
		{"-", "AADIdentityAPIConnector 'x' {}", DSC},
		{"x.yml", "", Patchbay},
		{"-", "# mine\npatchbay: 1", Patchbay},
		{"-", "\xef\xbb\xbf{}", Graph},
		{"main.tf", "resource {}", ""},
		{"-", "", ""},
	}
	for _, tt := range tests {
		if got, err := Guess(tt.name, []byte(tt.content)); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("Guess(%q, %q) = %q, %v, want %q", tt.name, tt.content, got, err, tt.want)
		}
	}
}

// TestRefusals checks that what cannot be read is refused with the line, and without what stands there.
func TestRefusals(t *testing.T) {
	t.Parallel()
	connector := func(members string) string { return "AADIdentityAPIConnector 'x'\n{\n" + members + "\n}" }
	yaml := func(authentication string) string {
		return "patchbay: 1\nconnectors:\n  - name: x\n    targetUrl: https://x.example\n    authentication:\n" + authentication
	}
	tests := map[string]struct {
		form    Form
		content string
		want    string
	}{
		"graph: nothing":              {Graph, " \n", "empty"},
		"graph: no JSON":              {Graph, "{\n\"a\": canary", "line 2"},
		"graph: cut off":              {Graph, `{"value": [`, "line 1"},
		"graph: something else":       {Graph, `{"displayName": "canary"}`, "neither a connector"},
		"graph: wrong type":           {Graph, `{"targetUrl": "https://x", "displayName": 7}`, "another type"},
		"graph: too deep":             {Graph, strings.Repeat("[", 99) + strings.Repeat("]", 99), "too deep"},
		"graph: a number":             {Graph, "7", "no answer of Graph"},
		"graph: null":                 {Graph, "null", "neither a connector"},
		"dsc: no end":                 {DSC, "AADIdentityAPIConnector 'canary", "line 1: the string has no end"},
		"dsc: no brace":               {DSC, "\nAADIdentityAPIConnector x {\nDisplayName = 'x'\n", "closing brace"},
		"dsc: a variable for a name":  {DSC, connector("DisplayName = $name"), "line 3: the value of DisplayName is known only when"},
		"dsc: an expanded string":     {DSC, connector(`DisplayName = "a $canary b"`), "line 3: the value of DisplayName is known only when"},
		"dsc: a sum":                  {DSC, connector("DisplayName = 'a' + 'b'"), "line 3"},
		"dsc: a list for a URL":       {DSC, connector("DisplayName = 'a'\nTargetUrl = @('canary')"), "line 4: the value of TargetUrl should be a string"},
		"dsc: no name":                {DSC, connector("Id = '7'"), "line 1: the connector has no DisplayName"},
		"dsc: twice":                  {DSC, connector("Id = '7'\nid = 'canary'"), "line 4: a property comes twice"},
		"dsc: no =":                   {DSC, connector("Id '7'"), "line 3: behind a property"},
		"dsc: no property":            {DSC, connector("= '7'"), "line 3: a property should begin"},
		"dsc: certificates in text":   {DSC, connector("DisplayName = 'x'\nCertificates = 'canary'"), "line 4"},
		"dsc: text for a certificate": {DSC, connector("DisplayName = 'x'\nCertificates = @('canary')"), "line 4: a certificate should stand here"},
		"dsc: an open list":           {DSC, connector("DisplayName = 'x'\nCertificates = @(M{}")[:64], "line 4"},
		"dsc: a comment without end":  {DSC, "<# canary", "the comment has no end"},
		"dsc: too deep":               {DSC, connector("A = " + strings.Repeat("@(", 50)), "too deep"},
		"dsc: a flow without id":      {DSC, "AADIdentityB2XUserFlow 'x' { Ensure = 'Present' }", "has no Id"},
		"dsc: a flow twice":           {DSC, strings.Repeat("AADIdentityB2XUserFlow 'x' { Id = 'a' }\n", 2), "line 2: the user flow \"a\" comes twice"},
		"terraform: nothing":          {Terraform, "", "empty"},
		"terraform: no JSON":          {Terraform, "{\n\n canary", "line 3"},
		"terraform: version 3":        {Terraform, `{"version": 3}`, "version 4"},
		"terraform: no state":         {Terraform, `{"version": "canary"}`, "no state"},
		"terraform: no body":          {Terraform, `{"version":4,"resources":[{"mode":"managed","type":"msgraph_resource","name":"a","instances":[{"attributes":{"url":"identity/apiConnectors","id":"7","body":null}}]}]}`, `"msgraph_resource.a": its body is not in the state`},
		"patchbay: nothing":           {Patchbay, "# nothing", "empty"},
		"patchbay: no YAML":           {Patchbay, "patchbay: 1\n\tcanary: [", "line 2: this is not YAML"},
		"patchbay: no version":        {Patchbay, "connectors: []", "must say its version"},
		"patchbay: version 2":         {Patchbay, "patchbay: 2", "must say its version"},
		"patchbay: a password":        {Patchbay, yaml("      basic:\n        username: u\n        password: canary"), "line 8: a secret must not stand in this file; say where password is: {file: PATH} or {env: NAME}"},
		"patchbay: a value":           {Patchbay, yaml("      basic: {username: u, password: {value: canary}}"), "line 6: a secret must not stand in this file"},
		"patchbay: a list":            {Patchbay, yaml("      basic: {username: u, password: [canary]}"), "line 6: a secret must not stand in this file"},
		"patchbay: base64":            {Patchbay, yaml("      certificate: {pkcs12: canary}"), "line 6: a secret must not stand in this file"},
		"patchbay: two places":        {Patchbay, yaml("      basic: {username: u, password: {file: a, env: b}}"), "must have one member"},
		"patchbay: no place":          {Patchbay, yaml("      basic: {username: u, password: {}}"), "must have one member"},
		"patchbay: text for basic":    {Patchbay, yaml("      basic: canary"), "line 6: basic must be a mapping"},
		"patchbay: both":              {Patchbay, yaml("      basic: {username: u}\n      certificate: {}"), "must have one member"},
		"patchbay: no username":       {Patchbay, yaml("      basic: {}"), "line 6: basic has no username"},
		"patchbay: mistyped":          {Patchbay, yaml("      basic: {username: u, pasword: canary}"), `line 6: basic has no member "pasword"`},
		"patchbay: twice":             {Patchbay, yaml("      basic: {username: u, username: canary}"), "line 6"},
		"patchbay: no name":           {Patchbay, "patchbay: 1\nconnectors:\n  - targetUrl: canary", "line 3: the connector has no name"},
		"patchbay: no URL":            {Patchbay, "patchbay: 1\nconnectors:\n  - name: x", "line 3: the connector has no targetUrl"},
		"patchbay: no authentication": {Patchbay, "patchbay: 1\nconnectors:\n  - {name: x, targetUrl: u}", "line 3: the connector has no authentication"},
		"patchbay: a setting":         {Patchbay, yaml("      basic: {username: u}\n    call: {attempts: canary}"), "line 7: attempts is of another type"},
		"patchbay: a step":            {Patchbay, "patchbay: 1\nuserFlows:\n  - id: a\n    connectors: {never: x}", `line 4: connectors has no member "never"`},
		"patchbay: a time":            {Patchbay, yaml("      certificate: {certificates: [{notAfter: canary}]}"), "line 6: notBefore and notAfter must be times"},
		"patchbay: no list":           {Patchbay, "patchbay: 1\nconnectors: canary", "line 2: connectors must be a list"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := Read(tt.form, []byte(tt.content))
			if err == nil {
				t.Fatalf("was read as %+v", d)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v, want an error with %q", err, tt.want)
			}
		})
	}
}

// TestCheck checks what is refused of a document that could be read.
func TestCheck(t *testing.T) {
	t.Parallel()
	page := `{"@odata.context":"#identity/apiConnectors","value":[{"id":"1","displayName":"a","targetUrl":"u"}]`
	tests := map[string]struct{ content, want string }{
		"a page is missing":        {page + `,"@odata.nextLink":"https://next"}`, "goes on at its @odata.nextLink"},
		"two names":                {page + `}{"id":"2","displayName":"a","targetUrl":"u"}`, `two connectors are called "a"`},
		"two ids":                  {page + `}{"id":"1","displayName":"b","targetUrl":"u"}`, "two connectors have the id \"1\""},
		"no name":                  {`{"id":"1","targetUrl":"u"}`, "has no name"},
		"a flow without id":        {`{"userFlowType":"signUpOrSignIn"}`, "has no id"},
		"all is well, even no one": {`{"@odata.context":"#identity/apiConnectors","value":[]}`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := Read(Graph, []byte(tt.content))
			if err != nil {
				t.Fatal(err)
			}
			switch err := d.Check(); {
			case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("Check: %v, want %q", err, tt.want)
			}
		})
	}
}

// TestMergePages checks that the pages of a listing may come in several files.
func TestMergePages(t *testing.T) {
	t.Parallel()
	first, err := Read(Graph, []byte(`{"@odata.nextLink":"https://next","value":[{"id":"1","displayName":"a","targetUrl":"u"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	second, err := Read(Graph, []byte(`{"value":[{"id":"2","displayName":"b","targetUrl":"u"}]}{"id":"B2X_1_x","userFlowType":"signUpOrSignIn"}`))
	if err != nil {
		t.Fatal(err)
	}
	if first.Check() == nil {
		t.Error("the first page alone is taken for all")
	}
	first.Merge(second)
	if err := first.Check(); err != nil {
		t.Error(err)
	}
	if len(first.Connectors) != 2 || len(first.Flows) != 1 || !first.HasFlows {
		t.Errorf("merged: %+v", first)
	}
}
