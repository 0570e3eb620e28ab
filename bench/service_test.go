package bench

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// service is a started program and what a benchmark put into it.
type service struct {
	program, data string
	settings      []string
	process       *exec.Cmd
	url           string
	client        *http.Client
	tenants       []tenant
}

// tenant is one with connectors, the first of which a user flow calls. It has one more, with a client certificate.
type tenant struct {
	id, token  string
	connectors []string
}

// The user flow of every tenant, and its step that calls.
const (
	benchFlow = "B2X_1_bench"
	benchStep = "postAttributeCollection"
)

// batchSize is how many requests a $batch has at the most.
const batchSize = 20

// startService starts the program with an empty database of an engine. Every token of the issuer is accepted.
func startService(b *testing.B, program string, e engine, settings ...string) *service {
	b.Helper()
	s := &service{program: program, data: filepath.Join(b.TempDir(), "data"), settings: append(e.database(b), settings...)}
	s.start(b)
	b.Cleanup(func() { end(s.process) })
	return s
}

func (s *service) start(b *testing.B) {
	b.Helper()
	s.process = dev(b, s.program, s.data, s.settings...)
	env := readEnv(b, filepath.Join(s.data, "dev.env"))
	s.url, s.client = env["PATCHBAY_URL"], client(&tls.Config{RootCAs: rootsOf(b, env["SSL_CERT_FILE"])})
}

func rootsOf(b *testing.B, file string) *x509.CertPool {
	b.Helper()
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(file)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		b.Fatalf("read the certificate authority: %v", err)
	}
	return roots
}

