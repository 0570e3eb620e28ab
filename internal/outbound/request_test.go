package outbound

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/conntest"
)

// seen is a request as a target saw it.
type seen struct {
	Method, Path, Proto, Body string
	Header                    http.Header
	Certificate               string
}

// recording starts a server that gives answers in order, the last one for ever, and writes down what it saw.
func recording(t *testing.T, config *tls.Config, h2 bool, answers ...http.HandlerFunc) (*httptest.Server, func() []seen) {
	t.Helper()
	got := make(chan seen, 100)
	var n atomic.Int64
	server := serveHTTP(t, config, h2, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s := seen{Method: r.Method, Path: r.RequestURI, Proto: r.Proto, Body: string(body), Header: r.Header}
		if len(r.TLS.PeerCertificates) > 0 {
			s.Certificate = thumbprint(r.TLS.PeerCertificates[0].Raw)
		}
		got <- s
		answers[min(int(n.Add(1)), len(answers))-1](w, r)
	})
	return server, func() []seen {
		var all []seen
		for len(got) > 0 {
			all = append(all, <-got)
		}
		return all
	}
}

// TestRequest: what goes out, to the letter, over both protocols and with both kinds of credentials.
func TestRequest(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "servers")
	own := ca.issue(t, "client", nil)
	for name, row := range map[string]struct {
		h2        bool
		proof     Credential
		anonymous bool
	}{
		"HTTP/1.1 basic": {proof: basic()}, "HTTP/2.0 basic": {h2: true, proof: basic()},
		"HTTP/1.1 certificate": {proof: presenting(own)}, "HTTP/2.0 certificate": {h2: true, proof: presenting(own)},
		"HTTP/1.1 anonymous": {proof: presenting(own), anonymous: true}, "HTTP/2.0 anonymous": {h2: true, proof: basic(), anonymous: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := &tls.Config{Certificates: []tls.Certificate{*ca.issue(t, "server", nil)}, ClientAuth: tls.RequestClientCert}
			server, requests := recording(t, config, row.h2, answerOK)
			c := newClient(t, ca, nil)
			sent := call(server.URL+"/check?code=1&x=a%20b", row.proof)
			sent.TraceParent, sent.Anonymous = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", row.anonymous
			r := c.Do(t.Context(), sent)
			if r.Reason != "" || r.Status != http.StatusOK || string(r.Body) != `{"version":"1.0.0","action":"Continue"}` || r.ContentType != "application/json" {
				t.Fatalf("%+v", r)
			}
			want := seen{Method: "POST", Path: "/check?code=1&x=a%20b", Proto: name[:8], Body: string(sent.Body), Header: http.Header{
				"Content-Type": {"application/json"}, "Accept": {"application/json"}, "Accept-Encoding": {"gzip"}, "User-Agent": {"Patchbay/test"},
				"Content-Length": {"33"}, "Patchbay-Invocation-Id": {sent.InvocationID}, "Traceparent": {sent.TraceParent},
			}}
			switch {
			case row.anonymous:
			case row.proof.Certificate != nil:
				want.Certificate = row.proof.Thumbprint
			default: // base64 of patchbay:canary-pässword-3f9c in UTF-8
				want.Header.Set("Authorization", "Basic cGF0Y2hiYXk6Y2FuYXJ5LXDDpHNzd29yZC0zZjlj")
			}
			if diff := cmp.Diff([]seen{want}, requests()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestReceiptOfAnAttempt: phases, address, protocol, TLS facts.
func TestReceiptOfAnAttempt(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "servers")
	own, theirs := ca.issue(t, "client", nil), ca.issue(t, "server", nil)
	server, _ := recording(t, &tls.Config{Certificates: []tls.Certificate{*theirs}, ClientAuth: tls.RequireAnyClientCert}, true, answerOK)
	c := newClient(t, ca, nil)
	first, second := c.Do(t.Context(), call(server.URL, presenting(own))), c.Do(t.Context(), call(server.URL, presenting(own)))
	if len(first.Attempts) != 1 || len(second.Attempts) != 1 {
		t.Fatalf("%+v\n%+v", first, second)
	}
	facts := apiconn.TLSFacts{
		Version: "TLS 1.3", CipherSuite: "TLS_AES_128_GCM_SHA256", ServerName: "127.0.0.1", PeerSubject: "CN=server",
		PeerThumbprint: thumbprint(theirs.Certificate[0]), PeerNotAfter: theirs.Leaf.NotAfter.UTC(),
		ClientCertificate: thumbprint(own.Certificate[0]), CertificateAsked: true,
	}
	for n, a := range []apiconn.Attempt{first.Attempts[0], second.Attempts[0]} {
		phases := []string{apiconn.PhaseConnect, apiconn.PhaseTLS, apiconn.PhaseRequest, apiconn.PhaseFirstByte, apiconn.PhaseBody}
		if n == 1 {
			phases = phases[2:]
		}
		var names []string
		var end time.Duration
		for _, p := range a.Phases {
			names = append(names, p.Name)
			if p.Started < end || p.Took < 0 {
				t.Errorf("attempt %d: the phases are not one after the other: %+v", n, a.Phases)
			}
			end = p.Started + p.Took
		}
		if end > a.Took {
			t.Errorf("attempt %d took %v, its phases %v", n, a.Took, end)
		}
		if diff := cmp.Diff(phases, names); diff != "" {
			t.Error(diff)
		}
		want := apiconn.Attempt{
			Started: a.Started, Took: a.Took, Phases: a.Phases, Address: server.Listener.Addr().String(), Reused: n == 1,
			Protocol: "HTTP/2.0", TLS: facts, Status: 200, ContentType: "application/json", Octets: 39,
		}
		if diff := cmp.Diff(want, a); diff != "" {
			t.Error(diff)
		}
	}
}

// TestProxiesOfTheEnvironmentAreNotUsed is not parallel: the environment is one.
func TestProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	proxy := listen(t, func(*endpoint, net.Conn, int) {})
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://"+proxy.Addr().String())
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	ca := newAuthority(t, "servers")
	d := conntest.NewDNS(t) // not a literal loopback address: net/http has no proxy for those
	d.Answer("api.test", conntest.Addresses("127.0.0.1"))
	server, _ := recording(t, &tls.Config{Certificates: []tls.Certificate{*ca.issue(t, "server", nil)}}, true, answerOK)
	plain := httptest.NewServer(http.HandlerFunc(answerOK))
	t.Cleanup(plain.Close)
	c := newClient(t, ca, func(o *Options) { o.Resolver, o.AllowHTTP = d.Resolver(), true })
	for scheme, at := range map[string]*httptest.Server{"https": server, "http": plain} {
		_, port, _ := net.SplitHostPort(at.Listener.Addr().String())
		if r := c.Do(t.Context(), call(scheme+"://api.test:"+port+"/", basic())); r.Status != http.StatusOK {
			t.Errorf("%s: %+v", scheme, r)
		}
	}
	if n := proxy.count(); n != 0 {
		t.Errorf("the proxy was connected to %d times", n)
	}
}

// TestSameInvocationOnEachAttempt: a target can tell that a further attempt is none of a second step.
func TestSameInvocationOnEachAttempt(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "servers")
	hangUp := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	wait := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	for _, h2 := range []bool{false, true} {
		server, requests := recording(t, &tls.Config{Certificates: []tls.Certificate{*ca.issue(t, "server", nil)}}, h2, hangUp, wait, answerOK)
		c := newClient(t, ca, nil)
		sent := call(server.URL, basic())
		sent.Settings.Attempts, sent.TraceParent = 5, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		r := c.Do(t.Context(), sent)
		if r.Status != http.StatusOK || len(r.Attempts) != 3 {
			t.Fatalf("%+v", r)
		}
		for n, s := range requests() {
			if s.Header.Get("Patchbay-Invocation-Id") != sent.InvocationID || s.Header.Get("Traceparent") != sent.TraceParent || s.Body != string(sent.Body) {
				t.Errorf("attempt %d: %+v", n, s)
			}
		}
		if a := r.Attempts; a[0].Reason != apiconn.ReasonConnectionClosed && a[0].Reason != apiconn.ReasonConnectionReset || a[1].Status != 503 || a[2].Started < a[1].Started+a[1].Took {
			t.Errorf("%+v", a)
		}
	}
}
