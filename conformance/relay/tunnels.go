package main

import (
	"io"
	"net"
	"sync"
)

// early is a connection of which some octets have been read already.
type early struct {
	net.Conn
	reader io.Reader
}

func (e early) Read(p []byte) (int, error) { return e.reader.Read(p) }

// tunnels is a listener of the connections that the proxy leads to the front.
type tunnels struct {
	address net.Addr
	led     chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newTunnels(address net.Addr) *tunnels {
	return &tunnels{address: address, led: make(chan net.Conn), closed: make(chan struct{})}
}

func (t *tunnels) lead(connection net.Conn) {
	select {
	case t.led <- connection:
	case <-t.closed:
		_ = connection.Close()
	}
}

// Accept returns the next of them.
func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case connection := <-t.led:
		return connection, nil
	case <-t.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (t *tunnels) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}

// Addr is the front's.
func (t *tunnels) Addr() net.Addr { return t.address }
