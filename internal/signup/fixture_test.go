package signup_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/guard"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/outbound"
	"github.com/patchbay/patchbay/internal/seal"
	"github.com/patchbay/patchbay/internal/signup"
)

const (
	flowName  = "B2X_1_signup"
	step      = "postAttributeCollection"
	userName  = "patchbay"
	password  = "canary-password-7f3a"
	continued = `{"version":"1.0.0","action":"Continue"}`
)

// bench is an installation whose user flow calls an endpoint of the test's own.
type bench struct {
	*conntest.Installation
	service   *signup.Service
	client    *outbound.Client
	endpoint  *endpoint
	connector string
	log       *lockedBuffer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{Installation: conntest.NewInstallation(t), endpoint: newEndpoint(t), log: &lockedBuffer{}}
	b.service, b.client = b.start(t, signup.Options{})
	name, url := "Check", b.endpoint.URL+"/check?code=canary-key"
	made, err := b.Manage.CreateConnector(t.Context(), b.Operator, manage.ConnectorPatch{
		DisplayName: &name, TargetURL: &url, Authentication: basic(password),
	}, manage.Once{})
	if err != nil {
		t.Fatal(err)
	}
	b.connector = made.ID
	b.trust(t, b.endpoint)
	id, kind, version := flowName, "signUpOrSignIn", float32(1)
	if _, err := b.Manage.CreateUserFlow(t.Context(), b.Operator, apiconn.B2X, manage.UserFlowGiven{
		ID: &id, Type: &kind, TypeVersion: &version, ConnectorIDs: map[string]string{step: made.ID},
	}, manage.Once{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// start makes a service on the installation, as each process has one.
func (b *bench) start(t *testing.T, o signup.Options) (*signup.Service, *outbound.Client) {
	t.Helper()
	loopback, err := guard.New(guard.Enforce, []string{"127.0.0.0/8"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := outbound.New(outbound.Options{Guard: loopback})
	t.Cleanup(client.Close)
	o.Records, o.Opener, o.Journal, o.Outbound = b.Store, b.Keys.Opener(), b.Keys.Journal(), client
	o.Now, o.Kept, o.Log = b.Clock.Now, 24*time.Hour, slog.New(slog.NewTextHandler(b.log, nil))
	service, err := signup.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return service, client
}

func basic(secret string) *manage.AuthenticationGiven {
	return &manage.AuthenticationGiven{
		Type: "#microsoft.graph.basicAuthentication", Members: map[string]any{"username": userName, "password": secret},
	}
}

// trust makes the connector trust an endpoint's certificate.
func (b *bench) trust(t *testing.T, e *endpoint) {
	t.Helper()
	roots := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw}))
	if _, err := b.Manage.UpdateCallSettings(t.Context(), b.Operator, b.connector, manage.CallSettingsPatch{TrustedRoots: &roots}, manage.Precondition{}); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) patch(t *testing.T, patch manage.ConnectorPatch) {
	t.Helper()
	if _, err := b.Manage.UpdateConnector(t.Context(), b.Operator, b.connector, patch, manage.Precondition{}); err != nil {
		t.Fatal(err)
	}
}

// request is a step with an email.
func request(email string) signup.Request {
	return signup.Request{FlowID: flowName, Step: step, Claims: apiconn.Claims{"email": email}}
}

func (b *bench) run(t *testing.T, r signup.Request) apiconn.Decision {
	t.Helper()
	d, err := b.service.Run(t.Context(), b.Operator, r)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (b *bench) receipt(t *testing.T, d apiconn.Decision) apiconn.Invocation {
	t.Helper()
	inv, err := b.service.Invocation(t.Context(), b.Operator, d.InvocationID)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// application is a caller of the tenant with permissions and an app of its own.
func (b *bench) application(t *testing.T, roles ...auth.Permission) auth.Caller {
	t.Helper()
	id, secret := b.Application(t, roles...)
	token, err := b.Authority.IssueToken(t.Context(), manage.TokenRequest{
		Tenant: b.Tenant.ID, GrantType: "client_credentials", ClientID: id, ClientSecret: secret, Scope: "https://graph.microsoft.com/.default",
	})
	if err != nil {
		t.Fatal(err)
	}
	who, err := b.Verifier.Verify(t.Context(), token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// endpoint is a customer's endpoint: real TLS, and an answer that the test can change.
type endpoint struct {
	*httptest.Server

	mu     sync.Mutex
	answer http.HandlerFunc
	calls  []call
}

// call is what an endpoint saw of one call.
type call struct {
	header     http.Header
	claims     map[string]any
	thumbprint string // SHA-1 of the client's certificate, by its subject; "" for none
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.says(http.StatusOK, continued)
	e.Server = httptest.NewUnstartedServer(e)
	e.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	e.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	e.StartTLS()
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := call{header: r.Header.Clone()}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &c.claims)
	if peers := r.TLS.PeerCertificates; len(peers) > 0 {
		c.thumbprint = peers[0].Subject.CommonName
	}
	e.mu.Lock()
	e.calls = append(e.calls, c)
	answer := e.answer
	e.mu.Unlock()
	answer(w, r)
}

// does sets what the endpoint does from now on.
func (e *endpoint) does(answer http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = answer
}

// says sets what the endpoint answers from now on.
func (e *endpoint) says(status int, body string) {
	e.does(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// seen returns the calls so far.
func (e *endpoint) seen() []call {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]call(nil), e.calls...)
}

// pfx makes a PKCS#12 file with a new key, whose certificate has that name and validity.
func pfx(t *testing.T, name string, notBefore, notAfter time.Time) *manage.AuthenticationGiven {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: notBefore, NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file, err := pkcs12.Modern2023.Encode(key, certificate, nil, "pfx password")
	if err != nil {
		t.Fatal(err)
	}
	return &manage.AuthenticationGiven{
		Type:    "#microsoft.graph.pkcs12Certificate",
		Members: map[string]any{"pkcs12Value": base64.StdEncoding.EncodeToString(file), "password": "pfx password"},
	}
}

// upload appends a certificate.
func (b *bench) upload(t *testing.T, given *manage.AuthenticationGiven) {
	t.Helper()
	given.Type = ""
	if _, err := b.Manage.UploadClientCertificate(t.Context(), b.Operator, b.connector, *given, manage.Precondition{}, manage.Once{}); err != nil {
		t.Fatal(err)
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// hold makes the endpoint wait with its answers until release is called; arrived gets a value for each call.
func (e *endpoint) hold() (arrived <-chan struct{}, release func()) {
	came, gate := make(chan struct{}, 64), make(chan struct{})
	e.does(func(w http.ResponseWriter, r *http.Request) {
		came <- struct{}{}
		select {
		case <-gate:
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, continued)
	})
	return came, sync.OnceFunc(func() { close(gate) })
}

// nobody is an address of this machine at which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// damage cuts an octet off every sealed value of the connector.
func (b *bench) damage(t *testing.T) {
	t.Helper()
	b.tamper(t, "UPDATE secrets SET ciphertext = substr(ciphertext, 1, length(ciphertext) - 1) WHERE owner_id = ?", b.connector)
}

// tamper changes rows past the store.
func (b *bench) tamper(t *testing.T, text string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", b.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	result, err := db.ExecContext(t.Context(), text, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%d rows: %v", n, err)
	}
}

// rewrap changes the master key. Whatever is started from then on has the new one.
func (b *bench) rewrap(t *testing.T) {
	t.Helper()
	next, err := seal.GenerateMasterKey(seal.Production)
	if err != nil {
		t.Fatal(err)
	}
	if err := (manage.KeyRotation{Store: b.Store, Keys: b.Keys, Master: b.Master}).Rewrap(t.Context(), auth.Local(), next); err != nil {
		t.Fatal(err)
	}
	b.Master = next
	b.reload()
}

// reload makes whatever is started from then on read the key ring again.
func (b *bench) reload() {
	b.Keys = seal.NewKeys(b.Master, func(ctx context.Context) (wrapped, earlier []byte, err error) {
		ring, _, err := b.Store.KeyRing(ctx)
		return ring.Wrapped, ring.EarlierRoots, err
	})
}

func equalJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
