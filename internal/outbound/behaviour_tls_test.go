package outbound

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// withTLS is a target whose TLS is changed by change and that would answer.
func withTLS(change func(s *scene, config *tls.Config)) func(*scene) string {
	return func(s *scene) string {
		config := s.config()
		change(s, config)
		return serveHTTP(s, config, false, answerOK).URL
	}
}

// issued is a target with a certificate that is changed by change.
func issued(change func(*x509.Certificate)) func(*scene) string {
	return withTLS(func(s *scene, config *tls.Config) {
		config.Certificates = []tls.Certificate{*s.servers.issue(s, "server", change)}
	})
}

func tlsBehaviours() []behaviour {
	version := func(only uint16) func(*scene) string {
		return withTLS(func(_ *scene, config *tls.Config) { config.MinVersion, config.MaxVersion = only, only })
	}
	required := func(only uint16) func(*scene) string {
		return withTLS(func(_ *scene, config *tls.Config) {
			config.MinVersion, config.MaxVersion, config.ClientAuth = only, only, tls.RequireAndVerifyClientCert
		})
	}
	distrusted := func(only uint16) func(*scene) string {
		return withTLS(func(s *scene, config *tls.Config) {
			config.MinVersion, config.MaxVersion, config.ClientAuth = only, only, tls.VerifyClientCertIfGiven
			config.ClientCAs = s.rogue.pool
		})
	}
	pinned := func(pins ...string) func(*scene) string {
		return func(s *scene) string {
			s.call.Settings.PinnedKeys = append([]string{pin(s.rogue.certificate)}, pins...)
			return withTLS(func(*scene, *tls.Config) {})(s)
		}
	}
	return []behaviour{
		{name: "accepts and says nothing", reason: apiconn.ReasonTLSTimeout, budget: hangs, play: func(s *scene) string {
			return listen(s, func(e *endpoint, _ net.Conn, _ int) { e.hold() }).url()
		}},
		{name: "one octet of a handshake at a time", reason: apiconn.ReasonTLSTimeout, budget: hangs, play: func(s *scene) string {
			return listen(s, func(e *endpoint, c net.Conn, _ int) { e.drip(c, "\x16\x03\x03\x20\x00\x02\x00\x1f\xfc\x03\x03") }).url()
		}},
		{name: "TLS 1.0 only", reason: apiconn.ReasonTLSVersion, play: version(tls.VersionTLS10)},
		{name: "TLS 1.1 only", reason: apiconn.ReasonTLSVersion, play: version(tls.VersionTLS11)},
		{name: "TLS 1.2 only", play: version(tls.VersionTLS12)},
		{name: "no common suite", reason: apiconn.ReasonTLSNoCommonSuite, play: withTLS(func(_ *scene, config *tls.Config) {
			config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		})},
		{name: "a suite of the original's with CBC", play: withTLS(func(_ *scene, config *tls.Config) {
			config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256}
		})},
		{name: "plain HTTP on the TLS port", reason: apiconn.ReasonTLSNotSpoken, play: func(s *scene) string {
			return listen(s, func(_ *endpoint, c net.Conn, _ int) {
				_, _ = c.Read(make([]byte, 16<<10))
				_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
			}).url()
		}},
		{name: "certificate for another name", reason: apiconn.ReasonTLSWrongName, play: issued(func(c *x509.Certificate) {
			c.DNSNames, c.IPAddresses = []string{"other.example"}, nil
		})},
		{name: "certificate that has expired", reason: apiconn.ReasonTLSExpired, play: issued(func(c *x509.Certificate) {
			c.NotAfter = time.Now().Add(-time.Hour)
		})},
		{name: "certificate that is not valid yet", reason: apiconn.ReasonTLSExpired, play: issued(func(c *x509.Certificate) {
			c.NotBefore = time.Now().Add(time.Hour)
		})},
		{name: "certificate of an unknown authority", reason: apiconn.ReasonTLSUntrusted, play: withTLS(func(s *scene, config *tls.Config) {
			config.Certificates = []tls.Certificate{*s.rogue.issue(s, "server", nil)}
		}), check: func(s *scene, r Result) {
			if f := r.Attempts[0].TLS; f.PeerSubject != "CN=server" || f.PeerThumbprint == "" {
				s.complain("the receipt does not say whose certificate it was: %+v", f)
			}
		}},
		{name: "private authority that the settings trust", play: func(s *scene) string {
			s.call.Settings.TrustedRoots = s.rogue.pem()
			return withTLS(func(s *scene, config *tls.Config) {
				config.Certificates = []tls.Certificate{*s.rogue.issue(s, "server", nil)}
			})(s)
		}},
		{name: "public authority where the settings trust a private one", reason: apiconn.ReasonTLSUntrusted, play: func(s *scene) string {
			s.call.Settings.TrustedRoots = s.rogue.pem()
			return withTLS(func(*scene, *tls.Config) {})(s)
		}},
		{name: "key that is not pinned", reason: apiconn.ReasonTLSNotPinned, play: pinned()},
		{name: "authority whose key is pinned", play: func(s *scene) string { return pinned(pin(s.servers.certificate))(s) }},
		{name: "client certificate required, TLS 1.3", reason: apiconn.ReasonTLSCertificateRequired, mutual: "-", play: required(tls.VersionTLS13)},
		{name: "client certificate required, TLS 1.2", reason: apiconn.ReasonTLSCertificateRequired, mutual: "-", play: required(tls.VersionTLS12)},
		{name: "client certificate of an unknown authority, TLS 1.3", mutual: apiconn.ReasonTLSCertificateRefused, play: distrusted(tls.VersionTLS13)},
		{name: "client certificate of an unknown authority, TLS 1.2", mutual: apiconn.ReasonTLSCertificateRefused, play: distrusted(tls.VersionTLS12)},
		{name: "client certificate refused, HTTP/2", reason: apiconn.ReasonTLSCertificateRequired, mutual: apiconn.ReasonTLSCertificateRefused, play: func(s *scene) string {
			config := s.config()
			config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, s.rogue.pool
			return serveHTTP(s, config, true, answerOK).URL
		}},
		{name: "late certificate request", reason: apiconn.ReasonTLSLateCertificate, play: (*scene).late},
		{name: "late certificate request with the opt-in", play: func(s *scene) string {
			s.call.Settings.LateCertificate = true
			return s.late()
		}, check: func(s *scene, r Result) {
			f, presented := r.Attempts[0].TLS, s.proof.Thumbprint
			if !f.CertificateAsked || f.LateRenegotiations != 1 || f.ClientCertificate != presented || f.Version != "TLS 1.2" || r.Attempts[0].Protocol != "HTTP/1.1" {
				s.complain("%+v over %s", f, r.Attempts[0].Protocol)
			}
		}},
	}
}

