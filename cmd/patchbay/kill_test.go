package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var killRounds = flag.Int("kill.rounds", 200, "rounds of TestKill9BesideConcurrentPatches")

// TestKill9BesideConcurrentPatches starts the program, changes four connectors from eight clients, kills it with SIGKILL
// after a random number of answers, starts it again, and looks: every change that was answered 204 is in the audit log,
// each connector is wholly as one change left it, and that change is the last one. In the end every secret opens.
func TestKill9BesideConcurrentPatches(t *testing.T) {
	t.Parallel()
	s := &victim{dir: filepath.Join(t.TempDir(), "dev"), listen: freePort(t)}
	s.start(t)
	s.connect(t)
	connectors := make([]string, 4)
	for i := range connectors {
		connectors[i] = s.create(t)
	}
	acknowledged, unanswered := 0, 0
	for round := range *killRounds {
		done, cut := s.load(t, connectors)
		s.start(t)
		s.check(t, connectors, done)
		acknowledged, unanswered = acknowledged+len(done), unanswered+cut
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	s.kill(t)
	if out, err := exec.CommandContext(t.Context(), "patchbay", "key", "verify", "--data-dir", s.dir).CombinedOutput(); err != nil {
		t.Errorf("key verify: %v\n%s", err, out)
	}
	t.Logf("%d kills, %d changes acknowledged, %d cut off", *killRounds, acknowledged, unanswered)
}

// victim is a development server that is killed again and again.
type victim struct {
	dir, listen string
	process     *exec.Cmd
	env         map[string]string
	token       string
	client      *http.Client
	serial      atomic.Int64
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// start starts the server and waits for its first line, which it prints when it is ready.
func (s *victim) start(t *testing.T) {
	t.Helper()
	s.process = exec.Command("patchbay", "dev", "--data-dir", s.dir, "--listen", s.listen, "--throttle", "off")
	out, err := s.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	s.process.Stderr = &stderr
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	process := s.process
	t.Cleanup(func() { _ = process.Process.Kill() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the server did not start: %v\n%s", err, stderr.String())
	}
}

func (s *victim) kill(t *testing.T) {
	t.Helper()
	if err := s.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.process.Wait() // says that it was killed
}

// connect reads dev.env and gets a token, which outlives the server: its signing key is in the database.
func (s *victim) connect(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "dev.env"))
	if err != nil {
		t.Fatal(err)
	}
	s.env = map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		s.env[name] = value
	}
	ca, err := os.ReadFile(s.env["NODE_EXTRA_CA_CERTS"])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	s.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 8}}
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"},
		"client_id": {s.env["AZURE_CLIENT_ID"]}, "client_secret": {s.env["AZURE_CLIENT_SECRET"]},
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	s.ask(t, http.MethodPost, "/"+s.env["AZURE_TENANT_ID"]+"/oauth2/v2.0/token", "application/x-www-form-urlencoded", form.Encode(), &answer)
	s.token = answer.AccessToken
}

