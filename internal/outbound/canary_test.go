package outbound_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/patchbay/patchbay/internal/guard"
)

// canary listens on one port of several addresses, TCP and UDP, and notes who came.
type canary struct {
	port      string
	addresses []netip.Addr
	listening sync.WaitGroup
	visits    chan string // the visitor's address, in the order of coming for each address and protocol
	intruders []string    // visits that were not the test's own
}

// newCanary listens on the addresses at a port; 0 is any that is free at all of them.
func newCanary(t *testing.T, port int, addresses ...netip.Addr) *canary {
	t.Helper()
	for range 50 {
		c, err := openCanary(t, port, addresses)
		if err == nil {
			return c
		}
		if port != 0 {
			t.Fatalf("listen: %v", err)
		}
	}
	t.Fatal("no port is free at every address of this machine")
	return nil
}

// openCanary tries one port.
func openCanary(t *testing.T, port int, addresses []netip.Addr) (*canary, error) {
	t.Helper()
	c := &canary{port: fmt.Sprint(port), addresses: addresses, visits: make(chan string, 4096)}
	var config net.ListenConfig
	var closers []func() error
	for _, addr := range addresses {
		stream, err := config.Listen(t.Context(), "tcp", net.JoinHostPort(addr.String(), c.port))
		if err == nil {
			closers = append(closers, stream.Close)
			_, c.port, _ = net.SplitHostPort(stream.Addr().String())
			var packets net.PacketConn
			if packets, err = config.ListenPacket(t.Context(), "udp", net.JoinHostPort(addr.String(), c.port)); err == nil {
				closers = append(closers, packets.Close)
				c.listening.Go(func() { c.accept(stream) })
				c.listening.Go(func() { c.receive(packets) })
				continue
			}
		}
		for _, closer := range closers {
			closer()
		}
		return nil, err
	}
	t.Cleanup(func() {
		for _, closer := range closers {
			closer()
		}
		c.listening.Wait()
	})
	return c, nil
}

func (c *canary) accept(l net.Listener) {
	for {
		visitor, err := l.Accept()
		if err != nil {
			return
		}
		c.visits <- "tcp " + visitor.RemoteAddr().String()
		visitor.Close()
	}
}

func (c *canary) receive(p net.PacketConn) {
	for {
		_, visitor, err := p.ReadFrom(make([]byte, 1))
		if err != nil {
			return
		}
		c.visits <- "udp " + visitor.String()
	}
}

// count is how many have come, but for the test itself, which knocks at every door in order to know that whoever knocked
// before has been noted, and that the doors work.
func (c *canary) count(t *testing.T) int {
	t.Helper()
	var dialer net.Dialer
	for _, addr := range c.addresses {
		for _, protocol := range []string{"tcp", "udp"} {
			conn, err := dialer.DialContext(t.Context(), protocol, net.JoinHostPort(addr.String(), c.port))
			if err != nil {
				t.Fatalf("the canary at %s does not live: %v", addr, err)
			}
			if _, err := conn.Write([]byte("x")); err != nil && protocol == "udp" {
				t.Fatalf("the canary at %s does not live: %v", addr, err)
			}
			mine := protocol + " " + conn.LocalAddr().String()
			for visitor := range c.visits {
				if visitor == mine {
					break
				}
				c.intruders = append(c.intruders, visitor)
			}
			conn.Close()
		}
	}
	return len(c.intruders)
}

// silent fails if anyone has come.
func (c *canary) silent(t *testing.T) {
	t.Helper()
	if n := c.count(t); n != 0 {
		t.Errorf("%d packets reached the canary: %v", n, c.intruders)
	}
}

// ownAddresses are those of this machine that the guard forbids: loopback, and the interfaces' private ones.
func ownAddresses(t *testing.T) []netip.Addr {
	t.Helper()
	var own []netip.Addr
	try := func(addr netip.Addr) {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(addr.String(), "0"))
		if err != nil {
			return // not an address of this machine
		}
		l.Close()
		if !slices.Contains(own, addr) && (*guard.Guard)(nil).Check(netip.AddrPortFrom(addr, 443)) != nil {
			own = append(own, addr)
		}
	}
	for _, text := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		try(netip.MustParseAddr(text))
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range addresses {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				t.Fatal(err)
			}
			addr := p.Addr()
			if addr.Is6() && addr.IsLinkLocalUnicast() {
				addr = addr.WithZone(i.Name)
			}
			try(addr)
		}
	}
	return own
}

// loopback2 is where an allowed target lives, so that the canary may live at 127.0.0.1.
func loopback2(t *testing.T) netip.Addr {
	t.Helper()
	own := ownAddresses(t)
	if addr := netip.MustParseAddr("127.0.0.2"); slices.Contains(own, addr) {
		return addr
	}
	return netip.IPv6Loopback()
}
