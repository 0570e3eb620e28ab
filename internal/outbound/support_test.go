package outbound

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/credential"
	"github.com/patchbay/patchbay/internal/guard"
)

const (
	testUser     = "patchbay"
	testPassword = "canary-pässword-3f9c"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	pool        *x509.CertPool
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{key: newKey(t), pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour),
		NotAfter: time.Now().Add(48 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.certificate)
	return a
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// pem is the authority's certificate as a file.
func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

// issue signs a certificate for 127.0.0.1, ::1 and *.test, changed by change.
func (a *authority) issue(t testing.TB, name string, change func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	key := newKey(t)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-24 * time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"*.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// pin is the pin of a certificate's key.
func pin(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// thumbprint is Graph's.
func thumbprint(der []byte) string { return fmt.Sprintf("%X", sha1.Sum(der)) }

// basic is a credential of HTTP Basic.
func basic() Credential {
	return Credential{Version: "basic 1", Username: testUser, Password: credential.NewSecret(testPassword)}
}

// presenting is a credential that is a certificate.
func presenting(c *tls.Certificate) Credential {
	return Credential{Version: thumbprint(c.Certificate[0]), Certificate: c, Thumbprint: thumbprint(c.Certificate[0])}
}

// lines is a log that a test reads.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// loopback is a guard that lets tests call what they started.
func loopback(t testing.TB) *guard.Guard {
	t.Helper()
	g, err := guard.New(guard.Enforce, []string{"127.0.0.0/8", "[::1]/128"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// newClient is a client that trusts an authority and closes with the test.
func newClient(t testing.TB, trusted *authority, change func(*Options)) *Client {
	t.Helper()
	opt := Options{Guard: loopback(t), Roots: trusted.pool, UserAgent: "Patchbay/test"}
	if change != nil {
		change(&opt)
	}
	c := New(opt)
	t.Cleanup(c.Close)
	return c
}

// call is a call within a second.
func call(url string, proof Credential) Call {
	return Call{
		Connector: "tenant/connector", URL: url, Body: []byte(`{"email":"adele@contoso.example"}`), Credential: proof,
		InvocationID: "8f6e0f3c-6a9c-4f5f-9e57-2c1c9f1d9a11",
		Settings:     apiconn.CallSettings{Budget: time.Second, Attempts: 2},
	}
}

// endpoint is a listener on loopback whose connections a test serves by hand.
type endpoint struct {
	net.Listener
	stopped context.Context //nolint:containedctx // ends with the test: what the connections of the endpoint wait for
	mu      sync.Mutex
	conns   []net.Conn
	served  int
}

// listen serves connections until the test ends; then it closes all and waits for serve to return.
func listen(t testing.TB, serve func(e *endpoint, c net.Conn, nth int)) *endpoint {
	t.Helper()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	e := &endpoint{Listener: inner, stopped: stopped}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := inner.Accept()
			if err != nil {
				return
			}
			e.mu.Lock()
			e.conns = append(e.conns, c)
			e.served++
			nth := e.served
			e.mu.Unlock()
			running.Go(func() {
				defer c.Close()
				serve(e, c, nth)
			})
		}
	})
	t.Cleanup(func() {
		stop()
		inner.Close()
		e.mu.Lock()
		for _, c := range e.conns {
			c.Close()
		}
		e.mu.Unlock()
		running.Wait()
	})
	return e
}

// hold waits for the end of the test.
func (e *endpoint) hold() { <-e.stopped.Done() }

// url is the endpoint's, with a query that must not be seen anywhere.
func (e *endpoint) url() string {
	return "https://" + e.Addr().String() + "/check?code=canary-query-77"
}

// count is how many connections there were.
func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.served
}

// serveHTTP starts a real HTTP server over TLS.
func serveHTTP(t testing.TB, config *tls.Config, h2 bool, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.TLS, server.EnableHTTP2 = config, h2
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}

// answerOK is an answer as a target would give it.
func answerOK(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"version":"1.0.0","action":"Continue"}`)
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, within time.Duration, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(within)
	for !holds() {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, within)
		}
		<-tick.C
	}
}
