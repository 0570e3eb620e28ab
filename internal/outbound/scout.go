package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"time"
)

const (
	// scoutLead is how long a connection that is to be made waits for the first one to the same address: long enough for
	// a handshake around the world.
	scoutLead = time.Second
	// handOver is how long net/http may take to hand an HTTP/2 connection to all who wait for one.
	handOver = 500 * time.Millisecond
)

// errNotNeeded ends a connection that is no longer wanted. No attempt sees it.
var errNotNeeded = errors.New("the request has found another connection")

// scouting is the making of a connection to an address whose protocol is not known, or is HTTP/2, where one connection
// does for all: net/http begins one for each request that finds none, so that a thousand steps after a rotation would mean
// a thousand handshakes. While the first is being made, the others wait.
type scouting struct {
	done   chan struct{}
	shared bool // it came to a connection that does for all; to be read after done
}

// scout begins a connection, or waits for the one that is being made and says with errNotNeeded that it does. The caller
// calls found when it has the connection, or nil if it failed.
func (p *pool) scout(ctx context.Context, address string) (found func(*tls.Conn), err error) {
	alone := func(*tls.Conn) {}
	p.mu.Lock()
	if p.separate[address] {
		p.mu.Unlock()
		return alone, nil
	}
	first := p.scouts[address]
	if first == nil {
		first = &scouting{done: make(chan struct{})}
		p.scouts[address] = first
		p.mu.Unlock()
		return func(c *tls.Conn) { p.scouted(address, first, c) }, nil
	}
	p.mu.Unlock()
	served := recorderOf(ctx).found()
	if !wait(ctx, scoutLead, first.done, served) {
		return nil, ctx.Err()
	}
	select {
	case <-first.done:
		if first.shared && !wait(ctx, handOver, served, nil) {
			return nil, ctx.Err()
		}
	default:
	}
	select {
	case <-served:
		return nil, errNotNeeded
	default:
		return alone, nil
	}
}

// scouted ends a scouting. An address that speaks HTTP/1.1 needs a connection for each call: no more waiting there.
func (p *pool) scouted(address string, s *scouting, c *tls.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.scouts[address] == s {
		delete(p.scouts, address)
	}
	if c != nil {
		s.shared = c.ConnectionState().NegotiatedProtocol == "h2"
		p.separate[address] = !s.shared
	}
	close(s.done)
}

// wait waits until one of two things has happened or for a time, and returns false if the context ends before.
func wait(ctx context.Context, most time.Duration, one, other <-chan struct{}) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-one:
	case <-other:
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	return true
}
