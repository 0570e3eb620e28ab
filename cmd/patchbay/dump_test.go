package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/conntest/pgtest"
)

// documented finds the one line of docs/operating.md that runs a command.
func documented(t *testing.T, command string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^(PGOPTIONS='[^']*' )?`+regexp.QuoteMeta(command)+` .*$`).FindAllString(string(text), -1)
	if len(found) != 1 {
		t.Fatalf("docs/operating.md has %d lines with %s", len(found), command)
	}
	return found[0]
}

// libpq are the variables that name a database to PostgreSQL's programs.
func libpq(t *testing.T, database string) []string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return []string{
		"PGHOST=" + u.Hostname(), "PGPORT=" + u.Port(), "PGUSER=" + u.User.Username(), "PGPASSWORD=" + password,
		"PGDATABASE=" + strings.TrimPrefix(u.Path, "/"),
	}
}

// shell runs a line in a folder as somebody who copied it from the documentation.
func shell(t *testing.T, folder, line string, variables []string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), variables...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestDumpAndRestoreOfPostgreSQL does what docs/operating.md says about backups of PostgreSQL: a dump of the role that owns the tables,
// while a service runs, restored under the same role and under another one. The service works on both, with row-level security in
// force, and on neither without the master key.
func TestDumpAndRestoreOfPostgreSQL(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	key := filepath.Join(folder, "master.key")
	source := pgtest.New(t)
	first := &production{key: key, database: source}
	first.command(t, "key", "generate")
	first.furnish(t)
	first.start(t)
	first.createConnector(t, "Loyalty lookup")
	want := first.connectors(t)

	out, err := shell(t, folder, "pg_dump --format=custom --file=refused.dump", libpq(t, source))
	if err == nil || !strings.Contains(out, "would be affected by row-level security policy") {
		t.Errorf("a dump without anything: %v\n%s", err, out)
	}
	if out, err := shell(t, folder, documented(t, "pg_dump"), libpq(t, source)); err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, out)
	}
	if out, err := shell(t, folder, "pg_dump --format=custom --file=super.dump", libpq(t, pgtest.Super(t, source))); err != nil {
		t.Fatalf("pg_dump as a superuser: %v\n%s", err, out)
	}
	if out, err := shell(t, folder, "pg_dump --enable-row-security --format=custom --file=hollow.dump", libpq(t, source)); err != nil {
		t.Fatalf("pg_dump without PGOPTIONS: %v\n%s", err, out)
	}

	same := pgtest.New(t) // of another role, so the source's is made its owner
	role := strings.TrimPrefix(libpq(t, source)[2], "PGUSER=")
	name := strings.TrimPrefix(libpq(t, same)[4], "PGDATABASE=")
	if err := runSQL(pgtest.Super(t, source), "ALTER DATABASE "+name+" OWNER TO "+role); err != nil {
		t.Fatal(err)
	}
	same = strings.Replace(source, "/"+strings.TrimPrefix(libpq(t, source)[4], "PGDATABASE="), "/"+name, 1)
	for what, to := range map[string]string{"the same role": same, "another role": pgtest.New(t)} {
		t.Run(what, func(t *testing.T) {
			if out, err := shell(t, folder, documented(t, "pg_restore"), libpq(t, to)); err != nil {
				t.Fatalf("pg_restore: %v\n%s", err, out)
			}
			second := &production{key: key, database: to, tenant: first.tenant, client: first.client, secret: first.secret}
			if out := second.command(t, "key", "verify"); !strings.Contains(out, "2 secrets open") {
				t.Errorf("key verify: %s", out)
			}
			second.start(t)
			if diff := cmp.Diff(want, second.connectors(t)); diff != "" {
				t.Errorf("connectors (-before +restored):\n%s", diff)
			}
			second.createConnector(t, "Another")
			wantWall(t, to)
			other := &production{key: filepath.Join(t.TempDir(), "other.key"), database: to}
			other.command(t, "key", "generate")
			if out, err := other.try(t, "key", "verify"); err == nil || !strings.Contains(out, "belongs to another master key") {
				t.Errorf("with another key: %v, %s", err, out)
			}
		})
	}

	t.Run("what the documentation warns of", func(t *testing.T) {
		for file, tenants := range map[string]string{"hollow.dump": "0", "super.dump": "1"} {
			to := pgtest.New(t)
			line := strings.Replace(documented(t, "pg_restore"), "patchbay.dump", file, 1)
			if out, err := shell(t, folder, line, libpq(t, to)); err != nil {
				t.Fatalf("pg_restore: %v\n%s", err, out)
			}
			if got := query(t, to, "SELECT count(*) FROM connectors"); got[0] != tenants {
				t.Errorf("%s has %s connectors, want %s", file, got[0], tenants)
			}
		}
	})
}

