package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// testProgram is a program on loopback whose public handler is given.
type testProgram struct {
	*program
	log    *lockedBuffer
	stop   context.CancelFunc
	again  chan os.Signal // ends the delay
	ended  chan error
	closed chan struct{}
}

func startProgram(t *testing.T, public http.Handler, grace time.Duration, tasks ...func(context.Context)) *testProgram {
	t.Helper()
	return startChecked(t, public, grace, func(context.Context) error { return nil }, tasks...)
}

// startChecked is startProgram with a readiness check.
func startChecked(t *testing.T, public http.Handler, grace time.Duration, check func(context.Context) error, tasks ...func(context.Context)) *testProgram {
	t.Helper()
	p := prepareProgram(t, public, grace, check, tasks...)
	p.start(t)
	return p
}

// prepareProgram makes a program that start starts.
func prepareProgram(t *testing.T, public http.Handler, grace time.Duration, check func(context.Context) error, tasks ...func(context.Context)) *testProgram {
	t.Helper()
	p := &testProgram{log: &lockedBuffer{}, again: make(chan os.Signal), ended: make(chan error, 1), closed: make(chan struct{})}
	log := slog.New(slog.NewTextHandler(p.log, nil))
	p.program = &program{
		log: log, grace: grace, tasks: tasks,
		readiness: &readiness{check: check},
		hurry:     func() (<-chan os.Signal, func()) { return p.again, func() {} },
		close:     func() error { close(p.closed); return nil },
	}
	var err error
	if p.public, err = listen(t.Context(), "public", "127.0.0.1:0", newServer(p.readiness.closing(public), log, time.Minute, 1<<16)); err != nil {
		t.Fatal(err)
	}
	handler := healthHandler(p.readiness, http.NotFoundHandler(), log)
	if p.health, err = listen(t.Context(), "health", "127.0.0.1:0", newServer(handler, log, 0, 1<<16)); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *testProgram) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p.stop = cancel
	go func() { p.ended <- p.run(ctx) }()
	t.Cleanup(cancel)
}

// unready waits until /readyz answers 503.
func (p *testProgram) unready(t *testing.T) {
	t.Helper()
	for {
		status, _, err := get(t.Context(), p.health, "/readyz")
		if err != nil {
			t.Fatalf("the health listener went away before the requests were finished: %v", err)
		}
		if status == http.StatusServiceUnavailable {
			return
		}
	}
}

func get(ctx context.Context, l *listener, path string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", l.port(), path), http.NoBody)
	if err != nil {
		return 0, "", err
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

func TestStopFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	entered, finish := make(chan struct{}), make(chan struct{})
	taskEnded := make(chan struct{})
	p := startProgram(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-finish
		_, _ = io.WriteString(w, "finished")
	}), time.Minute, func(ctx context.Context) { <-ctx.Done(); close(taskEnded) })

	type answer struct {
		status int
		body   string
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		status, body, err := get(t.Context(), p.public, "/")
		answered <- answer{status, body, err}
	}()
	<-entered
	if status, _, err := get(t.Context(), p.health, "/readyz"); status != http.StatusOK || err != nil {
		t.Errorf("ready before the stop: got %d, %v", status, err)
	}
	p.stop()
	// The public port closes while the request is still in its handler, and the health listener says so all the while.
	p.unready(t)
	for {
		if _, _, err := get(t.Context(), p.public, "/"); err != nil {
			break
		}
	}
	select {
	case <-p.closed:
		t.Fatal("the store was closed under a request in flight")
	default:
	}
	close(finish)
	if a := <-answered; a.err != nil || a.status != http.StatusOK || a.body != "finished" {
		t.Errorf("the request in flight got %+v", a)
	}
	if err := <-p.ended; err != nil {
		t.Errorf("a clean stop returned %v", err)
	}
	<-taskEnded
	<-p.closed
}

func TestStopCutsOffWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	p := startProgram(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}), time.Millisecond)
	go func() { _, _, _ = get(t.Context(), p.public, "/") }()
	<-entered
	p.stop()
	err := <-p.ended
	if err == nil || !strings.Contains(err.Error(), "end of shutdown_timeout and were cut off") {
		t.Errorf("got %v", err)
	}
	<-p.closed
}

// TestDelayTakesRequests: between the signal and the end of the delay the program is not ready and serves all the same.
func TestDelayTakesRequests(t *testing.T) {
	t.Parallel()
	entered, finish := make(chan struct{}), make(chan struct{})
	p := prepareProgram(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-finish
		}
	}), time.Minute, func(context.Context) error { return nil })
	p.delay = 10 * time.Minute
	p.start(t)

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	ask := func() (reused, last bool) {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", p.public.port()), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		return reused, res.Close
	}
	if _, last := ask(); last {
		t.Error("a connection was ended before the stop")
	}
	p.stop()
	p.unready(t)
	if reused, last := ask(); !reused || !last {
		t.Errorf("the first request of the delay on an old connection: reused %t, Connection: close %t", reused, last)
	}
	if reused, last := ask(); reused || !last {
		t.Errorf("a request of the delay on a new connection: reused %t, Connection: close %t", reused, last)
	}
	answered := make(chan error, 1)
	go func() { _, _, err := get(t.Context(), p.public, "/slow"); answered <- err }()
	<-entered
	p.again <- os.Interrupt
	for { // the public port closes while the request is still in its handler
		if _, _, err := get(t.Context(), p.public, "/"); err != nil {
			break
		}
	}
	close(finish)
	if err := <-answered; err != nil {
		t.Errorf("the request in flight at the end of the delay: %v", err)
	}
	if err := <-p.ended; err != nil {
		t.Errorf("a clean stop returned %v", err)
	}
	if !strings.Contains(p.log.String(), "the delay ends early") {
		t.Error("the log does not say that the delay was cut short")
	}
}

