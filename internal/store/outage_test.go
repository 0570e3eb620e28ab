package store

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/conntest/pgtest"
)

// outcome is what a caller may conclude from the answer to a write.
type outcome int

const (
	done    outcome = iota
	undone          // Upstream: nothing was changed, send it again
	unknown         // lost while it was being committed
)

// outcomeOf fails the test for an answer that is none of these.
func outcomeOf(t *testing.T, err error) outcome {
	t.Helper()
	lost, isLost := errors.AsType[*lostError](err)
	e, ours := errors.AsType[*apiconn.Error](err)
	switch {
	case err == nil:
		return done
	case ours && e.Kind == apiconn.Upstream && e.RetryAfter > 0:
		return undone
	case !ours && isLost && lost.unknown && apiconn.KindOf(err) == apiconn.Internal:
		return unknown
	}
	t.Errorf("an error of kind %d: %v", apiconn.KindOf(err), err)
	return unknown
}

// worksAtOnce has every way to the database used once, each of which must succeed at the first try.
func (h *house) worksAtOnce(t *testing.T, when string) {
	t.Helper()
	allAtOnce(len(h.lanes), func(i int) { // each has a connection of its own, which may be a lost one
		if err := h.lanes[i].do(t.Context(), everyTenant, func(ctx context.Context, db *statements) error {
			_, err := db.exec(ctx, "INSERT INTO meta (name, value) VALUES ($1, '') ON CONFLICT DO NOTHING", number(i))
			return err
		}); err != nil {
			t.Errorf("%s, a write in lane %d: %v", when, i, err)
		}
	})
	allAtOnce(2*h.dialect.connections[useRead], func(int) {
		if _, err := h.ConnectorSealed(t.Context(), tenantA, number(0)); err != nil {
			t.Errorf("%s, a read: %v", when, err)
		}
		if _, _, err := h.Meta(t.Context(), "a"); err != nil {
			t.Errorf("%s, a read of no tenant: %v", when, err)
		}
		if _, err := h.CountConnectors(t.Context(), tenantA, nil); err != nil {
			t.Errorf("%s, a count: %v", when, err)
		}
	})
}

// TestLostConnections ends every connection again and again beside writers. What was acknowledged is there, what was refused
// with "nothing was changed" is not, no change is there by half, and once the connections are left alone all works at once.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	h := newHouse(t, migrated.New(t))
	for i := range crashConnectors {
		h.createBasic(t, tenantA, number(i), "0")
	}
	stop := make(chan struct{})
	var next, acknowledged atomic.Int64
	var mu sync.Mutex
	var acks []ack
	outcomes := map[outcome][]int64{}
	var workers sync.WaitGroup
	for range crashWriters {
		workers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := next.Add(1)
				id := number(int(n % crashConnectors))
				c, _, err := h.UpdateConnector(t.Context(), tenantA, id, nil, h.crashChange(id, n))
				o := outcomeOf(t, err)
				mu.Lock()
				outcomes[o] = append(outcomes[o], n)
				if o == done {
					acks = append(acks, ack{id: id, n: n, version: c.Version})
					acknowledged.Add(1)
				}
				mu.Unlock()
				if _, err := h.Connector(t.Context(), tenantA, id); err != nil && outcomeOf(t, err) != undone {
					t.Errorf("a read: %v", err)
				}
			}
		})
	}
	const cuts = 20
	ended := 0
	for range cuts {
		for before := acknowledged.Load(); acknowledged.Load() < before+3 && !t.Failed(); { // they are at work again
			if _, err := h.Connector(t.Context(), tenantA, number(0)); err != nil && outcomeOf(t, err) != undone {
				t.Error(err)
			}
		}
		ended += pgtest.Terminate(t, h.path)
	}
	close(stop)
	workers.Wait()
	pgtest.Terminate(t, h.path)
	h.worksAtOnce(t, "after the last cut")
	for _, n := range outcomes[undone] {
		if _, err := h.AuditEntry(t.Context(), tenantA, strconv.FormatInt(n, 10)); apiconn.KindOf(err) != apiconn.NotFound {
			t.Errorf("change %d was refused with \"nothing was changed\", and there it is: %v", n, err)
		}
	}
	h.checkAfterCrash(t, acks)
	t.Logf("%d cuts ended %d connections: %d changes acknowledged, %d refused, %d of unknown outcome",
		cuts, ended, len(outcomes[done]), len(outcomes[undone]), len(outcomes[unknown]))
}

// TestLostWithinAWrite: the one that loses the connection takes its group along, and nothing of it is there.
func TestLostWithinAWrite(t *testing.T) {
	t.Parallel()
	h := newHouse(t, migrated.New(t))
	raw := h.raw(t)
	innocent, gate := make(chan error, 1), make(chan struct{})
	guilty := make(chan error, 1)
	go func() {
		guilty <- h.write(t.Context(), everyTenant, "", func(ctx context.Context, db *statements) error {
			if err := setMeta(ctx, db, "guilty"); err != nil {
				return err
			}
			close(gate)
			if _, err := raw.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "+
				"WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
				t.Error(err)
			}
			return setMeta(ctx, db, "more of it")
		})
	}()
	<-gate
	go func() { innocent <- h.SetMeta(t.Context(), "innocent", "") }()
	if err := <-guilty; outcomeOf(t, err) != undone {
		t.Errorf("the write that lost its connection: %v", err)
	}
	if err := <-innocent; err != nil { // it came too late for the group, and has a new connection
		t.Errorf("the next write: %v", err)
	}
	for name, want := range map[string]bool{"guilty": false, "more of it": false, "innocent": true} {
		if committed(t, raw, name) != want {
			t.Errorf("%s: committed is %v", name, !want)
		}
	}
}

