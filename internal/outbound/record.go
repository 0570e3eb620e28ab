package outbound

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// recorder writes down one attempt while it runs. net/http calls it from several goroutines, and dials on behalf of an
// attempt that may be over by then: what comes after finish is not written.
type recorder struct {
	began    time.Time
	deadline time.Time

	mu       sync.Mutex
	phases   []apiconn.Phase
	running  []bool // by phase
	address  string
	conn     *conn         // the attempt's own
	mine     bool          // the attempt dialled it
	reused   bool          // an answer, or another attempt, came over it before
	octet    bool          // of an answer's header has come
	got      chan struct{} // closed when the request has a connection
	served   bool          // it has one
	finished bool
}

func newRecorder(began, deadline time.Time) *recorder {
	return &recorder{began: began, deadline: deadline, got: make(chan struct{})}
}

type recorderKey struct{}

// recorderOf is the recorder of the attempt that a context belongs to.
func recorderOf(ctx context.Context) *recorder {
	r, _ := ctx.Value(recorderKey{}).(*recorder)
	return r
}

// trace returns a context whose events r writes down.
func (r *recorder) trace(ctx context.Context) context.Context {
	ctx = context.WithValue(ctx, recorderKey{}, r)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { r.begin(apiconn.PhaseDNS) },
		DNSDone: func(info httptrace.DNSDoneInfo) {
			if info.Err == nil { // else the phase stays open: it is the one that failed
				r.end(apiconn.PhaseDNS)
			}
		},
		ConnectStart: func(_, address string) {
			r.begin(apiconn.PhaseConnect) // several may run at a time, for several addresses: they are one phase
			r.dialled(address)
		},
		GetConn: func(string) { r.wants() },
		GotConn: r.gotConn,
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				r.wrote()
			}
		},
		GotFirstResponseByte: r.firstByte,
	})
}

// begin begins a phase unless it runs.
func (r *recorder) begin(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.beginLocked(name)
}

func (r *recorder) beginLocked(name string) {
	if r.finished || r.at(name) >= 0 {
		return
	}
	r.phases = append(r.phases, apiconn.Phase{Name: name, Started: time.Since(r.began)})
	r.running = append(r.running, true)
}

// end ends a phase if it runs.
func (r *recorder) end(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endLocked(name)
}

func (r *recorder) endLocked(name string) {
	if i := r.at(name); i >= 0 && !r.finished {
		r.phases[i].Took = time.Since(r.began) - r.phases[i].Started
		r.running[i] = false
	}
}

// at is where a phase that runs stands, or -1.
func (r *recorder) at(name string) int {
	for i := len(r.phases) - 1; i >= 0; i-- {
		if r.running[i] && r.phases[i].Name == name {
			return i
		}
	}
	return -1
}

// phase is the phase that runs, the last begun if there are several; "" if none. Between the answer's first octet and the
// end of its header none is written down; it belongs to the wait for the answer.
func (r *recorder) phase() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.phases) - 1; i >= 0; i-- {
		if r.running[i] {
			return r.phases[i].Name
		}
	}
	if r.octet {
		return apiconn.PhaseFirstByte
	}
	return ""
}

// dialled notes which address is tried.
func (r *recorder) dialled(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.finished && (r.conn == nil || r.mine) {
		r.address = address
	}
}

// opened notes the connection that the attempt dialled, before its handshake.
func (r *recorder) opened(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.finished || r.conn != nil && !r.mine {
		return
	}
	r.conn, r.mine, r.address = c, true, c.RemoteAddr().String()
}

// gotConn notes the connection that carries the request. If it is another than the attempt has dialled, what was dialled
// is none of its business any more.
func (r *recorder) gotConn(info httptrace.GotConnInfo) {
	c := unwrap(info.Conn)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.finished || c == nil {
		return
	}
	if r.conn != c {
		for i := range r.running {
			r.endLocked(r.phases[i].Name)
		}
	}
	r.conn, r.mine, r.address = c, c.by == r, c.RemoteAddr().String()
	r.reused = info.Reused || !r.mine
	if !r.served {
		r.served = true
		close(r.got)
	}
	r.beginLocked(apiconn.PhaseRequest)
}

// wants notes that the request looks for a connection. net/http may begin anew by itself.
func (r *recorder) wants() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.served {
		r.served, r.got = false, make(chan struct{})
	}
}

// found is closed when the request has a connection.
func (r *recorder) found() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

// wrote notes that all of the request is written.
func (r *recorder) wrote() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endLocked(apiconn.PhaseRequest)
	if !r.octet {
		r.beginLocked(apiconn.PhaseFirstByte)
	}
}

// firstByte notes that the answer's first octet is there. It may come before the request is written whole.
func (r *recorder) firstByte() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endLocked(apiconn.PhaseRequest)
	if !r.octet {
		r.beginLocked(apiconn.PhaseFirstByte) // of no length, unless it runs
	}
	r.endLocked(apiconn.PhaseFirstByte)
	r.octet = true
}

// again begins the request anew on another connection, within the same attempt.
func (r *recorder) again() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.running {
		r.endLocked(r.phases[i].Name)
	}
	r.conn, r.mine, r.reused, r.octet, r.address = nil, false, false, false, ""
}

// died tells whether the attempt's connection was there before, gave no octet of an answer, and is no more.
func (r *recorder) died() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conn != nil && r.reused && !r.octet && r.conn.dead()
}

// finish ends the record and writes it into a.
func (r *recorder) finish(a *apiconn.Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.running {
		r.endLocked(r.phases[i].Name)
	}
	r.finished = true
	a.Took = time.Since(r.began)
	a.Phases, a.Address, a.Reused = r.phases, r.address, r.reused
	if r.conn != nil {
		a.TLS = r.conn.known()
	}
}

// unwrap finds our connection in what net/http holds.
func unwrap(c net.Conn) *conn {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	plain, _ := c.(*conn)
	return plain
}

// facts is what is known of TLS by now.
func (r *recorder) facts() apiconn.TLSFacts {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil {
		return apiconn.TLSFacts{}
	}
	return r.conn.known()
}

// connection is the attempt's connection, nil if none was opened.
func (r *recorder) connection() *conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conn
}

// ending is how the attempt's connection ended, nil if it did not.
func (r *recorder) ending() error {
	c := r.connection()
	if c == nil || !c.dead() {
		return nil
	}
	return c.ending()
}

// lastWords is ending of a connection on which a certificate was asked for. Its end may be a moment away.
func (r *recorder) lastWords(own context.Context) error {
	c := r.connection()
	if c == nil || !c.known().CertificateAsked || !wait(own, partingWords, c.read, nil) {
		return nil
	}
	return r.ending()
}
