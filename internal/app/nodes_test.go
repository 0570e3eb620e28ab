package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// cluster is some nodes of the production service on one database, with a tenant, an application, and a connector that a
// user flow calls.
type cluster struct {
	t          *testing.T
	given      []string // settings
	nodes      []*program
	stop       func() // ends the nodes, when they have done what they are doing
	local      *Local // the command line on the same database
	operator   auth.Caller
	tenant     string
	client     string
	secret     string
	connector  string
	flow       string
	target     *recordingTarget
	httpClient *http.Client
}

// recordingTarget is an endpoint that lets every sign-up go on, or fails, and knows the last credentials it was sent.
type recordingTarget struct {
	*httptest.Server
	calls   atomic.Int64
	failing atomic.Bool
	mu      sync.Mutex
	last    string // "user:password path"
}

func newRecordingTarget(t *testing.T) *recordingTarget {
	t.Helper()
	r := &recordingTarget{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, password, _ := req.BasicAuth()
		r.calls.Add(1)
		r.mu.Lock()
		r.last = user + ":" + password + " " + req.URL.Path
		r.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if r.failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, `{"version":"1.0.0","action":"Continue"}`)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recordingTarget) seen() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// newCluster starts n nodes at once on an empty PostgreSQL database.
func newCluster(t *testing.T, n int, given ...string) *cluster {
	t.Helper()
	return newClusterOn(t, pgtest.New(t), n, given...)
}

func newClusterOn(t *testing.T, database string, n int, given ...string) *cluster {
	t.Helper()
	key := filepath.Join(t.TempDir(), "master.key")
	if err := GenerateMasterKey(t.Context(), settings(t, "master_key_file="+key)); err != nil {
		t.Fatal(err)
	}
	given = append(given, "database="+database, "master_key_file="+key, "tls.mode=off", "public_url=https://graph.test.example",
		"listen=127.0.0.1:0", "health.listen=127.0.0.1:0", "guard.mode=off", "connectors.allow_http=true")
	c := &cluster{t: t, given: given, nodes: make([]*program, n), target: newRecordingTarget(t), httpClient: &http.Client{Transport: &http.Transport{}}}
	c.start()
	c.local = c.openLocal()
	c.furnish()
	return c
}

