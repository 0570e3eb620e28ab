package outbound

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// dialPlain opens a connection for http://.
func (p *pool) dialPlain(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, stop, err := p.dialContext(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	c, err := p.connect(ctx, network, address)
	if err != nil {
		return nil, err // not c: a nil *conn in an interface is not nil
	}
	return c, nil
}

// dialTLS opens a connection for https://, with its handshake.
func (p *pool) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, stop, err := p.dialContext(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	found, err := p.scout(ctx, address)
	if err != nil {
		return nil, err
	}
	secured, err := p.secure(ctx, network, address)
	found(secured)
	if err != nil {
		return nil, err
	}
	return secured, nil
}

// secure connects and makes the handshake.
func (p *pool) secure(ctx context.Context, network, address string) (*tls.Conn, error) {
	c, err := p.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	secured, err := p.handshake(ctx, c, address)
	if err != nil {
		_ = c.Close() // the handshake failed
	}
	return secured, err
}

// dialContext gives a connection that is being made the attempt's deadline: net/http makes it on a context that has the
// attempt's values but neither its deadline nor its end, because another request may use the connection.
func (p *pool) dialContext(ctx context.Context) (_ context.Context, stop func(), err error) {
	ctx, cancel := context.WithDeadline(ctx, recorderOf(ctx).deadline)
	done, err := p.startDialing(cancel)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return ctx, func() { done(); cancel() }, nil
}

// connect looks the name up and connects. The guard judges each address right before it is dialled, so that no second
// lookup can put another in its place.
func (p *pool) connect(ctx context.Context, network, address string) (*conn, error) {
	r := recorderOf(ctx)
	dialer := net.Dialer{
		Resolver: p.client.resolverFor(ctx),
		ControlContext: func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(resolved)
			if err != nil {
				return fmt.Errorf("the address %s is not one that the guard can judge: %w", resolved, err)
			}
			return p.client.guard.Check(at)
		},
	}
	raw, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err // the phase stays open: it is the one that failed
	}
	r.end(apiconn.PhaseConnect)
	c, err := p.adopt(raw, r)
	if err != nil {
		return nil, err
	}
	r.opened(c)
	return c, nil
}

// resolverFor is a resolver for one dial. Each has its own, because lookups of one resolver for one name are one lookup,
// whose deadline would be that of whoever asked first. Its sockets close when the dial is over: the resolver itself does
// not watch a context's end and would wait for its own five seconds.
func (c *Client) resolverFor(dial context.Context) *net.Resolver {
	open := c.resolver.Dial
	if open == nil {
		open = new(net.Dialer).DialContext
	}
	return &net.Resolver{
		PreferGo: true, StrictErrors: c.resolver.StrictErrors,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if err := dial.Err(); err != nil {
				return nil, err
			}
			socket, err := open(ctx, network, address)
			if err == nil {
				context.AfterFunc(dial, func() { _ = socket.Close() }) // closed already if the resolver is done
			}
			return socket, err
		},
	}
}

// handshake makes a TLS connection of c.
func (p *pool) handshake(ctx context.Context, c *conn, address string) (*tls.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	r := recorderOf(ctx)
	r.begin(apiconn.PhaseTLS)
	secured := tls.Client(c, p.tlsFor(c, host))
	err = secured.HandshakeContext(ctx)
	c.learn(secured, err)
	if err != nil {
		return nil, err
	}
	r.end(apiconn.PhaseTLS)
	return secured, nil
}
