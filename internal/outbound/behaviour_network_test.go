package outbound

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/guard"
)

// readRequest reads one request, body included.
func readRequest(c io.Reader) bool {
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

// reset ends a connection with RST.
func reset(c net.Conn) {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// named makes the scene's client ask a name server that gives answers for api.test.
func (s *scene) named(answers ...conntest.DNSAnswer) {
	d := conntest.NewDNS(s)
	d.Answer("api.test", answers...)
	s.opt.Resolver = d.Resolver()
}

// backlog fills a listener's queue, so that the system answers no further connection.
func (s *scene) backlog() string {
	l, err := new(net.ListenConfig).Listen(s.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { l.Close() })
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		s.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { _ = syscall.Listen(int(fd), 0) }); err != nil {
		s.Fatal(err)
	}
	for full := false; !full; {
		ctx, cancel := context.WithTimeout(s.Context(), 100*time.Millisecond)
		c, err := new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		cancel()
		if full = err != nil; !full {
			s.Cleanup(func() { c.Close() })
		}
	}
	return "https://" + l.Addr().String() + "/"
}

func networkBehaviours() []behaviour {
	return []behaviour{
		{name: "DNS that says nothing", reason: apiconn.ReasonDNSTimeout, budget: hangs, play: func(s *scene) string {
			s.named(conntest.Silence)
			return "https://api.test/"
		}},
		{name: "DNS slower than the budget", reason: apiconn.ReasonDNSTimeout, budget: hangs, play: func(s *scene) string {
			s.named(conntest.DNSAnswer{Addresses: []string{"127.0.0.1"}, After: 2 * hangs})
			return "https://api.test/"
		}},
		{name: "DNS that is slow, and quick at the second attempt", attempts: 2, budget: 2 * time.Second, early: time.Second, play: func(s *scene) string {
			s.named(conntest.Silence, conntest.Addresses("127.0.0.1"))
			s.call.Settings.AttemptTimeout = hangs
			server := serveHTTP(s, s.config(), true, answerOK)
			_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
			return "https://api.test:" + port + "/"
		}},
		{name: "DNS has no such name", reason: apiconn.ReasonDNSNotFound, play: func(s *scene) string {
			s.named(conntest.NXDomain)
			return "https://api.test/"
		}},
		{name: "DNS has the name without an address", reason: apiconn.ReasonDNSNotFound, play: func(s *scene) string {
			s.named(conntest.DNSAnswer{})
			return "https://api.test/"
		}},
		{name: "DNS fails", reason: apiconn.ReasonDNSFailed, attempts: 2, play: func(s *scene) string {
			s.named(conntest.ServFail)
			return "https://api.test/"
		}},
		{name: "address that the guard blocks", reason: apiconn.ReasonAddressBlocked, attempts: -1, play: func(s *scene) string {
			s.opt.Guard, _ = guard.New(guard.Enforce, nil, nil)
			return listen(s, func(*endpoint, net.Conn, int) { s.Error("it was connected to") }).url()
		}},
		{name: "name with an address that the guard blocks", reason: apiconn.ReasonAddressBlocked, play: func(s *scene) string {
			s.opt.Guard, _ = guard.New(guard.Enforce, nil, nil)
			s.named(conntest.Addresses("127.0.0.1"))
			_, port, _ := net.SplitHostPort(listen(s, func(*endpoint, net.Conn, int) { s.Error("it was connected to") }).Addr().String())
			return "https://api.test:" + port + "/"
		}},
		{name: "connection refused", reason: apiconn.ReasonConnectRefused, attempts: 2, play: func(s *scene) string {
			e := listen(s, nil)
			_ = e.Close()
			return e.url()
		}},
		{name: "backlog that is full", reason: apiconn.ReasonConnectTimeout, budget: hangs, play: (*scene).backlog},
		{name: "nobody accepts", reason: apiconn.ReasonTLSTimeout, budget: hangs, play: func(s *scene) string {
			l, err := new(net.ListenConfig).Listen(s.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				s.Fatal(err)
			}
			s.Cleanup(func() { l.Close() })
			return "https://" + l.Addr().String() + "/"
		}},
		{name: "reset after accept", reason: apiconn.ReasonConnectionReset, attempts: 2, play: func(s *scene) string {
			return listen(s, func(_ *endpoint, c net.Conn, _ int) {
				_, _ = c.Read(make([]byte, 1)) // so that the handshake has begun, and not the connecting
				reset(c)
			}).url()
		}},
		{name: "reset in the handshake", reason: apiconn.ReasonConnectionReset, attempts: 2, play: func(s *scene) string {
			config := s.config()
			config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				reset(hello.Conn)
				return nil, io.EOF
			}
			return listen(s, func(_ *endpoint, c net.Conn, _ int) { _ = tls.Server(c, config).Handshake() }).url()
		}},
		{name: "closed in the handshake", reason: apiconn.ReasonConnectionClosed, attempts: 2, play: func(s *scene) string {
			return listen(s, func(_ *endpoint, c net.Conn, _ int) { // reads all, so that the system does not reset
				_, _ = c.Read(make([]byte, 16<<10))
			}).url()
		}},
		{name: "reset after the request", reason: apiconn.ReasonConnectionReset, attempts: 2, play: func(s *scene) string {
			return s.afterRequest(func(_ *endpoint, c *tls.Conn, _ int) { reset(c) }).url()
		}},
		{name: "closed without an answer", reason: apiconn.ReasonConnectionClosed, attempts: 2, play: func(s *scene) string {
			return s.afterRequest(func(_ *endpoint, c *tls.Conn, _ int) { _ = c.Close() }).url()
		}},
		{name: "reset within the header", reason: apiconn.ReasonConnectionReset, attempts: 2, play: func(s *scene) string {
			return s.afterRequest(func(_ *endpoint, c *tls.Conn, _ int) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Ty")
				reset(c)
			}).url()
		}},
		{name: "closed within the header", reason: apiconn.ReasonConnectionClosed, attempts: 2, play: func(s *scene) string {
			return s.afterRequest(func(_ *endpoint, c *tls.Conn, _ int) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Ty")
				_ = c.Close()
			}).url()
		}},
		{name: "the request is not read", reason: apiconn.ReasonRequestTimeout, budget: 2 * hangs, play: func(s *scene) string {
			s.call.Body = []byte(`"` + strings.Repeat("a", 32<<20) + `"`)
			config := s.config()
			return listen(s, func(e *endpoint, c net.Conn, _ int) {
				_ = tls.Server(c, config).Handshake()
				e.hold()
			}).url()
		}},
		{name: "no answer", reason: apiconn.ReasonAnswerTimeout, budget: hangs, play: func(s *scene) string {
			return s.afterRequest(func(e *endpoint, _ *tls.Conn, _ int) { e.hold() }).url()
		}},
		{name: "no answer over HTTP/2", reason: apiconn.ReasonAnswerTimeout, budget: hangs, play: func(s *scene) string {
			return serveHTTP(s, s.config(), true, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }).URL
		}},
		{name: "no answer at the first attempt", attempts: 2, budget: 2 * time.Second, early: time.Second, play: func(s *scene) string {
			s.call.Settings.AttemptTimeout = hangs
			return s.afterRequest(func(e *endpoint, c *tls.Conn, nth int) {
				if nth == 1 {
					e.hold()
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
			}).url()
		}},
	}
}
