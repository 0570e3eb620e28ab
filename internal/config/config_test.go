package config

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write docs/config.md again")

// load reads the given sources; yaml "" means no file.
func load(t *testing.T, yaml string, environ []string, args ...string) (*Config, error) {
	t.Helper()
	src := Source{Environ: func() []string { return environ }}
	if yaml != "" {
		src.File = filepath.Join(t.TempDir(), "patchbay.yaml")
		if err := os.WriteFile(src.File, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src.Flags = pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(src.Flags, nil)
	if err := src.Flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return Load(src)
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	const file = "log:\n  level: warn\nlimits: {body: 2048}\n"
	environ := []string{"PATCHBAY_LOG_LEVEL=error", "HOME=/nowhere"}
	for _, tt := range []struct {
		name    string
		yaml    string
		environ []string
		args    []string
		want    Value
	}{
		{"default", "", nil, nil, Value{"log.level", "info", "default"}},
		{"file over default", file, nil, nil, Value{"log.level", "warn", "file"}},
		{"environment over file", file, environ, nil, Value{"log.level", "error", "environment"}},
		{"flag over environment", file, environ, []string{"--log-level", "debug"}, Value{"log.level", "debug", "flag"}},
		{"a flag equal to the default counts", file, environ, []string{"--log-level=info"}, Value{"log.level", "info", "flag"}},
		{"a number of the file", file, nil, nil, Value{"limits.body", "2048", "file"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := load(t, tt.yaml, tt.environ, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range c.Values() {
				if v.Key == tt.want.Key {
					if diff := cmp.Diff(tt.want, v); diff != "" {
						t.Error(diff)
					}
				}
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		yaml    string
		environ []string
		args    []string
		want    string // part of the one line
	}{
		{"unknown key", "log_levle: info\n", nil, nil, "unknown setting log_levle; did you mean log.level?"},
		{"unknown nested key", "tls:\n  cert: x\n", nil, nil, "unknown setting tls.cert; did you mean tls.mode?"},
		{"unknown key far from all", "zzzzzzzzzzzzzzzzzzzzzzzz: 1\n", nil, nil, "docs/config.md"},
		{"unknown variable", "", []string{"PATCHBAY_LISTNE=x"}, nil, "unknown environment variable PATCHBAY_LISTNE; did you mean PATCHBAY_LISTEN?"},
		{"not YAML", "a: [1\nb: {", nil, nil, "patchbay.yaml: "},
		{"secret in the file", "master_key: abc\n", nil, nil, "set it in the environment as PATCHBAY_MASTER_KEY"},
		{"wrong choice", "cloud: mars\n", nil, nil, `cloud must be one of global, usgov, usgov-dod, china, not "mars"`},
		{"wrong choice in the environment", "", []string{"PATCHBAY_CLOUD=mars"}, nil, "PATCHBAY_CLOUD must be one of"},
		{"wrong choice in a flag", "", nil, []string{"--cloud=mars"}, "--cloud must be one of"},
		{"not a boolean", "cors: maybe\n", nil, nil, `cors: must be true or false, not "maybe"`},
		{"not a number", "limits: {body: 1MB}\n", nil, nil, `limits.body: must be a whole number, not "1MB"`},
		{"out of range", "limits: {body: 1}\n", nil, nil, "limits.body must be from 1024 to"},
		{"not a duration", "request_timeout: 30\n", nil, nil, "must be a duration such as 30s"},
		{"duration out of range", "request_timeout: 1ms\n", nil, nil, "request_timeout must be from 1s to"},
		{"a map where a value belongs", "listen: {host: a}\n", nil, nil, "unknown setting listen.host"},
		{"a list where a value belongs", "listen: [a]\n", nil, nil, "listen: must be a single value"},
		{"not an address", "listen: localhost\n", nil, nil, `listen must be host:port`},
		{"no such port", "listen: localhost:70000\n", nil, nil, `listen must be host:port`},
		{"empty listen", "listen: ''\n", nil, nil, `listen must be host:port`},
		{"plain http outside", "public_url: http://x\n", nil, nil, "public_url must be https://host"},
		{"path in the public URL", "public_url: https://x/y\n", nil, nil, "public_url must be https://host"},
		{"TLS off alone", "tls: {mode: off}\n", nil, nil, "tls.mode may be off only behind a proxy"},
		{"nobody could sign in", "issuer: {enabled: false}\n", nil, nil, "issuer.enabled may be false only when"},
		{"issuer with a typo", "auth: {issuers: [{url: https://x, audience: [a]}]}\n", nil, nil, `auth.issuers: must be a list of objects: unknown field "audience"`},
		{"issuer over http", "auth: {issuers: [{url: http://x.example, audiences: [a]}]}\n", nil, nil, "entry 1: url must be an https URL"},
		{"issuer for everybody", "auth: {issuers: [{url: https://x}]}\n", nil, nil, "audiences must name at least one"},
		{"two tenants", "auth: {issuers: [{url: https://x, audiences: [a], tenant: b, tenant_claim: c}]}\n", nil, nil, "not both"},
		{"issuer for any tenant", "auth: {issuers: [{url: https://x, audiences: [a]}]}\n", nil, nil, "entry 1 (https://x): set tenant, or tenants"},
		{"issuer that names its own tenants", "auth: {issuers: [{url: https://x, audiences: [a], tenant_claim: c}]}\n", nil, nil, "set tenant, or tenants"},
		{"every tenant in one", "auth: {issuers: [{url: 'https://x/{tenantid}', audiences: [a], tenant: b}]}\n", nil, nil, "tenant does not go with {tenantid}"},
		{"tenant beside the URL", "auth: {issuers: [{url: 'https://x/{tenantid}', audiences: [a], tenant_claim: c}]}\n", nil, nil, "tenant_claim can only be tid"},
		{"not a role", "auth: {extra_directory_roles: [admin]}\n", nil, nil, `must be a list of GUIDs; "admin" is none`},
		{"no data directory", "data_dir: ''\n", nil, nil, "data_dir must not be empty"},
		{"authority over http", "graph: {authority_url: http://x}\n", nil, nil, "graph.authority_url must be an https URL"},
		{"alias with a path", "issuer: {aliases: [https://x/y]}\n", nil, nil, `"https://x/y" is none`},
		{"missing file", "", []string{"PATCHBAY_CONFIG=missing.yaml"}, nil, "there is no settings file missing.yaml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tt.yaml, tt.environ, tt.args...)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want it to contain %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

func TestIssuersFromFileAndEnvironmentAgree(t *testing.T) {
	t.Parallel()
	want := []Issuer{{URL: "https://idp.example/realms/a", Audiences: []string{"patchbay"}, Tenant: "11111111-2222-3333-4444-555555555555", RolesClaim: "resource_access.patchbay.roles"}}
	inFile, err := load(t, `
auth:
  issuers:
    - url: https://idp.example/realms/a
      audiences: [patchbay]
      tenant: 11111111-2222-3333-4444-555555555555
      roles_claim: resource_access.patchbay.roles
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	inEnvironment, err := load(t, "", []string{"PATCHBAY_AUTH_ISSUERS=" + string(text)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, inFile.Issuers); diff != "" {
		t.Errorf("file: %s", diff)
	}
	if diff := cmp.Diff(want, inEnvironment.Issuers); diff != "" {
		t.Errorf("environment: %s", diff)
	}
}

// TestIssuersTiedToTenants is the ways to say which tenants an issuer may speak for.
func TestIssuersTiedToTenants(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{
		"url: https://x, tenant: 11111111-2222-3333-4444-555555555555",
		"url: https://x, tenants: [11111111-2222-3333-4444-555555555555]",
		"url: https://x, tenants: ['*'], tenant_claim: c",
		"url: 'https://x/{tenantid}'",
		"url: 'https://x/{tenantid}', tenant_claim: tid",
	} {
		if _, err := load(t, "auth: {issuers: [{audiences: [a], "+entry+"}]}\n", nil); err != nil {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

func TestDerivedPathsAndClientVariables(t *testing.T) {
	t.Parallel()
	c, err := load(t, "", []string{"PATCHBAY_URL=https://localhost:8443", "PATCHBAY_CONNECTOR_ID=x"}, "--data-dir", "d")
	if err != nil {
		t.Fatalf("the variables of dev.env must not be in the way: %v", err)
	}
	if got, want := c.Database.Reveal()+" "+c.MasterKeyFile, filepath.Join("d", "patchbay.db")+" "+filepath.Join("d", "master.key"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEverySettingIsReadFromAFlagOrVariable(t *testing.T) {
	t.Parallel()
	// Whatever the type of a row, its own rendered default must be readable again: no row without a reader.
	for _, s := range table(&Config{}) {
		if err := read(s.into, s.def); err != nil {
			t.Errorf("%s: %v", s.key, err)
		}
		if s.help == "" || !strings.HasSuffix(s.help, ".") {
			t.Errorf("%s: the help must be whole sentences", s.key)
		}
	}
}

func TestSecretMasksItself(t *testing.T) {
	t.Parallel()
	const canary = "canary-5f2b"
	c, err := load(t, "", []string{"PATCHBAY_MASTER_KEY=" + canary})
	if err != nil {
		t.Fatal(err)
	}
	if c.MasterKey.Reveal() != canary {
		t.Fatal("the secret was not read")
	}
	var out strings.Builder
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%d", "%x"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb+"\n", c.MasterKey, &c.MasterKey, *c)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("settings", "key", c.MasterKey)
	slog.New(slog.NewTextHandler(&out, nil)).Info("settings", "key", c.MasterKey)
	_ = json.NewEncoder(&out).Encode(c)
	_ = json.NewEncoder(&out).Encode(c.Values())
	if hexed := fmt.Sprintf("%x", canary); strings.Contains(out.String(), canary) || strings.Contains(out.String(), hexed) {
		t.Error("a printed form shows the secret")
	}
	if _, err := load(t, "", []string{"PATCHBAY_MASTER_KEY=" + canary, "PATCHBAY_CLOUD=x"}); err == nil || strings.Contains(err.Error(), canary) {
		t.Error("an error shows the secret, or there was none")
	}
}

func TestDatabaseMasksItsPassword(t *testing.T) {
	t.Parallel()
	const canary = "canary-77aa"
	for given, shown := range map[string]string{
		"postgres://u:" + canary + "@h:5432/d?sslmode=disable":             "postgres://u:******@h:5432/d?sslmode=disable",
		"postgresql://u@h/d?password=" + canary + "&sslpassword=" + canary: "postgresql://u@h/d?password=******&sslpassword=******",
		"postgres://u@h1:1,h2:2/d?target_session_attrs=read-write":         "postgres://u@h1:1,h2:2/d?target_session_attrs=read-write",
		"data/patchbay.db": "data/patchbay.db",
		"postgres://u:" + canary + "@h/?dbname=d&sslrootcert=%2Fca.pem&application_name=x": "postgres://u:******@h/?application_name=x&dbname=d&sslrootcert=%2Fca.pem",
	} {
		c, err := load(t, "", []string{"PATCHBAY_DATABASE=" + given})
		if err != nil {
			t.Errorf("%s: %v", shown, err)
			continue
		}
		if c.Database.Reveal() != given || c.Database.String() != shown {
			t.Errorf("want %s, shown is %s; what was read differs from what was given: %v", shown, c.Database, c.Database.Reveal() != given)
		}
		var out strings.Builder
		for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%d", "%x"} {
			fmt.Fprintf(&out, verb+" "+verb+" "+verb+"\n", c.Database, &c.Database, *c)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("settings", "database", c.Database)
		_ = json.NewEncoder(&out).Encode(c)
		_ = json.NewEncoder(&out).Encode(c.Values())
		if hexed := fmt.Sprintf("%x", canary); strings.Contains(out.String(), canary) || strings.Contains(out.String(), hexed) {
			t.Errorf("%s: a printed form shows the password", shown)
		}
	}
}

func TestDatabaseRefusals(t *testing.T) {
	t.Parallel()
	const canary = "canary-77aa"
	for given, want := range map[string]string{
		"mysql://u:" + canary + "@h/d":        "neither",
		"postgres://u:" + canary + "%zz@h/d":  "%XX",
		"postgres://u:" + canary + "@h:5432":  "must name a database",
		"postgres://u:" + canary + "@h:5432/": "must name a database",
	} {
		if _, err := load(t, "", []string{"PATCHBAY_DATABASE=" + given}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary) {
			t.Errorf("want an error with %q and without the password; there was one: %v", want, err != nil)
		}
	}
	if _, err := load(t, "", nil, "--database", "postgres://u:"+canary+"@h/d"); err == nil || !strings.Contains(err.Error(), "process list") || strings.Contains(err.Error(), canary) {
		t.Error("a password on the command line was accepted, or the error shows it")
	}
	if _, err := load(t, "", nil, "--database", "postgres://u@h/d"); err != nil {
		t.Error(err)
	}
}

func TestDocumentationIsCurrent(t *testing.T) {
	t.Parallel()
	page := filepath.Join("..", "..", "docs", "config.md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(page), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(page, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Markdown(), string(got)); diff != "" {
		t.Errorf("docs/config.md is stale; run `make docs` (-want +got):\n%s", diff)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{Environ: func() []string { return nil }, Defaults: map[string]string{"data_dir": "patchbay-dev", "health.listen": ""}})
	if err != nil {
		t.Fatal(err)
	}
	if c.DataDir != "patchbay-dev" || c.HealthListen != "" || c.RequestTimeout != 30*time.Second {
		t.Errorf("got %q %q %s", c.DataDir, c.HealthListen, c.RequestTimeout)
	}
	if c.TLS.Mode != ModeOn {
		t.Error("TLS must be on by default")
	}
}
