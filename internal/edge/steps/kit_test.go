package steps_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/edge/steps"
	"github.com/patchbay/patchbay/internal/guard"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/outbound"
	"github.com/patchbay/patchbay/internal/signup"
)

var update = flag.Bool("update", false, "write the answers of testdata/wire and the table of docs/runtime.md again")

// journal is where a site logs to.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// target is a connector's endpoint: real TLS, one answer at a time, and what it was sent.
type target struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(http.ResponseWriter)
	seen   []string
}

func newTarget(t testing.TB) *target {
	t.Helper()
	e := &target{}
	e.says("200", "application/json", `{"version":"1.0.0","action":"Continue"}`)
	e.Server = httptest.NewUnstartedServer(e)
	e.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	e.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	e.StartTLS()
	t.Cleanup(e.Close)
	return e
}

func (e *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	authorization := r.Header.Get("Authorization")
	if user, secret, ok := r.BasicAuth(); ok {
		authorization = "Basic " + user + ":" + secret
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen = append(e.seen, fmt.Sprintf("> POST %s [%s] %s", r.URL.RequestURI(), authorization, body))
	e.answer(w)
}

// says sets the answer from now on.
func (e *target) says(status, contentType, body string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = func(w http.ResponseWriter) {
		var code int
		_, _ = fmt.Sscan(status, &code)
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// takes returns what was sent since it was last asked.
func (e *target) takes() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := e.seen
	e.seen = nil
	return seen
}

func (e *target) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw}))
}

// connectorPassword is what the site's connector proves itself with.
const connectorPassword = "target-password"

// site is the surface as the program assembles it: real database, keys, token authority, TLS on both sides. Its flow
// B2X_1_flow calls the target at two steps, B2C_1_flow at another, and B2X_1_empty nothing.
type site struct {
	*httptest.Server
	in        *conntest.Installation
	target    *target
	elsewhere *target // another origin
	connector string
	log       *journal
	metrics   *prometheus.Registry
	signup    *signup.Service
	callers   map[string]string // the Authorization header by name
	known     [][2]string       // what has a name in scripts: the name, the text
}

// settings are what a test may set of a site.
type settings struct {
	cors, keepValues, noBasic bool
	edge                      edge.Options
	description               func() ([]byte, error)
	maxFlights                int
}

