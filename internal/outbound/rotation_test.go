package outbound

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	rotationCalls   = 10_000
	rotations       = 5
	rotationWorkers = 8
)

// doorkeeper is a server that writes down which certificate came with each handshake and which connections are open.
type doorkeeper struct {
	server *httptest.Server
	wrong  atomic.Int64 // requests over a connection of another certificate than the caller meant

	mu         sync.Mutex
	handshakes []handshake
	open       map[net.Conn]string // thumbprints
}

type handshake struct {
	at         time.Time
	thumbprint string
}

func newDoorkeeper(t testing.TB, servers, clients *authority, h2 bool) *doorkeeper {
	t.Helper()
	d := &doorkeeper{open: map[net.Conn]string{}}
	d.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		meant, _ := io.ReadAll(r.Body)
		if string(meant) != thumbprint(r.TLS.PeerCertificates[0].Raw) {
			d.wrong.Add(1)
		}
		answerOK(w, r)
	}))
	d.server.EnableHTTP2 = h2
	d.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	d.server.TLS = &tls.Config{
		Certificates: []tls.Certificate{*servers.issue(t, "server", nil)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients.pool,
		VerifyConnection: func(state tls.ConnectionState) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.handshakes = append(d.handshakes, handshake{time.Now(), thumbprint(state.PeerCertificates[0].Raw)})
			return nil
		},
	}
	d.server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		d.mu.Lock()
		defer d.mu.Unlock()
		switch state {
		case http.StateActive:
			d.open[c] = thumbprint(c.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw)
		case http.StateClosed:
			delete(d.open, c)
		}
	}
	d.server.StartTLS()
	t.Cleanup(d.server.Close)
	return d
}

// connections is how many of a certificate are open.
func (d *doorkeeper) connections(of string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, thumbprint := range d.open {
		if thumbprint == of {
			n++
		}
	}
	return n
}

// after is how many handshakes there were with a certificate after a time.
func (d *doorkeeper) after(of string, at time.Time) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.handshakes {
		if h.thumbprint == of && h.at.After(at) {
			n++
		}
	}
	return n
}

// TestRotationUnderLoad: 10,000 calls while the certificate changes five times. No call fails, none goes over a connection
// of another certificate than its own, the old connections are gone within two seconds, and whoever shakes hands with an
// old certificate after the first call with a new one is a call that had begun before.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	for name, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) { rotateUnderLoad(t, h2) })
	}
}

func rotateUnderLoad(t *testing.T, h2 bool) {
	t.Helper()
	servers, clients := newAuthority(t, "servers"), newAuthority(t, "clients")
	d := newDoorkeeper(t, servers, clients, h2)
	c := newClient(t, servers, nil)
	proofs := make([]Credential, rotations+1)
	for n := range proofs {
		proofs[n] = presenting(clients.issue(t, fmt.Sprint("client ", n), nil))
	}
	var mu sync.RWMutex // a call has begun when its worker has read the version
	current := 0
	var underWay [rotations + 1]atomic.Int64
	var made, failures atomic.Int64
	firstUse := make([]time.Time, rotations+1)
	one := func() {
		mu.RLock()
		version := current
		underWay[version].Add(1)
		mu.RUnlock()
		defer underWay[version].Add(-1)
		sent := call(d.server.URL, proofs[version])
		sent.Body, sent.Settings.Budget, sent.Settings.Attempts = []byte(proofs[version].Thumbprint), 20*time.Second, 1
		if r := c.Do(t.Context(), sent); r.Status != http.StatusOK {
			failures.Add(1)
			t.Errorf("%+v", r)
		}
	}
	reached := make(chan int64, rotationCalls)
	var workers sync.WaitGroup
	for range rotationWorkers {
		workers.Go(func() {
			for n := made.Add(1); n <= rotationCalls && failures.Load() == 0; n = made.Add(1) {
				one()
				reached <- n
			}
		})
	}
	go func() { workers.Wait(); close(reached) }()
	for n := range reached {
		if n%(rotationCalls/(rotations+1)) != 0 || current == rotations {
			continue
		}
		mu.Lock()
		before := underWay[current].Load()
		firstUse[current+1] = time.Now()
		current++
		mu.Unlock()
		old := proofs[current-1].Thumbprint
		eventually(t, "0 old connections", 2*time.Second, func() bool { return underWay[current-1].Load() == 0 && d.connections(old) == 0 })
		if late := d.after(old, firstUse[current]); int64(late) > before {
			t.Errorf("rotation %d: %d handshakes with the old certificate after the new one was in force, of %d calls under way", current, late, before)
		} else {
			t.Logf("rotation %d: %d calls under way, %d of them shook hands afterwards", current, before, late)
		}
		firstUse[current] = time.Now() // from here on: none at all
	}
	if failures.Load() != 0 || d.wrong.Load() != 0 || current != rotations {
		t.Errorf("%d failures, %d calls over a wrong connection, %d rotations", failures.Load(), d.wrong.Load(), current)
	}
	var order []string
	for _, h := range d.handshakes {
		order = append(order, h.thumbprint)
	}
	if compact := slices.Compact(order); len(compact) > rotations+1 {
		t.Logf("calls that were under way mixed the handshakes: %d changes", len(compact)-1)
	}
	for n := range rotations {
		if late := d.after(proofs[n].Thumbprint, firstUse[n+1]); late != 0 {
			t.Errorf("%d handshakes with certificate %d after its last call had ended", late, n)
		}
	}
	if diff := c.Pooled()["tenant/connector"]; diff != proofs[rotations].Version {
		t.Errorf("pooled: %q", diff)
	}
}
