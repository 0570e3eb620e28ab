package outbound

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/guard"
)

const (
	// defaultMaxAnswer bounds an answer's body: claims of a user are a few kilobytes.
	defaultMaxAnswer = 1 << 20
	// maxAnswerHeaders bounds an answer's headers.
	maxAnswerHeaders = 64 << 10
	defaultUserAgent = "Patchbay"
)

// Options are the settings of a Client.
type Options struct {
	Guard     *guard.Guard   // nil: enforcing, without exceptions
	Resolver  *net.Resolver  // nil: Go's own
	Roots     *x509.CertPool // nil: the system's
	AllowHTTP bool           // targets with http://
	MaxAnswer int64          // octets after decompression; 0: 1 MiB
	UserAgent string         // "": Patchbay
	Log       *slog.Logger   // one line per attempt; nil: discard
	Now       func() time.Time
}

// Client calls targets. It is safe for concurrent use.
type Client struct {
	guard     *guard.Guard
	resolver  *net.Resolver
	roots     *x509.CertPool
	allowHTTP bool
	maxAnswer int64
	userAgent string
	log       *slog.Logger
	now       func() time.Time

	open atomic.Int64 // connections

	mu         sync.Mutex
	closed     bool
	connectors map[string]*connector
	draining   map[*pool]struct{} // retired pools whose calls have not all ended
	sweeper    *time.Timer        // runs while there are connectors
}

// New makes a Client. It opens nothing.
func New(opt Options) *Client {
	if opt.MaxAnswer <= 0 {
		opt.MaxAnswer = defaultMaxAnswer
	}
	if opt.UserAgent == "" {
		opt.UserAgent = defaultUserAgent
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Resolver == nil {
		opt.Resolver = &net.Resolver{}
	}
	return &Client{
		guard: opt.Guard, resolver: opt.Resolver, roots: opt.Roots, allowHTTP: opt.AllowHTTP, maxAnswer: opt.MaxAnswer,
		userAgent: opt.UserAgent, log: opt.Log, now: opt.Now,
		connectors: map[string]*connector{}, draining: map[*pool]struct{}{},
	}
}

// Do calls a target until an answer is there, no attempt is left or the budget is spent. It is always back by the call's
// deadline and never fails otherwise than by a reason.
func (c *Client) Do(ctx context.Context, call Call) Result {
	began := time.Now()
	if call.Began.IsZero() {
		call.Began = began
	}
	call.Settings = call.Settings.Resolved("")
	if call.Deadline.IsZero() {
		call.Deadline = began.Add(call.Settings.Budget)
	}
	to, refused := c.target(call)
	if refused != nil {
		return refused.result()
	}
	visit, refused := c.enter(call, to)
	if refused != nil {
		c.log.LogAttrs(ctx, slog.LevelWarn, "call refused", slog.String("connector", call.Connector),
			slog.String("invocation_id", call.InvocationID), slog.String("host", to.host), slog.String("reason", string(refused.reason)))
		return refused.result()
	}
	r := c.tries(ctx, call, to, visit.pool)
	c.leave(visit, r)
	return r
}

// refusal is why no call was made, or no answer came.
type refusal struct {
	reason apiconn.DecisionReason
	detail string
}

func (r *refusal) result() Result { return Result{Reason: r.reason, Detail: r.detail} }

// Forget closes the pooled connections of a connector that were proved by another version of its credential than
// keepVersion; "" keeps none. Calls under way end in peace.
func (c *Client) Forget(connector, keepVersion string) {
	c.mu.Lock()
	var retired *pool
	if known := c.connectors[connector]; known != nil {
		retired = known.forget(keepVersion, time.Now())
		c.drain(retired)
	}
	c.mu.Unlock()
	retired.retire()
}

// Pooled is the version of the credential that each connector's pooled connections were proved with.
func (c *Client) Pooled() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	versions := map[string]string{}
	for name, known := range c.connectors {
		if known.pool != nil {
			versions[name] = known.pool.version
		}
	}
	return versions
}

// Connections is how many connections are open: those in use, those kept and those that are being closed.
func (c *Client) Connections() int { return int(c.open.Load()) }

// Close closes what is idle now and the rest as soon as its calls have ended. Later calls are refused.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	var pools []*pool
	for name, known := range c.connectors {
		if known.pool != nil {
			c.drain(known.pool)
			pools = append(pools, known.pool)
		}
		delete(c.connectors, name)
	}
	if c.sweeper != nil {
		c.sweeper.Stop()
	}
	c.mu.Unlock()
	for _, p := range pools {
		p.retire()
	}
}