// late starts OpenSSL's server, because Go's cannot ask for a certificate after the handshake. Its console takes commands:
// R asks; what begins otherwise is sent to the client.
func (s *scene) late() string {
	dir := s.TempDir()
	file := func(name string, blocks ...*pem.Block) string {
		var text bytes.Buffer
		for _, b := range blocks {
			_ = pem.Encode(&text, b)
		}
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, text.Bytes(), 0o600); err != nil {
			s.Fatal(err)
		}
		return at
	}
	own := s.servers.issue(s, "server", nil)
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		s.Fatal(err)
	}
	server := exec.Command("openssl", "s_server", "-accept", "127.0.0.1:0", "-tls1_2", "-crlf",
		"-cert", file("cert.pem", &pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]}),
		"-key", file("key.pem", &pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"-CAfile", file("clients.pem", &pem.Block{Type: "CERTIFICATE", Bytes: s.clients.certificate.Raw}))
	in, err := server.StdinPipe()
	if err != nil {
		s.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := server.Start(); err != nil {
		s.Fatalf("openssl: %v", err)
	}
	said := bufio.NewScanner(out)
	address := ""
	for address == "" && said.Scan() {
		address, _ = strings.CutPrefix(said.Text(), "ACCEPT ")
		address = strings.TrimPrefix(address, said.Text())
	}
	driven := make(chan struct{})
	go func() {
		defer close(driven)
		for said.Scan() {
			switch {
			case strings.HasPrefix(said.Text(), "Patchbay-Invocation-Id"):
				_, _ = io.WriteString(in, "R\n")
			case strings.Contains(said.Text(), "SSL_do_handshake ->"):
				_, _ = io.WriteString(in, "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}")
			}
		}
	}()
	s.Cleanup(func() {
		_ = server.Process.Kill()
		<-driven
		_ = server.Wait()
	})
	return "https://" + address + "/"
}

// drip writes a text in one octet every 100 ms, until the test ends.
func (e *endpoint) drip(c io.Writer, text string) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-e.stopped.Done():
			return
		}
		if _, err := c.Write([]byte{text[n%len(text)]}); err != nil {
			return
		}
	}
}
