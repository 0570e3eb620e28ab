package transfer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSecretsFile checks that secrets find their connectors, wherever they are.
func TestSecretsFile(t *testing.T) {
	t.Parallel()
	secrets, err := ReadSecrets([]byte(`secrets:
  - connector: a
    password: {value: canary}
  - connector: "2"
    pkcs12: {file: b.p12}
    password: {env: B_PASSWORD}
`))
	if err != nil {
		t.Fatal(err)
	}
	secrets.Rebase("dir")
	d := there()
	if err := d.Give(secrets); err != nil {
		t.Fatal(err)
	}
	if value, there := d.Connectors[0].Authentication.Password.Value(); !there || value != "canary" {
		t.Error("the password of a was not given")
	}
	b := d.Connectors[1].Authentication
	if b.PKCS12.File != "dir/b.p12" || b.Password.Env != "B_PASSWORD" {
		t.Errorf("b has %v and %v", b.PKCS12, b.Password)
	}
	for form := range map[Form]bool{Patchbay: true, Graph: true, DSC: true, Terraform: true} {
		text, err := Write(form, d)
		if err != nil || strings.Contains(string(text), "{value") || strings.Contains(string(text), `: canary`) {
			t.Errorf("%s holds a secret, or failed: %v", form, err)
		}
	}
}

func TestSecretsFileRefuses(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                               "empty",
		"passwords: [canary]":            `no member "passwords"`,
		"secrets:\n  - password: canary": "line 2",
		"secrets:\n  - {connector: x, password: canary}":            "line 2: a secret must not stand",
		"secrets:\n  - {connector: x, pkcs12: {value: canary}}":     "line 2: a secret must not stand",
		"secrets:\n  - {connector: x}\n  - {connector: x}":          "line 3: each entry must name a connector of its own",
		"secrets:\n  - {connector: nobody}":                         `line 2 of the secrets: there is no connector with the name or id "nobody"`,
		"secrets:\n  - {connector: a, pkcs12: {file: a.p12}}":       `"a" proves itself by a password`,
		"secrets:\n  - {connector: a, password: {value: \"\"}}":     "line 2: password is empty",
		"secrets:\n  - {connector: a, password: {value: [canary]}}": "line 2: value must be a string",
	} {
		secrets, err := ReadSecrets([]byte(content))
		if err == nil {
			d := there()
			err = d.Give(secrets)
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v, want an error with %q", content, err, want)
		}
	}
}

// TestSecretsTemplate checks that what is written for missing secrets is a file of secrets for them.
func TestSecretsTemplate(t *testing.T) {
	t.Parallel()
	want := readFixture(t, "graph.json")
	p, err := Compare(want, Document{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := SecretsTemplate(p)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "secrets.yaml", text)
	secrets, err := ReadSecrets(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := want.Give(secrets); err != nil {
		t.Fatal(err)
	}
	if p, err = Compare(want, Document{}, Options{}); err != nil || len(p.Lacks()) != 0 {
		t.Errorf("with the template %d connectors still lack a secret (%v)", len(p.Lacks()), err)
	}
}

func TestReferencePrintsNoSecret(t *testing.T) {
	t.Parallel()
	r := Reference{value: "canary"}
	holder := Authentication{Password: &r}
	var log bytes.Buffer
	for _, v := range []any{r, &r, holder, []Reference{r}, map[string]Reference{"a": r}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "canary") || strings.Contains(text, "63616e617279") {
				t.Errorf("%s of a %T shows the secret", verb, v)
			}
		}
		slog.New(slog.NewJSONHandler(&log, nil)).Info("reference", "value", v)
		if text, err := json.Marshal(v); err != nil || strings.Contains(string(text), "canary") {
			t.Errorf("JSON of a %T shows the secret, or fails: %v", v, err)
		}
	}
	if strings.Contains(log.String(), "canary") {
		t.Error("the log shows the secret")
	}
}

// TestCallSettings checks that what is answered is read, and that a patch names what differs.
func TestCallSettings(t *testing.T) {
	t.Parallel()
	answer := `{"profile":"entra","budgetMilliseconds":20000,"attempts":2,"attemptTimeoutMilliseconds":20000,"trustedRoots":"","pinnedKeys":["b=","a="],
		"allowLateClientCertificate":true,"maxConcurrent":256,"overrides":["budgetMilliseconds","pinnedKeys","allowLateClientCertificate"]}`
	s, err := ReadCallSettings([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		want, now *CallSettings
		patch     string
	}{
		{s, nil, `{"budgetMilliseconds":20000,"pinnedKeys":["b=","a="],"allowLateClientCertificate":true}`},
		{&CallSettings{}, s, `{"budgetMilliseconds":null,"pinnedKeys":null,"allowLateClientCertificate":null}`},
		{s, s, ""},
		{&CallSettings{BudgetMilliseconds: s.BudgetMilliseconds, PinnedKeys: []string{"sha256/a=", "sha256/b="}, AllowLateClientCertificate: s.AllowLateClientCertificate}, s, ""},
	}
	for i, tt := range tests {
		if diff := cmp.Diff(tt.patch, string(tt.want.Patch(tt.now))); diff != "" {
			t.Errorf("%d (-want +got):\n%s", i, diff)
		}
	}
	for _, wrong := range []string{"", "[]", `{"overrides":["attempts"],"attempts":"canary"}`} {
		if _, err := ReadCallSettings([]byte(wrong)); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// TestRootsText checks that certificates are the same however they are laid out.
func TestRootsText(t *testing.T) {
	t.Parallel()
	one := "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	two := "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n"
	if rootsText(one+two) != rootsText("# mine\r\n"+strings.ReplaceAll(two, "\n", "\r\n")+"\n"+one) {
		t.Error("the order and the line ends of certificates count")
	}
	if rootsText(one) == rootsText(two) || rootsText(one) == "" {
		t.Error("certificates are not told apart")
	}
}
