package lint_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/credential"
	"github.com/patchbay/patchbay/internal/guard"
	"github.com/patchbay/patchbay/internal/lint"
	"github.com/patchbay/patchbay/internal/outbound"
	"github.com/patchbay/patchbay/internal/target"
)

// The credential that tests use; no output may show the password.
const (
	username = "ann"
	password = "pa55-w0rd-of-the-test"
)

// pair makes a self-signed certificate that fits localhost and client authentication.
func pair(t testing.TB, life time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "localhost", Organization: []string{"Lint"}}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

const year = 365 * 24 * time.Hour

// endpoint is what is examined.
type endpoint struct {
	url   string
	roots *x509.CertPool
}

// listen opens a listener of this machine with a server certificate.
func listen(t *testing.T, life time.Duration) (net.Listener, *tls.Config, endpoint) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	certificate := pair(t, life)
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	e := endpoint{url: "https://localhost:" + port + "/check", roots: x509.NewCertPool()}
	e.roots.AddCert(certificate.Leaf)
	return ln, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}, e
}

// serve runs a target until the test ends; change may alter its TLS.
func serve(t *testing.T, o target.Options, change ...func(*tls.Config)) endpoint {
	t.Helper()
	tgt, err := target.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, config, e := listen(t, year)
	for _, f := range change {
		f(config)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- tgt.Serve(ctx, ln, config) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return e
}

// handle runs any handler until the test ends; change may alter the server.
func handle(t *testing.T, h http.Handler, change ...func(*httptest.Server)) endpoint {
	t.Helper()
	ln, config, e := listen(t, year)
	server := httptest.NewUnstartedServer(h)
	server.Listener.Close()
	server.Listener, server.TLS, server.EnableHTTP2 = ln, config, true
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // broken handshakes are what is asked for
	for _, f := range change {
		f(server)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return e
}

// options examine e with everything that passes.
func options(t *testing.T, e endpoint) lint.Options {
	t.Helper()
	g, err := guard.New(guard.Enforce, []string{"127.0.0.0/8", "::1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := outbound.New(outbound.Options{Guard: g, Roots: e.roots})
	t.Cleanup(client.Close)
	return lint.Options{
		URL: e.url, Credential: basic(), Client: client, Guard: g, Roots: e.roots,
		Budget: 5 * time.Second, SlowRequest: 4 * time.Millisecond,
	}
}

func basic() outbound.Credential {
	return outbound.Credential{Version: "1", Username: username, Password: credential.NewSecret(password)}
}

func byCertificate(c tls.Certificate) outbound.Credential {
	thumbprint := fmt.Sprintf("%X", sha1.Sum(c.Leaf.Raw))
	return outbound.Credential{Version: thumbprint, Thumbprint: thumbprint, Certificate: &c}
}

// run examines and returns the checks by name.
func run(t *testing.T, o lint.Options) ([]lint.Check, lint.Summary) {
	t.Helper()
	var checks []lint.Check
	sum, err := lint.Run(t.Context(), o, func(c lint.Check) { checks = append(checks, c) })
	if err != nil {
		t.Fatal(err)
	}
	return checks, sum
}

// bad are the checks that are neither accepted nor refused.
func bad(checks []lint.Check) []string {
	var out []string
	for _, c := range checks {
		if c.Verdict != lint.Accepted && c.Verdict != lint.Refused {
			out = append(out, line(c))
		}
	}
	return out
}

// line is a check in short.
func line(c lint.Check) string {
	text := fmt.Sprintf("%s: %s/%s", c.Verdict, c.Group, c.Name)
	if c.Step != "" {
		text += " @" + string(c.Kind) + "." + c.Step
	}
	if c.Action != "" || c.Reason != "" {
		text += fmt.Sprintf(" [%s %s]", c.Action, c.Reason)
	}
	return text
}