func TestDelayLastsAsLongAsItSays(t *testing.T) {
	t.Parallel()
	failure := errors.New("the listener failed")
	for name, row := range map[string]struct {
		delay, signal, failed, want time.Duration // when, after the start; 0: never
		err                         error
	}{
		"none":            {want: 0},
		"all of it":       {delay: time.Minute, want: time.Minute},
		"a second signal": {delay: time.Minute, signal: time.Second, want: time.Second},
		"a failure":       {delay: time.Minute, failed: time.Second, want: time.Second, err: failure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				signals, failed := make(chan os.Signal, 1), make(chan error, 1)
				forgotten := false
				p := &program{
					log: slog.New(slog.DiscardHandler), delay: row.delay, readiness: &readiness{},
					hurry: func() (<-chan os.Signal, func()) { return signals, func() { forgotten = true } },
				}
				if row.signal > 0 {
					time.AfterFunc(row.signal, func() { signals <- os.Interrupt })
				}
				if row.failed > 0 {
					time.AfterFunc(row.failed, func() { failed <- failure })
				}
				start := time.Now()
				if err := p.linger(failed); !errors.Is(err, row.err) {
					t.Errorf("got %v, want %v", err, row.err)
				}
				if took := time.Since(start); took != row.want {
					t.Errorf("took %s, want %s", took, row.want)
				}
				if lingers := row.delay > 0; forgotten != lingers || p.readiness.stopping.Load() != lingers {
					t.Errorf("signals are listened for afterwards: %t; not ready during the delay: %t", !forgotten, p.readiness.stopping.Load())
				}
			})
		})
	}
}

// TestDelayEndsHTTP2Connections: there GOAWAY says what Connection: close says in HTTP/1.1.
func TestDelayEndsHTTP2Connections(t *testing.T) {
	t.Parallel()
	r := &readiness{}
	server := httptest.NewUnstartedServer(r.closing(http.NotFoundHandler()))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	ask := func() (reused bool) {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		if res.ProtoMajor != 2 || res.StatusCode != http.StatusNotFound {
			t.Errorf("%s in %s", res.Status, res.Proto)
		}
		return reused
	}
	if ask(); !ask() {
		t.Fatal("the second request came on a new connection before the stop")
	}
	r.stopping.Store(true)
	for deadline := time.Now().Add(10 * time.Second); ask(); { // GOAWAY reaches the client behind the answer
		if time.Now().After(deadline) {
			t.Fatal("the connection was never ended")
		}
	}
}

func TestFailingListenerEndsTheProgram(t *testing.T) {
	t.Parallel()
	p := startProgram(t, http.NotFoundHandler(), time.Minute)
	if err := p.public.net.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-p.ended; err == nil || !strings.Contains(err.Error(), "the public listener failed") {
		t.Errorf("got %v", err)
	}
}

func TestHealthTellsOfAFailingCheck(t *testing.T) {
	t.Parallel()
	p := startProgram(t, http.NotFoundHandler(), time.Minute)
	for path, want := range map[string]string{"/healthz": "200 ok", "/readyz": "200 ready", "/other": "404 404 page not found"} {
		status, body, err := get(t.Context(), p.health, path)
		if got := fmt.Sprintf("%d %s", status, strings.TrimSpace(body)); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", path, got, err, want)
		}
	}
	failing := startChecked(t, http.NotFoundHandler(), time.Minute, func(context.Context) error { return errors.New("the disk is gone") })
	status, body, err := get(t.Context(), failing.health, "/readyz")
	if status != http.StatusServiceUnavailable || strings.Contains(body, "disk") || err != nil {
		t.Errorf("got %d %q, %v", status, body, err)
	}
	if !strings.Contains(failing.log.String(), "the disk is gone") {
		t.Error("the log lacks the cause")
	}
}

func TestOccupiedAddressIsOneClearLine(t *testing.T) {
	t.Parallel()
	p := startProgram(t, http.NotFoundHandler(), time.Minute)
	_, err := listen(t.Context(), "public", p.public.net.Addr().String(), &http.Server{ReadHeaderTimeout: time.Second})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}

func TestPeriodicWorkGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &lockedBuffer{}
		ctx, cancel := context.WithCancel(t.Context())
		times := 0
		task := every(time.Hour, "test", slog.New(slog.NewTextHandler(log, nil)), func(context.Context) error {
			if times++; times == 3 {
				cancel()
			}
			return errors.New("no luck")
		})
		start := time.Now()
		task(ctx)
		if took := time.Since(start); times != 3 || took != 2*time.Hour {
			t.Errorf("worked %d times in %s, want 3 in 2h", times, took)
		}
		if n := strings.Count(log.String(), "no luck"); n != 2 {
			t.Errorf("logged %d failures, want 2: the one after the end is none", n)
		}
	})
}
