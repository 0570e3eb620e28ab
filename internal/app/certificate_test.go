package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a time that tests move on.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// tlsServer is a TLS server on a certificate that is read again, with what its log holds.
type tlsServer struct {
	clock   *clock
	files   devTLS
	address string
	log     *lockedBuffer
	cert    *certificate
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func startTLS(t *testing.T) *tlsServer {
	t.Helper()
	s := &tlsServer{clock: &clock{at: someDay}, files: mustDevTLS(t, t.TempDir(), time.Now()), log: &lockedBuffer{}}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	var err error
	if s.cert, err = loadCertificate(s.files.CertFile, s.files.KeyFile, log, s.clock.now); err != nil {
		t.Fatal(err)
	}
	server := newServer(http.NotFoundHandler(), log, time.Minute, 1<<16)
	server.TLSConfig = tlsConfig(s.cert)
	l, err := listen(t.Context(), "public", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.net.Addr().String()
	done := make(chan error, 1)
	go func() { done <- l.serve() }()
	t.Cleanup(func() {
		if err := l.stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// shown makes a real handshake and returns the certificate that the server shows.
func (s *tlsServer) shown(t *testing.T) *x509.Certificate {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(readCertificate(t, s.files.CAFile))
	d := tls.Dialer{Config: &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}}
	conn, err := d.DialContext(t.Context(), "tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	state := conn.(*tls.Conn).ConnectionState()
	if state.NegotiatedProtocol != "h2" {
		t.Errorf("negotiated %q, want h2", state.NegotiatedProtocol)
	}
	return state.PeerCertificates[0]
}

// replace puts a new pair of the same authority in place of the old one and returns its certificate.
func (s *tlsServer) replace(t *testing.T) *x509.Certificate {
	t.Helper()
	ca, err := loadPair(s.files.CAFile, filepath.Join(filepath.Dir(s.files.CAFile), "ca-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	pair, err := makePair(s.files.CertFile, s.files.KeyFile, serverTemplate(now, now.Add(serverLife)), ca)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func TestCertificateIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	s := startTLS(t)
	old := s.shown(t)
	renewed := s.replace(t)
	if !s.shown(t).Equal(old) {
		t.Error("the files were looked at again within the same second")
	}
	s.clock.advance(checkEvery)
	if !s.shown(t).Equal(renewed) {
		t.Error("the new certificate is not shown after a second")
	}
	signalled := s.replace(t)
	s.cert.Reload() // what SIGHUP does
	if !s.shown(t).Equal(signalled) {
		t.Error("the new certificate is not shown after a reload")
	}
	if !strings.Contains(s.log.String(), "TLS certificate reloaded") {
		t.Error("the log does not tell of the reload")
	}
}

func TestBrokenCertificateKeepsTheOldOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		spoil func(f devTLS) error
		want  string
	}{
		{"garbage", func(f devTLS) error { return writeFile(f.CertFile, []byte("garbage"), modePublicFile) }, "failed to find any PEM data"},
		{"another key", func(f devTLS) error {
			key, err := os.ReadFile(filepath.Join(filepath.Dir(f.KeyFile), "ca-key.pem"))
			return errors.Join(err, writeFile(f.KeyFile, key, modePrivateFile))
		}, "private key does not match public key"},
		{"missing key", func(f devTLS) error { return os.Remove(f.KeyFile) }, "no such file"},
		{"key for all to read", func(f devTLS) error { return os.Chmod(f.KeyFile, 0o644) }, "may be read by others"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startTLS(t)
			old := s.shown(t)
			if err := tt.spoil(s.files); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				s.clock.advance(checkEvery)
				if !s.shown(t).Equal(old) {
					t.Fatal("the old certificate is gone")
				}
			}
			if n := strings.Count(s.log.String(), "not reloaded"); n != 1 {
				t.Errorf("logged %d times, want once:\n%s", n, s.log)
			}
			if !strings.Contains(s.log.String(), tt.want) {
				t.Errorf("the log lacks %q:\n%s", tt.want, s.log)
			}
			renewed := s.replace(t)
			s.clock.advance(checkEvery)
			if !s.shown(t).Equal(renewed) {
				t.Error("a good pair after a bad one is not taken")
			}
		})
	}
}
