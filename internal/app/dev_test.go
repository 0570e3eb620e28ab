package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/config"
	"github.com/patchbay/patchbay/internal/seal"
	"github.com/patchbay/patchbay/internal/store"
)

// devServer is `patchbay dev` in this process.
type devServer struct {
	*program
	facts  devFacts
	log    *lockedBuffer
	client *http.Client
	end    context.CancelFunc
	ended  chan error
}

// settings returns the defaults of `patchbay dev` with the given ones, written like flags: key=value.
func settings(t *testing.T, given ...string) *config.Config {
	t.Helper()
	defaults := map[string]string{}
	for key, value := range DevDefaults {
		defaults[key] = value
	}
	for _, g := range given {
		key, value, _ := strings.Cut(g, "=")
		defaults[key] = value
	}
	cfg, err := config.Load(config.Source{Environ: func() []string { return nil }, Defaults: defaults})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func startDev(t *testing.T, dir string) *devServer {
	t.Helper()
	s := &devServer{log: &lockedBuffer{}, ended: make(chan error, 1)}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	s.program, s.facts, err = prepareDev(t.Context(), settings(t, "data_dir="+dir, "listen=127.0.0.1:0", "health.listen=127.0.0.1:0"), log)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(readCertificate(t, s.facts.TLS.CAFile))
	s.client = &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	ctx, end := context.WithCancel(t.Context())
	s.end = end
	go func() { s.ended <- s.run(ctx) }()
	t.Cleanup(func() { s.stop(t) })
	return s
}

// stop stops the server; more than once is fine.
func (s *devServer) stop(t *testing.T) {
	t.Helper()
	s.end()
	s.client.CloseIdleConnections()
	if err, running := <-s.ended; running {
		close(s.ended)
		if err != nil {
			t.Errorf("the server ended with %v", err)
		}
	}
}

// do sends a request and returns status and body.
func (s *devServer) do(t *testing.T, method, path, token, contentType, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.facts.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// token asks the local authority for a token as the facts say.
func (s *devServer) token(t *testing.T) string {
	t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {graphScope},
		"client_id": {s.facts.ClientID}, "client_secret": {s.facts.ClientSecret},
	}
	status, body := s.do(t, http.MethodPost, "/"+s.facts.TenantID+"/oauth2/v2.0/token", "", "application/x-www-form-urlencoded", form.Encode())
	_, rest, found := strings.Cut(body, `"access_token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	if status != http.StatusOK || !found {
		t.Fatalf("no token: status %d", status) // the body may hold a secret
	}
	return token
}

func TestDevServesTheFirstExample(t *testing.T) {
	t.Parallel()
	s := startDev(t, t.TempDir())
	token := s.token(t)
	connector := "/v1.0/identity/apiConnectors/" + s.facts.ConnectorID
	if status, body := s.do(t, http.MethodPatch, connector, token, "application/json", firstExample); status != http.StatusNoContent || body != "" {
		t.Fatalf("PATCH: %d %s", status, body)
	}
	status, body := s.do(t, http.MethodGet, connector, token, "", "")
	for _, want := range []string{`"New Test API"`, `"https://otherapi.com/api/endpoint"`, `"<NEW_USERNAME>"`, `"******"`} {
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("GET: %d, no %s in %s", status, want, body)
		}
	}
	if status, _ := s.do(t, http.MethodGet, connector, "", "", ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	for _, secret := range []string{token, s.facts.ClientSecret, "<NEW_PASSWORD>"} {
		if strings.Contains(s.log.String(), secret) {
			t.Error("the log holds a secret")
		}
	}
}

func TestDevFindsEverythingAsItWasLeft(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a dir with spaces")
	first := startDev(t, dir)
	token := first.token(t)
	connector := "/v1.0/identity/apiConnectors/" + first.facts.ConnectorID
	if status, body := first.do(t, http.MethodPatch, connector, token, "application/json", `{"displayName":"Kept"}`); status != http.StatusNoContent {
		t.Fatalf("PATCH: %d %s", status, body)
	}
	first.stop(t)
	for name, mode := range map[string]os.FileMode{"master.key": 0o600, "dev.env": 0o600, "patchbay.db": 0o600, "ca-key.pem": 0o600, ".": 0o700} {
		wantMode(t, filepath.Join(dir, name), mode)
	}
	ca := readCertificate(t, first.facts.TLS.CAFile)

	second := startDev(t, dir)
	want := first.facts
	want.URL = second.facts.URL // port 0
	if want != second.facts {
		t.Error("the second start has other facts") // not shown: they hold the secret
	}
	if !readCertificate(t, second.facts.TLS.CAFile).Equal(ca) {
		t.Error("the second start has another CA")
	}
	if status, body := second.do(t, http.MethodGet, connector, second.token(t), "", ""); status != http.StatusOK || !strings.Contains(body, `"Kept"`) {
		t.Errorf("GET: %d %s", status, body)
	}
}

func TestDevRepairsWhatIsMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startDev(t, dir)
	if status, _ := first.do(t, http.MethodDelete, "/v1.0/identity/apiConnectors/"+first.facts.ConnectorID, first.token(t), "", ""); status != http.StatusNoContent {
		t.Fatalf("DELETE: %d", status)
	}
	first.stop(t)
	if err := os.Remove(first.facts.EnvFile); err != nil {
		t.Fatal(err)
	}
	second := startDev(t, dir)
	if second.facts.ClientID != first.facts.ClientID || second.facts.TenantID != first.facts.TenantID {
		t.Error("tenant or application were made again")
	}
	if second.facts.ClientSecret == first.facts.ClientSecret {
		t.Error("the lost secret came back: it must not be stored in the clear anywhere else")
	}
	if second.facts.ConnectorID == first.facts.ConnectorID {
		t.Error("the deleted connector came back")
	}
	if status, body := second.do(t, http.MethodGet, "/v1.0/identity/apiConnectors/"+second.facts.ConnectorID, second.token(t), "", ""); status != http.StatusOK || !strings.Contains(body, demoConnector) {
		t.Errorf("GET: %d %s", status, body)
	}
}

func TestDevAndServeKeepApart(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	dev := startDev(t, filepath.Join(t.TempDir(), "dev"))
	dev.stop(t)
	dir := filepath.Dir(dev.facts.EnvFile)
	certificate := []string{"tls.cert_file=" + dev.facts.TLS.CertFile, "tls.key_file=" + dev.facts.TLS.KeyFile, "listen=127.0.0.1:0", "data_dir=" + dir}

	_, err := prepareServe(t.Context(), settings(t, certificate...), log, nil)
	if err == nil || !strings.Contains(err.Error(), "the master key was made by `patchbay dev`") {
		t.Errorf("serve with a development key: %v", err)
	}
	production := filepath.Join(t.TempDir(), "master.key")
	if err := GenerateMasterKey(t.Context(), settings(t, "master_key_file="+production)); err != nil {
		t.Fatal(err)
	}
	certificate = append(certificate, "master_key_file="+production)
	_, err = prepareServe(t.Context(), settings(t, certificate...), log, nil)
	if err == nil || !strings.Contains(err.Error(), "server.pem was made by `patchbay dev`") {
		t.Errorf("serve with a development certificate: %v", err)
	}
	own := filepath.Join(filepath.Dir(production), "tls")
	if _, err := makePair(own+".pem", own+"-key.pem", serverTemplate(now(), now().Add(serverLife)), nil); err != nil {
		t.Fatal(err)
	}
	_, err = prepareServe(t.Context(), settings(t, append(certificate, "tls.cert_file="+own+".pem", "tls.key_file="+own+"-key.pem")...), log, nil)
	if err == nil || !strings.Contains(err.Error(), "was made for development and the master key for production") {
		t.Errorf("serve on a development database: %v", err)
	}
	_, _, err = prepareDev(t.Context(), settings(t, "listen=127.0.0.1:0", "data_dir="+filepath.Dir(production)), log)
	if err == nil || !strings.Contains(err.Error(), "belongs to a production service") {
		t.Errorf("dev in a production directory: %v", err)
	}
}

func TestDevListensOnThisMachineOnly(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"192.0.2.1:0": "is for localhost only", "example.com:0": "is for localhost only",
		"localhost:0": "", "[::1]:0": "", ":0": "", "0.0.0.0:0": "",
	} {
		err := settleDev(settings(t, "listen="+listen, "data_dir="+t.TempDir()))
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", listen, err, want)
		}
	}
}

func TestDamagedSigningKeyIsLeftOutAndReportedOnce(t *testing.T) {
	t.Parallel()
	log := &lockedBuffer{}
	cfg := settings(t, "data_dir="+t.TempDir())
	master, err := seal.GenerateMasterKey(seal.Production)
	if err != nil {
		t.Fatal(err)
	}
	c, err := openCore(t.Context(), cfg, master, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	for range 2 {
		if err := c.ensureSigningKey(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := c.store.SigningKeys(t.Context())
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d signing keys, %v; want the first to be kept", len(rows), err)
	}
	keys := &signingKeys{store: c.store, opener: c.keys.Opener(), log: c.log}
	if opened, err := keys.load(t.Context()); err != nil || len(opened) != 1 || opened[0].ID != rows[0].ID {
		t.Fatalf("%d keys opened, %v", len(opened), err)
	}
	// The row of another owner in this one's place: it must not open.
	row := rows[0]
	box, err := c.keys.Sealer().Seal(t.Context(), seal.Owner{ID: "somebody else", Version: row.Private.Version}, []byte("not a key"))
	if err != nil {
		t.Fatal(err)
	}
	swapped := store.ResealedRow{OldKeyID: row.Private.KeyID}
	swapped.OwnerID, swapped.Member, swapped.Sealed = "authority", "signing-key/"+row.ID, row.Private
	swapped.Sealed.KeyID, swapped.Sealed.Ciphertext = box.KeyID, box.Ciphertext
	if n, err := c.store.Reseal(t.Context(), []store.ResealedRow{swapped}); n != 1 || err != nil {
		t.Fatalf("replaced %d rows, %v", n, err)
	}
	for range 3 {
		if opened, err := keys.load(t.Context()); err != nil || len(opened) != 0 {
			t.Errorf("%d damaged keys opened, %v", len(opened), err)
		}
	}
	if n := strings.Count(log.String(), "a signing key does not open"); n != 1 {
		t.Errorf("reported %d times, want once:\n%s", n, log)
	}
}

func TestPrintedTextIsOneScript(t *testing.T) {
	t.Parallel()
	facts := devFacts{
		URL: "https://localhost:1", TenantID: "t", ClientID: "c", ClientSecret: "s", ConnectorID: "k", DemoConnectorID: "d", DemoPassword: "p",
		TLS: devTLS{CAFile: "/a b/ca.pem", BundleFile: "/a b/ca-bundle.pem"}, EnvFile: "/a b/dev.env",
	}
	var out strings.Builder
	if err := facts.print(&out); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range facts.environment() {
		names = append(names, v.name)
		if !strings.Contains(out.String(), "#   "+v.name+"="+quote(v.value)) {
			t.Errorf("%s is not printed", v.name)
		}
	}
	want := []string{
		"PATCHBAY_URL", "PATCHBAY_CONNECTOR_ID", "PATCHBAY_DEMO_CONNECTOR_ID", "PATCHBAY_DEMO_PASSWORD", "AZURE_AUTHORITY_HOST", "AZURE_TENANT_ID", "AZURE_CLIENT_ID",
		"AZURE_CLIENT_SECRET", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(out.String(), "'/a b/ca.pem'") {
		t.Error("a path with a space is not quoted")
	}
}
