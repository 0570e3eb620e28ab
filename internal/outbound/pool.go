package outbound

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

const (
	// idleConnection is how long a connection is kept; servers and load balancers close theirs after a minute or more.
	idleConnection = 55 * time.Second
	// keptPerHost bounds the connections that rest; each call needs one over HTTP/1.1.
	keptPerHost = 256
	// An HTTP/2 connection that says nothing is asked after pingAfter whether it lives, and has pingWithin to answer.
	pingAfter  = 15 * time.Second
	pingWithin = 5 * time.Second
)

// poolKey is what a pool's connections have in common.
type poolKey struct {
	key      string // equal keys: connections may be shared
	version  string // of the credential
	settings string // of the call settings that shape a connection

	call apiconn.CallSettings
	tls  *tls.Config // for a new pool, without what differs by connection; nil while one is in force
	who  proof
}

// proof is what a connection presents when it is asked for a certificate.
type proof struct {
	certificate *tls.Certificate
	thumbprint  string
	late        bool // also after the handshake
}

// wanted says which pool a call needs.
func (c *Client) wanted(call Call) (poolKey, *refusal) {
	s := call.Settings
	shape := sha256.Sum256([]byte(fmt.Sprint(s.Version, s.LateCertificate, len(s.TrustedRoots), s.TrustedRoots, len(s.PinnedKeys), s.PinnedKeys)))
	want := poolKey{version: call.Credential.Version, settings: hex.EncodeToString(shape[:12]), call: s, who: proof{late: s.LateCertificate}}
	if call.Anonymous {
		want.version = ""
	} else {
		want.who.certificate, want.who.thumbprint = call.Credential.Certificate, call.Credential.Thumbprint
	}
	want.key = versionPrefix(want.version) + want.settings
	c.mu.Lock()
	known := c.connectors[nameOf(call)]
	inForce := known != nil && known.pool != nil && known.pool.key == want.key
	c.mu.Unlock()
	if inForce {
		return want, nil
	}
	var refused *refusal
	want.tls, refused = c.tlsConfig(s) // reads certificates: not under the lock
	return want, refused
}

// versionPrefix is how keys of pools of a version of a credential begin.
func versionPrefix(version string) string { return strings.ReplaceAll(version, " ", "+") + " " }

// pool is a transport and the connections that it opened.
type pool struct {
	client  *Client
	owner   string // the connector's name
	key     string
	version string
	tls     *tls.Config
	who     proof

	transport *http.Transport
	calls     atomic.Int64 // under way; changed under Client.mu

	mu      sync.Mutex
	ended   bool // nothing is dialled any more
	conns   map[*conn]struct{}
	dialing map[*dialing]struct{}

	scouts   map[string]*scouting // by address
	separate map[string]bool      // addresses that speak HTTP/1.1
}

// dialing is a connection that is being made: net/http makes them apart from the request that wants them.
type dialing struct {
	cancel context.CancelFunc
}

// newPool makes a pool. The caller holds mu.
func (c *Client) newPool(owner string, want poolKey) *pool {
	if want.tls == nil { // the pool in force was replaced meanwhile; its settings were in order
		want.tls, _ = c.tlsConfig(want.call)
	}
	p := &pool{
		client: c, owner: owner, key: want.key, version: want.version, tls: want.tls, who: want.who,
		conns: map[*conn]struct{}{}, dialing: map[*dialing]struct{}{},
		scouts: map[string]*scouting{}, separate: map[string]bool{},
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(!want.who.late)
	p.transport = &http.Transport{
		Proxy:                  nil, // none of the environment
		DialContext:            p.dialPlain,
		DialTLSContext:         p.dialTLS,
		DisableCompression:     true, // inflated by readAnswer, which counts
		MaxIdleConns:           keptPerHost,
		MaxIdleConnsPerHost:    keptPerHost,
		IdleConnTimeout:        idleConnection,
		MaxResponseHeaderBytes: maxAnswerHeaders,
		Protocols:              &protocols,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingWithin},
	}
	return p
}

// retire ends a pool that is no longer in force: what is idle is closed now, the rest when its call has ended.
func (p *pool) retire() {
	if p == nil {
		return
	}
	p.settle(p.calls.Load() == 0)
}

// settle closes what is idle in a retired pool, and all of it after its last call.
func (p *pool) settle(last bool) {
	p.transport.CloseIdleConnections()
	if !last {
		return
	}
	p.mu.Lock()
	p.ended = true
	conns, dialing := p.conns, p.dialing
	p.conns, p.dialing = nil, nil
	p.mu.Unlock()
	for d := range dialing {
		d.cancel()
	}
	for c := range conns {
		_ = c.Close() // nobody uses it
	}
}

// startDialing registers a connection to be made, unless the pool has ended.
func (p *pool) startDialing(cancel context.CancelFunc) (stop func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil, net.ErrClosed
	}
	d := &dialing{cancel}
	p.dialing[d] = struct{}{}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.dialing, d)
	}, nil
}

// adopt counts an open connection in, unless the pool has ended.
func (p *pool) adopt(raw net.Conn, by *recorder) (*conn, error) {
	c := &conn{Conn: raw, pool: p, by: by, read: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		_ = raw.Close() // was never used
		return nil, net.ErrClosed
	}
	p.conns[c] = struct{}{}
	p.client.open.Add(1)
	return c, nil
}

// drop counts a closed connection out.
func (p *pool) drop(c *conn) {
	p.client.open.Add(-1)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// settingsRefusal says which call setting cannot be used.
func settingsRefusal(why string) *refusal {
	return &refusal{apiconn.ReasonSettingsUnusable, "The connector's call settings cannot be used: " + why + "."}
}
