package bench

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// distance is the round trip to a database on another machine of the same data centre.
const distance = 500 * time.Microsecond

// BenchmarkDistance compares the program with a PostgreSQL whose answers take half a millisecond more with the one whose do not:
// away/near-ms is the ratio of the median times of a request, away/near-cost that of the time that a request takes in all. Of one
// tenant, all writes go one after the other; of 16 they do so in eight lanes.
func BenchmarkDistance(b *testing.B) {
	program := build(b)
	tokens := startIssuer(b)
	endpoint, trust := startEndpoint(b, program)
	server := startPostgres(b)
	start := func(database string) *service {
		s := startService(b, program, engine{"postgres", func(*testing.B) []string { return []string{"PATCHBAY_DATABASE=" + database} }}, tokens.setting(b), trust)
		s.fill(b, tokens, endpoint, 16, 2)
		return s
	}
	near := start(server.New(b))
	database := server.New(b)
	_, rest, _ := strings.Cut(database, "@")
	address, _, _ := strings.Cut(rest, "/")
	away := start(strings.Replace(database, address, startDelay(b, address, distance/2), 1))
	for _, what := range []string{"Get", "PatchName", "PatchPassword", "Step"} {
		for _, tenants := range []int{1, 16} {
			for _, n := range connections {
				b.Run(fmt.Sprintf("%s/tenants=%d/connections=%d", what, tenants, n), func(b *testing.B) {
					takeTurns(b, n, away.side("away", away.tenants[:tenants], acts[what]), near.side("near", near.tenants[:tenants], acts[what]))
				})
			}
		}
	}
}

// startDelay passes connections on to an address, each octet as much later as it is told, and returns its own address.
func startDelay(b *testing.B, to string, by time.Duration) string {
	b.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := listener.Close(); err != nil {
			b.Error(err)
		}
	})
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					b.Error(err)
				}
				return
			}
			var dial net.Dialer
			far, err := dial.DialContext(b.Context(), "tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			go pass(near, far, by)
			go pass(far, near, by)
		}
	}()
	return listener.Addr().String()
}

// pass hands on what comes from one connection to the other, later, and closes both when there is no more.
func pass(from io.ReadCloser, to io.WriteCloser, by time.Duration) {
	type piece struct {
		due  time.Time
		text []byte
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			text := make([]byte, 32<<10)
			n, err := from.Read(text)
			if n > 0 {
				pieces <- piece{time.Now().Add(by), text[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		if left := time.Until(p.due); left > 0 {
			pause := syscall.NsecToTimespec(left.Nanoseconds())
			_ = syscall.Nanosleep(&pause, nil) // time.Sleep may take a millisecond more
		}
		if _, err := to.Write(p.text); err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close()
	for range pieces { // whoever reads must not wait
	}
}