// startEndpoint starts `patchbay target`, which answers Continue at once to any password, and returns its URL and the
// setting that makes a service trust it.
func startEndpoint(b *testing.B, program string) (address, setting string) {
	b.Helper()
	data := filepath.Join(b.TempDir(), "target")
	cmd := exec.CommandContext(b.Context(), program, "target", "--data-dir", data, "--listen", "127.0.0.1:0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { end(cmd) })
	lines := bufio.NewReader(out)
	var ca string
	for ca == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		if at, found := strings.CutPrefix(line, "# Target at "); found {
			address, _, _ = strings.Cut(at, " ")
		}
		if file, found := strings.CutPrefix(line, "# CA certificate: "); found {
			ca = strings.TrimSpace(file)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return address, "PATCHBAY_CALLS_TRUSTED_ROOTS_FILE=" + ca
}

// fill makes further tenants, each with so many connectors that have a password and call the endpoint, one that has a
// certificate, and a user flow that calls the first. It does so over the wire, 20 in a request, for 16 tenants at a time.
func (s *service) fill(b *testing.B, i *issuer, endpoint string, tenants, connectors int) {
	b.Helper()
	certificate := newCertificate(b)
	made := make([]tenant, tenants)
	for n := range made {
		made[n].id = guid(len(s.tenants) + n)
		made[n].token = i.token(b, made[n].id)
	}
	var next atomic.Int64
	var failure atomic.Pointer[error]
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(tenants) && failure.Load() == nil; n = next.Add(1) {
				if err := s.furnish(b.Context(), &made[n-1], endpoint, certificate, connectors); err != nil {
					failure.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failure.Load(); err != nil {
		b.Fatal(*err)
	}
	s.tenants = append(s.tenants, made...)
}

// guid is a tenant's id; one follows another in no order, as those of the world do.
func guid(n int) string {
	h := sha256.Sum256(fmt.Append(nil, "tenant ", n))
	h[6], h[8] = h[6]&0x0f|0x40, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// nameOf is the displayName of a tenant's connector.
func nameOf(n int) string { return fmt.Sprintf("Connector %d of a bench", n) }

// basic is the JSON of an authentication configuration with a password.
func basic(password string) string {
	return fmt.Sprintf(`{"@odata.type":"microsoft.graph.basicAuthentication","username":"bench","password":%q}`, password)
}

// newCertificate is the JSON of an authentication configuration with a client certificate that ends in 30 days.
func newCertificate(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	for _, arguments := range []string{
		"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=bench -days 30 -keyout key.pem -out certificate.pem",
		"pkcs12 -export -inkey key.pem -in certificate.pem -passout pass:bench -out bench.pfx",
	} {
		cmd := exec.CommandContext(b.Context(), "openssl", strings.Fields(arguments)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("openssl: %v\n%s", err, out)
		}
	}
	pfx, err := os.ReadFile(filepath.Join(dir, "bench.pfx"))
	if err != nil {
		b.Fatal(err)
	}
	return fmt.Sprintf(`{"@odata.type":"microsoft.graph.pkcs12Certificate","pkcs12Value":%q,"password":"bench"}`, base64.StdEncoding.EncodeToString(pfx))
}

// connector is the JSON of a new connector.
func connector(name, endpoint, authentication string) string {
	return fmt.Sprintf(`{"displayName":%q,"targetUrl":%q,"authenticationConfiguration":%s}`, name, endpoint, authentication)
}

// furnish gives a tenant its connectors and its flow.
func (s *service) furnish(ctx context.Context, t *tenant, endpoint, certificate string, connectors int) error {
	add := shot{http.MethodPost, s.url + "/v1.0/identity/apiConnectors", t.token, connector("With a certificate", endpoint, certificate), http.StatusCreated}
	if err := add.send(ctx, s.client); err != nil {
		return err
	}
	for from := 0; from < connectors; from += batchSize {
		var requests []string
		for n := from; n < min(from+batchSize, connectors); n++ {
			requests = append(requests, fmt.Sprintf(`{"id":"%d","method":"POST","url":"/identity/apiConnectors",`+
				`"headers":{"Content-Type":"application/json"},"body":%s}`, n, connector(nameOf(n), endpoint, basic(fmt.Sprintf("password %d of %s", n, t.id)))))
		}
		batch := shot{http.MethodPost, s.url + "/v1.0/$batch", t.token, `{"requests":[` + strings.Join(requests, ",") + `]}`, http.StatusOK}
		ids, err := batch.created(ctx, s.client)
		if err != nil {
			return err
		}
		t.connectors = append(t.connectors, ids...)
	}
	flow := fmt.Sprintf(`{"id":"bench","userFlowType":"signUpOrSignIn","userFlowTypeVersion":1,"apiConnectorConfiguration":{%q:{"id":%q}}}`,
		benchStep, t.connectors[0])
	return shot{http.MethodPost, s.url + "/v1.0/identity/b2xUserFlows", t.token, flow, http.StatusCreated}.send(ctx, s.client)
}

// created sends a batch whose every request makes something, and returns the ids.
func (s shot) created(ctx context.Context, client *http.Client) (ids []string, err error) {
	answer, err := s.answer(ctx, client)
	if err != nil {
		return nil, err
	}
	var batch struct {
		Responses []struct {
			Status int
			Body   json.RawMessage
		}
	}
	if err := json.Unmarshal(answer, &batch); err != nil {
		return nil, err
	}
	for _, r := range batch.Responses {
		var of struct{ ID string }
		if err := json.Unmarshal(r.Body, &of); err != nil || r.Status != http.StatusCreated {
			return nil, fmt.Errorf("a request of a batch was answered %d: %.300s, %w", r.Status, r.Body, err)
		}
		ids = append(ids, of.ID)
	}
	return ids, nil
}

// act makes a request of a tenant, about one of its connectors if it is about one. n makes a change one.
type act func(s *service, t tenant, id string, n uint64) shot

// acts are the operations measured.
var acts = map[string]act{
	"Get": func(s *service, t tenant, id string, _ uint64) shot {
		return shot{http.MethodGet, s.url + "/v1.0/identity/apiConnectors/" + id, t.token, "", http.StatusOK}
	},
	"PatchName": func(s *service, t tenant, id string, n uint64) shot {
		return shot{http.MethodPatch, s.url + "/v1.0/identity/apiConnectors/" + id, t.token, fmt.Sprintf(`{"displayName":"Name %d"}`, n), http.StatusNoContent}
	},
	"PatchPassword": func(s *service, t tenant, id string, n uint64) shot {
		change := fmt.Sprintf(`{"authenticationConfiguration":%s}`, basic(fmt.Sprint("password ", n)))
		return shot{http.MethodPatch, s.url + "/v1.0/identity/apiConnectors/" + id, t.token, change, http.StatusNoContent}
	},
	"Step": func(s *service, t tenant, _ string, _ uint64) shot {
		claims := `{"claims":{"email":"ada@example.com","displayName":"Ada"}}`
		return shot{http.MethodPost, s.url + "/runtime/v1/userFlows/" + benchFlow + "/steps/" + benchStep, t.token, claims, http.StatusOK}
	},
	"ListFirstTwo": listing("$top=2"),
	"ListPage":     listing("$top=100"),
	"FilterName":   listing("$filter=displayName%20eq%20'" + url.QueryEscape(nameOf(1)) + "'"),
	"FilterStart":  listing("$top=100&$filter=startsWith(displayName,'Connector')"),
	"Certificates": func(s *service, t tenant, _ string, _ uint64) shot {
		return shot{http.MethodGet, s.url + "/runtime/v1/certificates?expiresWithinDays=60", t.token, "", http.StatusOK}
	},
}

// listing lists a tenant's connectors.
func listing(query string) act {
	return func(s *service, t tenant, _ string, _ uint64) shot {
		return shot{http.MethodGet, s.url + "/v1.0/identity/apiConnectors?" + query, t.token, "", http.StatusOK}
	}
}

// side is the service as one that takes turns, asked by some of its tenants in no order.
func (s *service) side(name string, tenants []tenant, what act) side {
	var count atomic.Uint64
	return side{name: name, client: s.client, next: func() shot {
		n := count.Add(1)
		dice := mix(n)
		t := tenants[dice%uint64(len(tenants))]
		return what(s, t, t.connectors[dice>>32%uint64(len(t.connectors))], n)
	}}
}

// mix is a number that looks random and is the same in every run (SplitMix64's last step).
func mix(n uint64) uint64 {
	n *= 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
