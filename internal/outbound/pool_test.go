package outbound

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// TestOldVersionDoesNotComeBack: a call that had read the old version before the rotation is served with it, over a
// connection that is not kept, and the new version stays in force.
func TestOldVersionDoesNotComeBack(t *testing.T) {
	t.Parallel()
	servers, clients := newAuthority(t, "servers"), newAuthority(t, "clients")
	d := newDoorkeeper(t, servers, clients, false)
	c := newClient(t, servers, nil)
	older, newer := presenting(clients.issue(t, "older", nil)), presenting(clients.issue(t, "newer", nil))
	do := func(proof Credential, reused bool) {
		t.Helper()
		sent := call(d.server.URL, proof)
		sent.Body = []byte(proof.Thumbprint)
		if r := c.Do(t.Context(), sent); r.Status != http.StatusOK || r.Attempts[0].Reused != reused {
			t.Errorf("%+v", r)
		}
	}
	pooled := func(want Credential) {
		t.Helper()
		if diff := cmp.Diff(map[string]string{"tenant/connector": want.Version}, c.Pooled()); diff != "" {
			t.Error(diff)
		}
	}
	do(older, false)
	do(older, true)
	do(newer, false)
	pooled(newer)
	do(older, false)
	do(older, false)
	pooled(newer)
	do(newer, true)
	eventually(t, "one connection is left", time.Second, func() bool { return c.Connections() == 1 && d.connections(older.Thumbprint) == 0 })

	c.Forget("tenant/connector", older.Version) // an administrator took the newer one away
	eventually(t, "no connection is left", time.Second, func() bool { return c.Connections() == 0 })
	do(newer, false)
	do(older, false)
	do(older, true)
	pooled(older)
	c.Forget("tenant/connector", older.Version)
	do(older, true)
	c.Forget("tenant/connector", "")
	if diff := cmp.Diff(map[string]string{}, c.Pooled()); diff != "" {
		t.Error(diff)
	}
	do(older, false)
	c.Close()
	eventually(t, "no connection is left", time.Second, func() bool { return c.Connections() == 0 })
	if r := c.Do(t.Context(), call(d.server.URL, older)); r.Reason != apiconn.ReasonInterrupted || r.Detail == "" {
		t.Errorf("after Close: %+v", r)
	}
	if d.wrong.Load() != 0 {
		t.Errorf("%d calls over a connection of another certificate", d.wrong.Load())
	}
}

// TestOtherSettingsOtherConnections: what was verified by other roots or pins is not used.
func TestOtherSettingsOtherConnections(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "servers")
	server, _ := recording(t, &tls.Config{Certificates: []tls.Certificate{*ca.issue(t, "server", nil)}}, true, answerOK)
	c := newClient(t, ca, nil)
	first := call(server.URL, basic())
	pinned := first
	pinned.Settings.Version, pinned.Settings.PinnedKeys = 2, []string{pin(newAuthority(t, "other").certificate)}
	anonymous := first
	anonymous.Anonymous = true
	if r := c.Do(t.Context(), first); r.Status != 200 {
		t.Fatalf("%+v", r)
	}
	if r := c.Do(t.Context(), anonymous); r.Status != 200 || r.Attempts[0].Reused {
		t.Errorf("anonymous: %+v", r)
	}
	if r := c.Do(t.Context(), pinned); r.Reason != apiconn.ReasonTLSNotPinned {
		t.Errorf("pinned: %+v", r)
	}
}

// TestCallsUnderWaySurviveARotation: a call that hangs over an old connection ends in peace, and its connection with it.
func TestCallsUnderWaySurviveARotation(t *testing.T) {
	t.Parallel()
	for name, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca := newAuthority(t, "servers")
			arrived, release := make(chan struct{}), make(chan struct{})
			slow := func(w http.ResponseWriter, r *http.Request) {
				close(arrived)
				<-release
				answerOK(w, r)
			}
			server, _ := recording(t, &tls.Config{Certificates: []tls.Certificate{*ca.issue(t, "server", nil)}}, h2, slow, answerOK)
			c := newClient(t, ca, nil)
			done := make(chan Result)
			older, newer := call(server.URL, basic()), call(server.URL, basic())
			older.Settings.Budget, newer.Credential.Version = 10*time.Second, "basic 2"
			go func() { done <- c.Do(t.Context(), older) }()
			<-arrived
			if r := c.Do(t.Context(), newer); r.Status != 200 || r.Attempts[0].Reused {
				t.Errorf("%+v", r)
			}
			if n := c.Connections(); n != 2 {
				t.Errorf("%d connections", n)
			}
			close(release)
			if r := <-done; r.Status != 200 || len(r.Attempts) != 1 {
				t.Errorf("%+v", r)
			}
			eventually(t, "the old connection is closed", time.Second, func() bool { return c.Connections() == 1 })
		})
	}
}