func build(t testing.TB, s settings) *site {
	t.Helper()
	site := &site{
		in: conntest.NewInstallation(t), target: newTarget(t), elsewhere: newTarget(t), log: &journal{}, metrics: prometheus.NewRegistry(),
	}
	log := slog.New(slog.NewJSONHandler(site.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	loopback, err := guard.New(guard.Enforce, []string{"127.0.0.0/8"}, log)
	if err != nil {
		t.Fatal(err)
	}
	client := outbound.New(outbound.Options{Guard: loopback, Log: log})
	t.Cleanup(client.Close)
	site.signup, err = signup.New(signup.Options{
		Records: site.in.Store, Opener: site.in.Keys.Opener(), Journal: site.in.Keys.Journal(), Outbound: client, Log: log,
		Now: site.in.Clock.Now, Kept: 24 * time.Hour, KeepValues: s.keepValues, ExtensionsApp: extensionsApp,
	})
	if err != nil {
		t.Fatal(err)
	}
	site.furnish(t)
	options := steps.Options{
		Signup: site.signup, Manage: site.in.Manage, Verifier: site.in.Verifier, Authority: site.in.Authority,
		Now: site.in.Clock.Now, CORS: s.cors, Metrics: site.metrics, Description: s.description, MaxFlights: s.maxFlights,
	}
	if s.noBasic {
		options.Authority = nil
	}
	surface, err := steps.New(options)
	if err != nil {
		t.Fatal(err)
	}
	s.edge.Log, s.edge.Metrics = log, edge.NewMetrics(site.metrics)
	site.Server = httptest.NewUnstartedServer(edge.Wrap(surface, s.edge))
	site.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	site.StartTLS()
	t.Cleanup(site.Close)
	return site
}

const extensionsApp = "0e1a2b3c-0000-4000-8000-00000000abcd"

// furnish makes what requests need to be there.
func (s *site) furnish(t testing.TB) {
	t.Helper()
	ctx, m := t.Context(), s.in.Manage
	name, url := "Check", s.target.URL+"/check?code=key"
	made, err := m.CreateConnector(ctx, s.in.Operator, manage.ConnectorPatch{
		DisplayName: &name, TargetURL: &url, Authentication: &manage.AuthenticationGiven{
			Type: "#microsoft.graph.basicAuthentication", Members: map[string]any{"username": "patchbay", "password": connectorPassword},
		},
	}, manage.Once{})
	if err != nil {
		t.Fatal(err)
	}
	s.connector = made.ID
	roots := s.target.pem() // httptest has one certificate for all
	if _, err := m.UpdateCallSettings(ctx, s.in.Operator, s.connector, manage.CallSettingsPatch{TrustedRoots: &roots}, manage.Precondition{}); err != nil {
		t.Fatal(err)
	}
	s.flow(t, apiconn.B2X, "flow", map[string]string{"postFederationSignup": made.ID, "postAttributeCollection": made.ID})
	s.flow(t, apiconn.B2C, "flow", map[string]string{"preTokenIssuance": made.ID})
	s.flow(t, apiconn.B2X, "empty", nil)
	other, err := m.CreateTenant(ctx, auth.Local(), "fabrikam.example", "")
	if err != nil {
		t.Fatal(err)
	}
	s.known = [][2]string{
		{"$CONNECTOR", made.ID},
		{"$TENANT", s.in.Tenant.ID},
		{"$TARGET", s.target.URL},
		{"$ELSEWHERE", s.elsewhere.URL},
		{"$TARGETHOST", strings.TrimPrefix(s.target.URL, "https://")},
		{"$ELSEHOST", strings.TrimPrefix(s.elsewhere.URL, "https://")},
	}
	everything := []auth.Permission{auth.UserFlowsInvokeAll, auth.UserFlowInvocationReadAll, auth.APIConnectorsReadWriteAll}
	s.callers = map[string]string{"nobody": "", "garbage": "Bearer not-a-token", "empty": "Bearer ", "digest": "Digest x"}
	s.application(t, s.in.Tenant, "idp", auth.UserFlowsInvokeAll)
	s.application(t, s.in.Tenant, "admin", everything...)
	s.application(t, s.in.Tenant, "reader", auth.UserFlowInvocationReadAll, auth.APIConnectorsReadAll)
	s.application(t, s.in.Tenant, "replayer", auth.UserFlowsInvokeAll, auth.UserFlowInvocationReadAll)
	s.application(t, s.in.Tenant, "powerless")
	s.application(t, other, "stranger", everything...)
}

func (s *site) flow(t testing.TB, kind apiconn.UserFlowKind, name string, links map[string]string) {
	t.Helper()
	signUp, version := "signUpOrSignIn", float32(1)
	if _, err := s.in.Manage.CreateUserFlow(t.Context(), s.in.Operator, kind, manage.UserFlowGiven{
		ID: &name, Type: &signUp, TypeVersion: &version, ConnectorIDs: links,
	}, manage.Once{}); err != nil {
		t.Fatal(err)
	}
}

// application registers a caller: by its name with a bearer token, and with basic- before it by HTTP Basic, right and
// wrong.
func (s *site) application(t testing.TB, tenant apiconn.Tenant, name string, roles ...auth.Permission) {
	t.Helper()
	who := auth.Local().WithTenant(tenant.ID)
	words := make([]string, len(roles))
	for i, role := range roles {
		words[i] = string(role)
	}
	app, err := s.in.Manage.CreateApplication(t.Context(), who, name, words...)
	if err != nil {
		t.Fatal(err)
	}
	added, err := s.in.Manage.AddSecret(t.Context(), who, app.ClientID, "test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.in.Authority.IssueToken(t.Context(), manage.TokenRequest{
		Tenant: tenant.ID, GrantType: "client_credentials", ClientID: app.ClientID, ClientSecret: added.Secret, Scope: "https://graph.microsoft.com/.default",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.known = append(s.known, [2]string{"$APP-" + name, app.ClientID})
	s.callers[name] = "Bearer " + token.AccessToken
	s.callers["basic-"+name] = basicHeader(tenant.Name+"/"+app.ClientID, added.Secret)
	s.callers["basic-by-id-"+name] = basicHeader(tenant.ID+"/"+app.ClientID, added.Secret)
	s.callers["basic-wrong-"+name] = basicHeader(tenant.Name+"/"+app.ClientID, "wrong")
	s.callers["basic-no-tenant-"+name] = basicHeader(app.ClientID, added.Secret)
	s.callers["basic-no-secret-"+name] = basicHeader(tenant.Name+"/"+app.ClientID, "")
	s.callers["basic-unknown-tenant-"+name] = basicHeader("nowhere.example/"+app.ClientID, added.Secret)
	s.callers["basic-unknown-app-"+name] = basicHeader(tenant.Name+"/99999999-9999-4999-8999-999999999999", added.Secret)
}

func basicHeader(name, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+secret))
}

// reply is an answer read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends one request; header is names and values in turn.
func (s *site) do(t testing.TB, caller, method, path, body string, header ...string) reply {
	t.Helper()
	authorization, known := s.callers[caller]
	if !known {
		t.Fatalf("there is no caller %q", caller)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i+1] == "-" {
			r.Header.Del(header[i])
		}
	}
	r.Header.Set("User-Agent", "")
	transport := s.Client().Transport.(*http.Transport).Clone()
	transport.DisableCompression = true
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return reply{resp.StatusCode, resp.Header, string(text)}
}

// exposition is the site's metrics as Prometheus reads them.
func (s *site) exposition() string {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}