// ask makes a request that must succeed and decodes the answer.
func (s *victim) ask(t *testing.T, method, target, contentType, body string, into any) {
	t.Helper()
	answer, err := s.send(t.Context(), method, target, contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %s, %v: %s", method, target, answer.Status, err, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func (s *victim) send(ctx context.Context, method, target, contentType, body string) (*http.Response, error) {
	if strings.HasPrefix(target, "/") {
		target = s.env["PATCHBAY_URL"] + target
	}
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Content-Type", contentType)
	return s.client.Do(r)
}

const connectorsPath = "/v1.0/identity/apiConnectors"

// state is a connector all of whose members say the same number.
func state(n int64) string {
	return fmt.Sprintf(`{"displayName":"Change %[1]d","targetUrl":"https://api.example/%[1]d","authenticationConfiguration":`+
		`{"@odata.type":"#microsoft.graph.basicAuthentication","username":"user %[1]d","password":"secret %[1]d"}}`, n)
}

func (s *victim) create(t *testing.T) string {
	t.Helper()
	var made struct{ ID string }
	s.ask(t, http.MethodPost, connectorsPath, "application/json", state(s.serial.Add(1)), &made)
	return made.ID
}

// load PATCHes from eight clients until the server dies, which it does after up to 150 answers. It returns the request
// ids of the changes that were answered 204, and how many requests got no answer.
func (s *victim) load(t *testing.T, connectors []string) (done []string, cut int) {
	t.Helper()
	const clients = 8
	acknowledged := make(chan string)
	var broken atomic.Int64
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for {
				answer, err := s.send(t.Context(), http.MethodPatch, connectorsPath+"/"+connectors[i%len(connectors)], "application/json", state(s.serial.Add(1)))
				if err != nil {
					broken.Add(1)
					return
				}
				_ = answer.Body.Close()
				if answer.StatusCode != http.StatusNoContent {
					t.Errorf("PATCH answered %s", answer.Status)
					return
				}
				acknowledged <- answer.Header.Get("request-id")
			}
		})
	}
	go func() { wg.Wait(); close(acknowledged) }()
	life := 1 + rand.IntN(150)
	for id := range acknowledged {
		if done = append(done, id); len(done) == life {
			s.kill(t)
		}
	}
	if len(done) < life {
		t.Fatalf("the server died by itself after %d answers", len(done))
	}
	return done, int(broken.Load())
}

// audited is what a directory audit entry says of a change.
type audited struct {
	CorrelationID    string
	ActivityDateTime time.Time
	TargetResources  []struct {
		ID                 string
		ModifiedProperties []struct{ DisplayName, NewValue string }
	}
}

// check compares what is stored with what was acknowledged.
func (s *victim) check(t *testing.T, connectors, done []string) {
	t.Helper()
	missing := map[string]bool{}
	for _, id := range done {
		missing[id] = true
	}
	last := map[string][]string{} // connector → the names that its latest change, or changes of one microsecond, gave
	at := map[string]time.Time{}
	for page := "/v1.0/auditLogs/directoryAudits?$top=500"; page != "" && (len(missing) > 0 || len(last) < len(connectors)); {
		var answer struct {
			Value []audited
			Next  string `json:"@odata.nextLink"`
		}
		s.ask(t, http.MethodGet, page, "application/json", "", &answer)
		for _, entry := range answer.Value { // the newest first
			delete(missing, entry.CorrelationID)
			for _, target := range entry.TargetResources {
				if first, seen := at[target.ID]; seen && entry.ActivityDateTime.Before(first) {
					continue
				}
				at[target.ID] = entry.ActivityDateTime
				for _, m := range target.ModifiedProperties {
					if m.DisplayName == "displayName" {
						last[target.ID] = append(last[target.ID], m.NewValue)
					}
				}
			}
		}
		page = answer.Next
	}
	if len(missing) > 0 {
		t.Errorf("%d of %d acknowledged changes are lost", len(missing), len(done))
	}
	for _, id := range connectors {
		s.checkWhole(t, id, last[id])
	}
}

// checkWhole makes sure that a connector is as one change left it, and that this change is one of the latest.
func (s *victim) checkWhole(t *testing.T, id string, latest []string) {
	t.Helper()
	var c struct {
		DisplayName, TargetURL      string
		AuthenticationConfiguration struct{ Username, Password string }
	}
	s.ask(t, http.MethodGet, connectorsPath+"/"+id, "application/json", "", &c)
	number := strings.TrimPrefix(c.DisplayName, "Change ")
	if c.TargetURL != "https://api.example/"+number || c.AuthenticationConfiguration.Username != "user "+number || c.AuthenticationConfiguration.Password != "******" {
		t.Errorf("connector %s is half changed: %+v", id, c)
	}
	for _, name := range latest {
		if name == c.DisplayName {
			return
		}
	}
	t.Errorf("connector %s is %q, the audit log ends with %q", id, c.DisplayName, latest)
}