// TestRest: what rests is given up, and the number of what is kept has a bound.
func TestRest(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "servers")
	server, _ := recording(t, &tls.Config{Certificates: []tls.Certificate{*ca.issue(t, "server", nil)}}, false, answerOK)
	c := newClient(t, ca, nil)
	if r := c.Do(t.Context(), call(server.URL, basic())); r.Status != 200 {
		t.Fatalf("%+v", r)
	}
	c.sweep(time.Now().Add(restAfter - time.Minute))
	if len(c.Pooled()) != 1 || c.Connections() != 1 {
		t.Error("given up too early")
	}
	c.sweep(time.Now().Add(restAfter))
	eventually(t, "given up", time.Second, func() bool { return len(c.Pooled()) == 0 && c.Connections() == 0 })
	sent := call(server.URL, basic())
	sent.Settings.Attempts, sent.Settings.AttemptTimeout = 1, time.Second
	for n := range maxConnectors + 10 {
		sent.Connector = fmt.Sprint("tenant/", n)
		want, refused := c.wanted(sent)
		if refused != nil {
			t.Fatal(refused)
		}
		c.mu.Lock()
		known := c.connector(sent)
		known.used = time.Now().Add(time.Duration(n) * time.Second)
		c.choose(known, want)
		c.mu.Unlock()
	}
	if pooled := c.Pooled(); len(pooled) != maxConnectors || pooled["tenant/9"] != "" || pooled["tenant/10"] == "" {
		t.Errorf("%d pools; the one that rested longest must go first", len(pooled))
	}
}

// TestIdleConnectionClosedByTheServer: a connection that the server closed at rest is not held against the call: neither
// when the client could know, nor when the request was under way.
func TestIdleConnectionClosedByTheServer(t *testing.T) {
	t.Parallel()
	for name, seen := range map[string]bool{"seen": true, "not seen": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca := newAuthority(t, "servers")
			config := &tls.Config{Certificates: []tls.Certificate{*ca.issue(t, "server", nil)}}
			const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
			e := listen(t, func(e *endpoint, raw net.Conn, nth int) {
				c := tls.Server(raw, config)
				if !readRequest(c) {
					return
				}
				_, _ = io.WriteString(c, ok)
				switch {
				case seen && nth == 1:
					_ = c.Close()
				case nth == 1: // closes while the next request is on its way, as at the end of a keep-alive time
					_, _ = c.Read(make([]byte, 1))
					reset(c)
				default:
					e.hold()
				}
			})
			c := newClient(t, ca, nil)
			sent := call(e.url(), basic())
			sent.Settings.Attempts = 1 // so that none is there to spare
			if r := c.Do(t.Context(), sent); r.Status != 200 {
				t.Fatalf("%+v", r)
			}
			if seen {
				eventually(t, "the client has seen it", time.Second, func() bool { return c.Connections() == 0 })
			}
			r := c.Do(t.Context(), sent)
			if r.Status != 200 || len(r.Attempts) != 1 || r.Attempts[0].Reused {
				t.Errorf("%+v", r)
			}
			if n := e.count(); n != 2 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestPoisonedRequest: a target that hangs up on a request over every connection gets it no more often than is allowed and
// once more.
func TestPoisonedRequest(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "servers")
	server, requests := recording(t, &tls.Config{Certificates: []tls.Certificate{*ca.issue(t, "server", nil)}}, false, answerOK, func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	})
	c := newClient(t, ca, nil)
	sent := call(server.URL, basic())
	if r := c.Do(t.Context(), sent); r.Status != 200 {
		t.Fatalf("%+v", r)
	}
	r := c.Do(t.Context(), sent)
	if r.Reason != apiconn.ReasonConnectionClosed && r.Reason != apiconn.ReasonConnectionReset || len(r.Attempts) != 2 {
		t.Errorf("%+v", r)
	}
	if n := len(requests()); n != 1+3 {
		t.Errorf("%d requests", n)
	}
}

// TestOneConnectionForAll: steps that begin at the same time share the first HTTP/2 connection instead of making one each.
func TestOneConnectionForAll(t *testing.T) {
	t.Parallel()
	for name, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const steps = 100
			servers, clients := newAuthority(t, "servers"), newAuthority(t, "clients")
			d := newDoorkeeper(t, servers, clients, h2)
			c := newClient(t, servers, nil)
			sent := call(d.server.URL, presenting(clients.issue(t, "client", nil)))
			sent.Settings.Budget, sent.Settings.Attempts = 10*time.Second, 1
			var running sync.WaitGroup
			for range steps {
				running.Go(func() {
					if r := c.Do(t.Context(), sent); r.Status != 200 {
						t.Errorf("%+v", r)
					}
				})
			}
			running.Wait()
			if n := d.after(sent.Credential.Thumbprint, time.Time{}); h2 && n > 5 {
				t.Errorf("%d handshakes", n)
			}
		})
	}
}