// start starts the nodes.
func (c *cluster) start() {
	t := c.t
	t.Helper()
	var starting, running sync.WaitGroup
	ctx, end := context.WithCancel(t.Context())
	c.stop = func() { end(); c.httpClient.CloseIdleConnections(); running.Wait() }
	t.Cleanup(c.stop)
	for i := range c.nodes {
		dir := t.TempDir()
		starting.Go(func() {
			p, err := prepareServe(ctx, settings(t, append(slices.Clone(c.given), "data_dir="+dir)...), slog.New(slog.DiscardHandler), nil)
			if err != nil {
				t.Error(err)
				return
			}
			c.nodes[i] = p
			running.Go(func() {
				if err := p.run(ctx); err != nil {
					t.Error(err)
				}
			})
		})
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// openLocal is what a command works with that is started now.
func (c *cluster) openLocal() *Local {
	c.t.Helper()
	local, err := OpenLocal(c.t.Context(), settings(c.t, append(slices.Clone(c.given), "data_dir="+c.t.TempDir())...), slog.New(slog.DiscardHandler), false)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := local.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return local
}

// furnish makes what the tests work with, each thing on another node.
func (c *cluster) furnish() {
	c.t.Helper()
	tenant, err := c.local.Manage.CreateTenant(c.t.Context(), c.local.Operator, "contoso.example", "")
	if err != nil {
		c.t.Fatal(err)
	}
	c.tenant, c.operator = tenant.ID, c.local.Operator.WithTenant(tenant.ID)
	app, err := c.local.Manage.CreateApplication(c.t.Context(), c.operator, "test", devRoles...)
	if err != nil {
		c.t.Fatal(err)
	}
	added, err := c.local.Manage.AddSecret(c.t.Context(), c.operator, app.ClientID, "test", 0)
	if err != nil {
		c.t.Fatal(err)
	}
	c.client, c.secret = app.ClientID, added.Secret
	token := c.token(0)
	c.connector = idIn(c.must(http.StatusCreated, 0, http.MethodPost, "/v1.0/identity/apiConnectors", token, "",
		`{"displayName":"shared","targetUrl":"`+c.target.URL+`/0","authenticationConfiguration":`+basicMembers("0")+`}`))
	c.flow = idIn(c.must(http.StatusCreated, len(c.nodes)-1, http.MethodPost, "/v1.0/identity/b2xUserFlows", token, "",
		`{"id":"shared","userFlowType":"signUpOrSignIn","userFlowTypeVersion":1,"apiConnectorConfiguration":{"postFederationSignup":{"@odata.id":"https://graph.test.example/v1.0/identity/apiConnectors/`+c.connector+`"}}}`))
}

func basicMembers(password string) string {
	return `{"@odata.type":"#microsoft.graph.basicAuthentication","username":"u","password":"` + password + `"}`
}

func idIn(body string) string {
	var entity struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal([]byte(body), &entity)
	return entity.ID
}

// send sends a request to a node and returns status and body.
func (c *cluster) send(node int, method, path, token, key, body string) (int, string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, fmt.Sprintf("http://127.0.0.1:%d%s", c.nodes[node].public.port(), path), strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if strings.HasSuffix(path, "/token") {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := c.httpClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// must is send with the status that it must have.
func (c *cluster) must(status, node int, method, path, token, key, body string) string {
	c.t.Helper()
	got, answer := c.send(node, method, path, token, key, body)
	if got != status {
		c.t.Fatalf("%s %s on node %d: %d %s, want %d", method, path, node, got, answer, status)
	}
	return answer
}

func (c *cluster) token(node int) string {
	c.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {graphScope}, "client_id": {c.client}, "client_secret": {c.secret}}
	status, body := c.send(node, http.MethodPost, "/"+c.tenant+"/oauth2/v2.0/token", "", "", form.Encode())
	_, rest, found := strings.Cut(body, `"access_token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	if status != http.StatusOK || !found {
		c.t.Fatalf("no token from node %d: status %d", node, status) // the body may hold a secret
	}
	return token
}

func (c *cluster) patch(node int, token, body string) {
	c.t.Helper()
	c.must(http.StatusNoContent, node, http.MethodPatch, "/v1.0/identity/apiConnectors/"+c.connector, token, "", body)
}

// step runs the flow's step on a node.
func (c *cluster) step(node int, token, key string) string {
	c.t.Helper()
	return c.must(http.StatusOK, node, http.MethodPost, "/runtime/v1/userFlows/"+c.flow+"/steps/postFederationSignup", token, key, `{"claims":{"email":"a@example.com"}}`)
}

// TestNodesAgree: what one node has acknowledged is what the others do from then on, without a moment between.
func TestNodesAgree(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	token := c.token(1)
	for i := range 60 {
		c.patch(i%3, token, fmt.Sprintf(`{"targetUrl":"%s/%d","authenticationConfiguration":%s}`, c.target.URL, i, basicMembers(fmt.Sprint("password", i))))
		want := fmt.Sprintf("u:password%d /%d", i, i)
		for _, node := range []int{(i + 1) % 3, (i + 2) % 3} {
			if c.step(node, token, ""); c.target.seen() != want {
				t.Fatalf("after change %d on node %d, a step on node %d called with %q, want %q", i, i%3, node, c.target.seen(), want)
			}
		}
	}
	// A change of keys by the command line is noticed by nodes that have the old ring in memory.
	if report, err := c.local.Rotation.Rotate(t.Context(), c.local.Operator); err != nil || report.Resealed == 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	for node := range c.nodes {
		if body := c.step(node, token, ""); !strings.Contains(body, `"action":"Continue"`) {
			t.Errorf("a step on node %d after the rotation: %s", node, body)
		}
		c.patch(node, token, `{"authenticationConfiguration":`+basicMembers(fmt.Sprint("again", node))+`}`)
	}
	if c.step(0, token, ""); !strings.HasPrefix(c.target.seen(), "u:again2 ") {
		t.Errorf("the last password is not in use: %q", c.target.seen())
	}
	if total, damaged, err := c.local.Rotation.Verify(t.Context(), c.local.Operator); err != nil || total == 0 || len(damaged) > 0 {
		t.Errorf("%d secrets, %d damaged, %v", total, len(damaged), err)
	}
}

// TestScopeOfTheCluster: idempotency records, decisions of journeys, receipts, applications and signing keys belong to all
// nodes together.
func TestScopeOfTheCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	token := c.token(2)
	create := `{"displayName":"once","targetUrl":"https://example.com/","authenticationConfiguration":` + basicMembers("p") + `}`
	first := idIn(c.must(http.StatusCreated, 0, http.MethodPost, "/v1.0/identity/apiConnectors", token, "the-key", create))
	if again := idIn(c.must(http.StatusCreated, 1, http.MethodPost, "/v1.0/identity/apiConnectors", token, "the-key", create)); again != first || first == "" {
		t.Errorf("the same Idempotency-Key on another node made %q, the first %q", again, first)
	}
	decision := c.step(0, token, "journey-1")
	called := c.target.calls.Load()
	if again := c.step(1, token, "journey-1"); c.target.calls.Load() != called || idOfInvocation(again) != idOfInvocation(decision) {
		t.Errorf("a journey's step was decided again on another node: %s and %s", decision, again)
	}
	c.must(http.StatusOK, 2, http.MethodGet, "/runtime/v1/invocations/"+idOfInvocation(decision), token, "", "")

	// A signing key that was revoked is refused by every node within a stated time.
	if _, err := c.local.Manage.RotateSigningKey(t.Context(), c.local.Operator, true); err != nil {
		t.Fatal(err)
	}
	revoked := time.Now()
	for node := range c.nodes {
		c.until(func() bool {
			status, _ := c.send(node, http.MethodGet, "/v1.0/identity/apiConnectors", token, "", "")
			return status == http.StatusUnauthorized
		})
	}
	if took := time.Since(revoked); took > 5*time.Second {
		t.Errorf("the last node refused the revoked key's tokens after %s, want about a second", took)
	}
	fresh := c.token(0)
	for node := range c.nodes {
		c.must(http.StatusOK, node, http.MethodGet, "/v1.0/identity/apiConnectors", fresh, "", "")
	}
	// An application that is gone gets no token anywhere from then on.
	if err := c.local.Manage.DeleteApplication(t.Context(), c.operator, c.client); err != nil {
		t.Fatal(err)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {graphScope}, "client_id": {c.client}, "client_secret": {c.secret}}
	for node := range c.nodes {
		if status, _ := c.send(node, http.MethodPost, "/"+c.tenant+"/oauth2/v2.0/token", "", "", form.Encode()); status == http.StatusOK {
			t.Errorf("node %d gave a token to an application that is gone", node)
		}
	}
}

// TestScopeOfANode: rate limits and circuit breakers are each node's own.
func TestScopeOfANode(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2, "throttle=graph")
	token := c.token(0)
	limited := false
	for range 1000 {
		if status, _ := c.send(0, http.MethodGet, "/v1.0/identity/apiConnectors", token, "", ""); status == http.StatusTooManyRequests {
			limited = true
			break
		}
	}
	if !limited {
		t.Fatal("node 0 has no limit")
	}
	c.must(http.StatusOK, 1, http.MethodGet, "/v1.0/identity/apiConnectors", token, "", "")

	c.target.failing.Store(true)
	opened := false
	for range 200 {
		if opened = strings.Contains(c.step(0, token, ""), `"reason":"circuit_open"`); opened {
			break
		}
	}
	if !opened {
		t.Fatal("the circuit breaker of node 0 does not open")
	}
	c.target.failing.Store(false)
	if body := c.step(1, token, ""); !strings.Contains(body, `"action":"Continue"`) {
		t.Errorf("node 1, whose circuit is closed: %s", body)
	}
}

func idOfInvocation(body string) string {
	_, rest, _ := strings.Cut(body, `"invocationId":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// until asks again until done, for ten seconds at the most.
func (c *cluster) until(done func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			c.t.Fatal("it did not happen within ten seconds")
		}
	}
}
