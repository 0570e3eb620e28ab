package load

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Target is the endpoint that the connectors of a load call. It looks at what the calls prove themselves by, answers every call
// with another number, and remembers what it saw.
type Target struct {
	URL   string // below which each connector has its write's number
	Roots string // PEM, what to trust it by

	findings *Findings
	server   *http.Server
	mu       sync.Mutex
	calls    map[string]call // by the number that it was answered
	last     int64
}

// call is what one call showed: the write whose user name and password it came with.
type call struct {
	invocation string
	serial     Serial
}

// StartTarget listens at an address of this machine, at any port. It must be closed.
func StartTarget(host string, findings *Findings) (*Target, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0")) //nolint:noctx // listening on an address takes no time
	if err != nil {
		return nil, err
	}
	certificate, roots, err := selfSigned(host)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	t := &Target{URL: "https://" + listener.Addr().String(), Roots: roots, findings: findings, calls: map[string]call{}}
	t.server = &http.Server{
		Handler: t, ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // a caller that was killed is no news
	}
	go func() { _ = t.server.ServeTLS(listener, "", "") }()
	return t, nil
}

// Close ends it.
func (t *Target) Close() error { return t.server.Close() }

// ServeHTTP answers a call.
func (t *Target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	username, password, _ := r.BasicAuth()
	path := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	serial, err := sameSerial(path, strings.TrimPrefix(username, usernamePrefix), strings.TrimPrefix(password, passwordPrefix))
	if err != nil {
		t.findings.add(Torn, "a call had parts of several writes (path, user name, password): %v", err)
	}
	t.mu.Lock()
	t.last++
	number := strconv.FormatInt(t.last, 10)
	t.calls[number] = call{r.Header.Get("Patchbay-Invocation-Id"), serial}
	t.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"version":"1.0.0","action":"Continue",%q:%q}`, numberClaim, number)
}

// take returns a call and forgets it.
func (t *Target) take(number string) (call, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, known := t.calls[number]
	delete(t.calls, number)
	return c, known
}

// selfSigned makes a certificate for an IP address, and its PEM.
func selfSigned(host string) (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	ip := net.ParseIP(host)
	if ip == nil {
		return tls.Certificate{}, "", fmt.Errorf("%q is no IP address", host)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Target of the trials"}, IPAddresses: []net.IP{ip},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(text), nil
}
