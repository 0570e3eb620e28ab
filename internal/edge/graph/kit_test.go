package graph_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"flag"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/credential"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/edge/graph"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/seal"
	"github.com/patchbay/patchbay/internal/store"
)

var update = flag.Bool("update", false, "write the answers of testdata/wire and docs/graph.md again")

// noon is when the site's clock begins.
var noon = time.Date(2026, time.July, 1, 12, 0, 0, 0, time.UTC)

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

// site is the surface as the program assembles it: real database, keys, token verification and TLS.
type site struct {
	*httptest.Server
	clock    *conntest.Clock
	issuer   *conntest.Issuer
	verifier *auth.Verifier
	log      *journal
	metrics  *prometheus.Registry
	database string // the file
	manage   *manage.Service
	keys     *seal.Keys
	master   seal.MasterKey
}

// settings are what a test may set of a site. The zero value is a site with CORS, the defaults, and no limits.
type settings struct {
	graph  graph.Options
	edge   edge.Options
	manage manage.Service
}

// build starts a site that ends with the test.
func build(t testing.TB, s settings) *site {
	t.Helper()
	site := &site{
		clock: conntest.NewClock(), issuer: conntest.NewIssuer(t), log: &journal{}, metrics: prometheus.NewRegistry(),
		database: filepath.Join(t.TempDir(), "patchbay.db"),
	}
	site.clock.Advance(noon.Sub(site.clock.Now()))
	site.issuer.Now = site.clock.Now
	log := slog.New(slog.NewJSONHandler(site.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if site.master, err = seal.GenerateMasterKey(seal.Production); err != nil {
		t.Fatal(err)
	}
	db, keys := openDatabase(t, site.database, site.master, log, site.clock.Now)

	site.verifier, err = auth.NewVerifier(auth.Options{Issuers: []auth.Issuer{site.issuer.Settings()}, Now: site.clock.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.verifier.Close)

	operations := s.manage
	operations.Store, operations.Sealer, operations.Intake, operations.Now = db, keys.Sealer(), credential.NewIntake(2), site.clock.Now
	site.manage, site.keys = &operations, keys
	s.graph.Manage, s.graph.Verifier, s.graph.Now = &operations, site.verifier, site.clock.Now
	if s.graph.Throttle == "" {
		s.graph.Throttle = graph.ThrottleOff
	}
	surface, err := graph.New(s.graph)
	if err != nil {
		t.Fatal(err)
	}
	s.edge.Log, s.edge.Metrics = log, edge.NewMetrics(site.metrics)
	site.Server = httptest.NewUnstartedServer(edge.Wrap(surface, s.edge))
	site.EnableHTTP2 = true
	site.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	site.StartTLS()
	t.Cleanup(site.Close)
	return site
}

// openDatabase makes a database with a key ring of its own.
func openDatabase(t testing.TB, path string, master seal.MasterKey, log *slog.Logger, now func() time.Time) (*store.Store, *seal.Keys) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{Database: path, Log: log, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	ring, err := seal.NewRing()
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := ring.Wrap(master)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.ReplaceKeyRing(t.Context(), 0, store.KeyRing{Primary: ring.Primary(), Wrapped: wrapped}, nil); err != nil {
		t.Fatal(err)
	}
	return db, seal.NewKeys(master, func(ctx context.Context) (wrapped, earlier []byte, err error) {
		k, _, err := db.KeyRing(ctx)
		return k.Wrapped, k.EarlierRoots, err
	})
}

// The ids of the callers. They are fixed, so that answers that name them are.
const (
	contoso  = "11111111-1111-4111-8111-111111111111"
	fabrikam = "22222222-2222-4222-8222-222222222222"
	appID    = "33333333-3333-4333-8333-333333333333"
	objectID = "44444444-4444-4444-8444-444444444444"
	userID   = "55555555-5555-4555-8555-555555555555"
	personal = "9188040d-6c67-4c5b-b112-36a304b66dad"

	globalAdministrator   = "62e90394-69f5-4237-9190-012177145e10"
	userFlowAdministrator = "6e591065-9bad-43ed-90f3-e9424366d2f0"
	userAdministrator     = "fe930be7-5e62-47db-91af-98c3a49a38b1"
)

// callers are the callers that a test may name, by the claims of their tokens.
var callers = map[string]map[string]any{
	"admin":                 application(contoso, "APIConnectors.ReadWrite.All", "IdentityUserFlow.ReadWrite.All", "AuditLog.Read.All"),
	"reader":                application(contoso, "APIConnectors.Read.All"),
	"auditor":               application(contoso, "AuditLog.Read.All"),
	"no-permission":         application(contoso),
	"user-flows":            application(contoso, "IdentityUserFlow.ReadWrite.All"),
	"flow-reader":           application(contoso, "IdentityUserFlow.Read.All"),
	"connectors-only":       application(contoso, "APIConnectors.ReadWrite.All"),
	"user-of-flows":         delegated("IdentityUserFlow.ReadWrite.All", userFlowAdministrator),
	"user-of-flows-no-role": delegated("IdentityUserFlow.ReadWrite.All", userAdministrator),
	"other-tenant":          application(fabrikam, "APIConnectors.ReadWrite.All", "IdentityUserFlow.ReadWrite.All", "AuditLog.Read.All"),
	"other-app":             overlay(application(contoso, "APIConnectors.ReadWrite.All"), map[string]any{"appid": "66666666-6666-4666-8666-666666666666"}),
	"personal":              application(personal, "APIConnectors.ReadWrite.All"),
	"expired":               overlay(application(contoso, "APIConnectors.ReadWrite.All"), map[string]any{"exp": noon.Add(-time.Hour).Unix(), "nbf": noon.Add(-2 * time.Hour).Unix()}),
	"early":                 overlay(application(contoso, "APIConnectors.ReadWrite.All"), map[string]any{"nbf": noon.Add(time.Hour).Unix(), "exp": noon.Add(2 * time.Hour).Unix()}),
	"audience":              overlay(application(contoso, "APIConnectors.ReadWrite.All"), map[string]any{"aud": "https://graph.windows.net"}),
	"issuer":                overlay(application(contoso, "APIConnectors.ReadWrite.All"), map[string]any{"iss": "https://sts.example/"}),
	"wids-only":             overlay(application(contoso), map[string]any{"wids": []string{globalAdministrator}}),
	"user":                  delegated("APIConnectors.ReadWrite.All", globalAdministrator),
	"flow-admin":            delegated("openid profile APIConnectors.ReadWrite.All AuditLog.Read.All", userFlowAdministrator),
	"user-reader":           delegated("APIConnectors.Read.All", userFlowAdministrator),
	"user-no-role":          delegated("APIConnectors.ReadWrite.All", userAdministrator),
	"user-no-scope":         delegated("User.Read", globalAdministrator),
	"user-roles":            overlay(delegated("User.Read", globalAdministrator), map[string]any{"roles": []string{"APIConnectors.ReadWrite.All"}}),
}

func application(tenant string, roles ...string) map[string]any {
	return map[string]any{
		"tid": tenant, "idtyp": "app", "appid": appID, "app_displayname": "Test application", "oid": objectID, "sub": objectID,
		"roles": roles, "wids": []string{auth.DefaultWIDs},
	}
}

func delegated(scopes string, roles ...string) map[string]any {
	return map[string]any{
		"tid": contoso, "idtyp": "user", "appid": appID, "app_displayname": "Test application", "oid": userID, "sub": "pairwise",
		"name": "Adele Vance", "upn": "adele@contoso.example", "scp": scopes, "wids": roles,
	}
}

func overlay(onto, changes map[string]any) map[string]any {
	for name, value := range changes {
		onto[name] = value
	}
	return onto
}

// authorization is the Authorization header of a caller; "" for the caller nobody.
func (s *site) authorization(t testing.TB, caller string) string {
	t.Helper()
	switch caller {
	case "nobody":
		return ""
	case "empty":
		return "Bearer "
	case "basic":
		return "Basic dXNlcjpwYXNz"
	case "garbage":
		return "Bearer not-a-token"
	case "unsigned":
		return "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0."
	case "forged":
		token := []byte(s.issuer.Token(t, callers["admin"]))
		middle := len(token) - 20 // within the signature, and not in its last, partly used character
		token[middle] = map[bool]byte{true: 'B', false: 'A'}[token[middle] == 'A']
		return "Bearer " + string(token)
	}
	claims, known := callers[caller]
	if !known {
		t.Fatalf("there is no caller %q", caller)
	}
	return "Bearer " + s.issuer.Token(t, claims)
}

// client is an HTTP client that speaks HTTP/2 and reaches the site by whatever host a URL names.
func (s *site) client() *http.Client {
	transport := s.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.ServerName = "example.com" // what httptest's certificate is for
	transport.DialContext = s.dial
	transport.DisableCompression = true
	return &http.Client{Transport: transport}
}

// pfx is a PKCS#12 file and what a reader may know of it.
type pfx struct {
	value      string // base64
	thumbprint string
	key        []byte // PKCS#8 DER
}

const pfxPassword = "pfx-password"

// validities are the certificates that tests name, by when they are valid, in days from noon.
var validities = map[string][2]int{
	"leaf": {-30, 300}, "second": {-20, 200}, "third": {-10, 100}, "short": {-5, 1}, "future": {30, 300}, "expired": {-300, -1},
}

// files makes each PKCS#12 file once for all tests of a run.
var files = sync.OnceValues(func() (map[string]pfx, error) {
	made := map[string]pfx{}
	for name, days := range validities {
		file, err := makePFX(name, pfxPassword, noon.AddDate(0, 0, days[0]), noon.AddDate(0, 0, days[1]))
		if err != nil {
			return nil, err
		}
		made[name] = file
	}
	return made, nil
})

func pfxFiles(t testing.TB) map[string]pfx {
	t.Helper()
	made, err := files()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func makePFX(name, password string, notBefore, notAfter time.Time) (pfx, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pfx{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: notBefore, NotAfter: notAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return pfx{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return pfx{}, err
	}
	file, err := pkcs12.Modern2023.WithIterations(1000).Encode(key, certificate, nil, password)
	if err != nil {
		return pfx{}, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pfx{}, err
	}
	return pfx{value: base64.StdEncoding.EncodeToString(file), thumbprint: fmt.Sprintf("%X", sha1.Sum(der)), key: pkcs8}, nil
}