// wantWall looks whether the second wall stands in a restored database: a connection that does not say whose rows it means sees none.
func wantWall(t *testing.T, database string) {
	t.Helper()
	tables := query(t, database, "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
	if len(tables) < 11 {
		t.Errorf("row-level security is in force for %q only", tables)
	}
	out, err := shell(t, t.TempDir(), "psql -X -A -t -c 'SELECT count(*) FROM connectors'", libpq(t, database))
	if err != nil || strings.TrimSpace(out) != "0" {
		t.Errorf("a connection without a tenant sees %q connectors, error %v", out, err)
	}
}

// production is a service on a database, with a master key of its own file.
type production struct {
	key, database          string
	tenant, client, secret string
	url                    string
}

func (p *production) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := program(t.Context(), []string{"PATCHBAY_DATABASE=" + p.database, "PATCHBAY_MASTER_KEY_FILE=" + p.key}, args...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (p *production) command(t *testing.T, args ...string) string {
	t.Helper()
	out, err := p.try(t, args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// furnish makes a tenant and an application that may manage its connectors.
func (p *production) furnish(t *testing.T) {
	t.Helper()
	read := func(member string, args ...string) string {
		var object map[string]any
		if err := json.Unmarshal([]byte(p.command(t, args...)), &object); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(object[member])
	}
	p.tenant = read("id", "tenant", "create", "contoso.example", "-o", "json")
	p.client = read("client_id", "app", "create", "Test", "--tenant", p.tenant, "--role", "APIConnectors.ReadWrite.All", "-o", "json")
	p.secret = read("secret", "app", "secret", "add", p.client, "--tenant", p.tenant, "-o", "json")
}

// start serves the database until the end of the test.
func (p *production) start(t *testing.T) {
	t.Helper()
	listen, health := freePort(t), freePort(t)
	cmd := program(t.Context(), []string{
		"PATCHBAY_DATABASE=" + p.database, "PATCHBAY_MASTER_KEY_FILE=" + p.key, "PATCHBAY_DATA_DIR=" + t.TempDir(), "PATCHBAY_LISTEN=" + listen,
		"PATCHBAY_HEALTH_LISTEN=" + health, "PATCHBAY_TLS_MODE=off", "PATCHBAY_PUBLIC_URL=https://graph.test.example",
	}, "serve")
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p.url = "http://" + listen
	deadline, tick := time.Now().Add(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		answer, err := (&http.Client{Timeout: 5 * time.Second}).Get("http://" + health + "/readyz")
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the service is not ready after a minute: %s", log.String())
		}
	}
}

// ask sends a request with a token of the service's own and returns the answer, which must be that.
func (p *production) ask(t *testing.T, status int, method, target, body string) string {
	t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"}, "client_id": {p.client}, "client_secret": {p.secret},
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(p.send(t, http.StatusOK, http.MethodPost, "/"+p.tenant+"/oauth2/v2.0/token", "application/x-www-form-urlencoded", "", form.Encode())), &token); err != nil {
		t.Fatal(err)
	}
	return p.send(t, status, method, target, "application/json", token.AccessToken, body)
}

func (p *production) send(t *testing.T, status int, method, target, contentType, token, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := (&http.Client{Timeout: 20 * time.Second}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		t.Fatalf("%s %s: %s, error %v: %s", method, target, answer.Status, err, text)
	}
	return string(text)
}

func (p *production) createConnector(t *testing.T, name string) {
	t.Helper()
	p.ask(t, http.StatusCreated, http.MethodPost, connectorsPath, `{"displayName":"`+name+`","targetUrl":"https://api.example/","authenticationConfiguration":`+
		`{"@odata.type":"#microsoft.graph.basicAuthentication","username":"u","password":"p"}}`)
}

func (p *production) connectors(t *testing.T) []map[string]any {
	t.Helper()
	var page struct{ Value []map[string]any }
	if err := json.Unmarshal([]byte(p.ask(t, http.StatusOK, http.MethodGet, connectorsPath, "")), &page); err != nil {
		t.Fatal(err)
	}
	if len(page.Value) == 0 {
		t.Fatal("there are no connectors")
	}
	return page.Value
}