// TestLostWithinACommit: nobody knows whether it happened, so nobody is told to send it again.
func TestLostWithinACommit(t *testing.T) {
	t.Parallel()
	h := newHouse(t, migrated.New(t))
	for _, text := range []string{
		"CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
		"CREATE CONSTRAINT TRIGGER die AFTER INSERT ON meta DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.value = 'fatal') EXECUTE FUNCTION die()",
	} {
		runRaw(t, h.path, text)
	}
	if err := h.SetMeta(t.Context(), "a", "fatal"); outcomeOf(t, err) != unknown {
		t.Errorf("the write whose commit was cut off: %v", err)
	}
	if err := h.SetMeta(t.Context(), "b", ""); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

// TestServerAway: while there is no server, everybody is told soon, and when it is back all works at once.
func TestServerAway(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	h := newHouse(t, server.New(t))
	h.createBasic(t, tenantA, number(0), "secret")
	server.Stop(t)
	h.allRefused(t, 5*time.Second)
	server.Restart(t)
	h.worksAtOnce(t, "after the start")
}

// allRefused has many callers use the store while the database is away: within a time, each is told that it is.
func (h *house) allRefused(t *testing.T, within time.Duration) {
	t.Helper()
	begin := time.Now()
	allAtOnce(120, func(i int) {
		var err error
		if i%2 == 0 {
			_, err = h.Connector(t.Context(), tenantA, number(0))
		} else {
			_, _, err = h.UpdateConnector(t.Context(), tenantA, number(0), nil, rename("away"))
		}
		if outcomeOf(t, err) != undone {
			t.Errorf("caller %d was not told that the database is away: %v", i, err)
		}
		if took := time.Since(begin); took > within {
			t.Errorf("caller %d waited %v", i, took.Round(time.Millisecond))
		}
	})
}

// TestNetworkCut: packets between the store and its server vanish without a word, as in a network that is cut. Those who wait
// are told within the time that one of them is given, however many they are, and when the network is whole again all works at once.
func TestNetworkCut(t *testing.T) {
	t.Parallel()
	direct := newHouse(t, migrated.New(t))
	u := mustParse(t, direct.path)
	cable := lay(t, u.Host)
	u.Host = cable.address()
	u.RawQuery += "&connect_timeout=2"
	d := postgresDialect()
	d.patience = 3 * time.Second
	h := openHouseAs(t, d, u.String(), direct.master)
	h.createBasic(t, tenantA, number(0), "secret")
	h.worksAtOnce(t, "at first")
	cable.cut()
	h.allRefused(t, d.patience+2*time.Second+2*time.Second)
	cable.mend()
	h.worksAtOnce(t, "with the network whole again")
}

// cable forwards connections to a server until it is cut: then it takes all that is sent and delivers nothing, and new
// connections are made but never answered. Once mended, it forwards new connections; those from before stay dead.
type cable struct {
	listener net.Listener
	server   string
	mu       sync.Mutex
	severed  chan struct{} // closed when it is cut
	dead     bool
}

func lay(t *testing.T, server string) *cable {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: listener, server: server, severed: make(chan struct{})}
	var ends sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	ends.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			ends.Go(func() { c.carry(ctx, near) })
		}
	})
	t.Cleanup(func() { cancel(); _ = listener.Close(); ends.Wait() })
	return c
}

func (c *cable) address() string { return c.listener.Addr().String() }

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
	close(c.severed)
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead, c.severed = false, make(chan struct{})
}

// carry forwards one connection until one of its ends closes it. A cut one is held open, in silence, until the near end gives up.
func (c *cable) carry(ctx context.Context, near net.Conn) {
	defer near.Close()
	c.mu.Lock()
	dead, severed := c.dead, c.severed
	c.mu.Unlock()
	if dead {
		silence(ctx, near)
		return
	}
	far, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer far.Close()
	closed := make(chan struct{}, 2)
	var quiet atomic.Bool
	var ways sync.WaitGroup
	forward := func(to, from net.Conn) {
		defer func() { closed <- struct{}{} }()
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			if n > 0 && !quiet.Load() {
				if _, err := to.Write(buffer[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
	ways.Go(func() { forward(far, near) })
	ways.Go(func() { forward(near, far) })
	select {
	case <-severed:
		quiet.Store(true)
		select { // nothing more until one end gives up
		case <-closed:
		case <-ctx.Done():
		}
	case <-closed:
	case <-ctx.Done():
	}
	_ = near.Close()
	_ = far.Close()
	ways.Wait()
}

func silence(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	_, _ = io.Copy(io.Discard, conn)
}
