package outbound

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

const (
	// partingTime bounds the farewell of a TLS connection, for which crypto/tls would wait five seconds.
	partingTime = 10 * time.Millisecond
	// lastWords is how long a failed write waits for the reason, which the peer sent before it closed.
	lastWords = 20 * time.Millisecond
	// partingWords is how long a failure waits for its connection to end and to say why.
	partingWords = 200 * time.Millisecond
)

// conn is a TCP connection, counted, with what its handshake agreed on.
type conn struct {
	net.Conn
	pool *pool
	by   *recorder // of the attempt that dialled it

	read   chan struct{} // closed when reading has ended
	ended  sync.Once
	closed sync.Once

	mu      sync.Mutex
	secured *tls.Conn // over it; nil for http:// and before the handshake
	last    error     // of reading
	facts   apiconn.TLSFacts
	done    bool // the handshake is over
}

// Read reads, and notes when that has come to its end.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.mu.Lock()
		c.last = err
		c.mu.Unlock()
		c.ended.Do(func() { close(c.read) })
	}
	return n, err
}

// ending is how reading ended, asked of a connection that net/http has closed: EOF if the peer closed in good order.
func (c *conn) ending() error {
	c.mu.Lock()
	secured, last := c.secured, c.last
	c.mu.Unlock()
	if secured == nil {
		return last
	}
	_, err := secured.Read(make([]byte, 1)) // what crypto/tls came to before stays; it does not block on what is closed
	return err
}

// Write writes. A peer that refuses a client certificate after the handshake says so and closes; then a write fails while
// its words lie unread. Reading gets a moment to come to them, because net/http reports whichever fails first.
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		timer := time.NewTimer(lastWords)
		defer timer.Stop()
		select {
		case <-c.read:
		case <-timer.C:
		}
	}
	return n, err
}

// SetWriteDeadline shortens the deadline that crypto/tls sets for its farewell; nothing else sets one.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if soon := time.Now().Add(partingTime); t.After(soon) {
		t = soon
	}
	return c.Conn.SetWriteDeadline(t)
}

// dead tells whether nothing can come over it any more.
func (c *conn) dead() bool {
	select {
	case <-c.read:
		return true
	default:
		return false
	}
}

// Close closes it once.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.closed.Do(func() {
		err = c.Conn.Close()
		c.ended.Do(func() { close(c.read) })
		c.pool.drop(c)
	})
	return err
}

// known is what is known by now.
func (c *conn) known() apiconn.TLSFacts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.facts
}
