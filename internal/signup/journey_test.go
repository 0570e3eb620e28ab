package signup_test

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/signup"
)

// fickle makes the endpoint answer another value each time.
func (e *endpoint) fickle() {
	var number atomic.Int64
	e.does(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"version":"1.0.0","action":"Continue","city":"%d","extension_Score":%[1]d,"extension_Known":true}`, number.Add(1))
	})
}

func keyed(key, email string) signup.Request {
	r := request(email)
	r.IdempotencyKey = key
	return r
}

func TestJourneyIsDecidedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.endpoint.fickle()
	first := b.run(t, keyed("journey", "a@b.example"))
	restarted, _ := b.start(t, signup.Options{})
	for name, service := range map[string]*signup.Service{"the same process": b.service, "after a restart": restarted} {
		again, err := service.Run(t.Context(), b.Operator, keyed("journey", "a@b.example"))
		if diff := cmp.Diff(first, again); err != nil || diff != "" {
			t.Errorf("%s: %v (-first +again)\n%s", name, err, diff)
		}
	}
	if calls := len(b.endpoint.seen()); calls != 1 {
		t.Errorf("the endpoint was called %d times", calls)
	}
	for name, other := range map[string]signup.Request{"another key": keyed("journey2", "a@b.example"), "no key": request("a@b.example")} {
		if d := b.run(t, other); d.InvocationID == first.InvocationID || d.Claims["city"] == first.Claims["city"] {
			t.Errorf("%s repeats the decision", name)
		}
	}
	if d, err := b.service.Run(t.Context(), b.application(t, auth.UserFlowsInvokeAll), keyed("journey", "a@b.example")); err != nil || d.InvocationID == first.InvocationID {
		t.Errorf("another application repeats the decision: %v", err)
	}
}

// TestJourneyOutlivesItsReceipt: a key that comes again when its receipt has had its time, but may not have been deleted yet,
// is still the old one; later, with the receipt gone, it is a new one.
func TestJourneyOutlivesItsReceipt(t *testing.T) {
	t.Parallel()
	b := newBench(t) // keeps receipts for a day
	b.endpoint.fickle()
	first := b.run(t, keyed("journey", "a@b.example"))
	b.Clock.Advance(24*time.Hour + time.Minute)
	if again := b.run(t, keyed("journey", "a@b.example")); cmp.Diff(first, again) != "" {
		t.Errorf("before the receipt is deleted: %+v", again)
	}
	if _, err := b.Store.PruneInvocations(t.Context(), b.Clock.Now().Add(-24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	b.Clock.Advance(24 * time.Hour)
	later := b.run(t, keyed("journey", "a@b.example"))
	if later.Action != apiconn.Continue || later.Claims["city"] == first.Claims["city"] || b.receipt(t, later).ID != first.InvocationID {
		t.Errorf("with the receipt gone: %+v", later)
	}
}

// TestJourneyOutlivesTheMasterKey: its decision is repeated after a change of the master key. When what was carried of the old one
// is damaged, the request counts as another one: it is refused, and never decided anew.
func TestJourneyOutlivesTheMasterKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.endpoint.fickle()
	first := b.run(t, keyed("journey", "a@b.example"))
	b.rewrap(t)
	changed, _ := b.start(t, signup.Options{})
	again, err := changed.Run(t.Context(), b.Operator, keyed("journey", "a@b.example"))
	if diff := cmp.Diff(first, again); err != nil || diff != "" {
		t.Errorf("%v (-first +again)\n%s", err, diff)
	}
	refused := func(when string, r signup.Request) {
		t.Helper()
		service, _ := b.start(t, signup.Options{})
		_, err := service.Run(t.Context(), b.Operator, r)
		if e := apiconn.AsError(err); e == nil || e.Reason != apiconn.ReasonIdempotencyMismatch {
			t.Errorf("%s: %v", when, err)
		}
	}
	refused("other claims", keyed("journey", "other@b.example"))
	b.tamper(t, "UPDATE key_ring SET earlier_roots = substr(earlier_roots, 2)")
	b.reload()
	refused("with what was carried damaged", keyed("journey", "a@b.example"))
	if calls := len(b.endpoint.seen()); calls != 1 {
		t.Errorf("the endpoint was called %d times", calls)
	}
}

func TestJourneyOfAFailureIsDecidedOnceToo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.endpoint.says(http.StatusInternalServerError, "")
	first := b.run(t, keyed("journey", "a@b.example"))
	b.endpoint.says(http.StatusOK, continued)
	if again := b.run(t, keyed("journey", "a@b.example")); first.Action != apiconn.Failed || cmp.Diff(first, again) != "" {
		t.Errorf("first %+v, again %+v", first, again)
	}
}

func TestKeyWithAnotherRequestIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	arrived, release := b.endpoint.hold()
	defer release()
	done := make(chan apiconn.Decision, 1)
	go func() {
		d, _ := b.service.Run(t.Context(), b.Operator, keyed("journey", "a@b.example"))
		done <- d
	}()
	<-arrived
	refused := func(moment string) {
		t.Helper()
		for name, change := range map[string]func(*signup.Request){
			"claims":    func(r *signup.Request) { r.Claims["email"] = "other@b.example" },
			"locales":   func(r *signup.Request) { r.UILocales = "fr-FR" },
			"client id": func(r *signup.Request) { r.ClientID = "another" },
		} {
			r := keyed("journey", "a@b.example")
			change(&r)
			_, err := b.service.Run(t.Context(), b.Operator, r)
			if e := apiconn.AsError(err); e == nil || e.Reason != apiconn.ReasonIdempotencyMismatch {
				t.Errorf("other %s %s: %v", name, moment, err)
			}
		}
	}
	refused("while the first is under way")
	release()
	if d := <-done; d.Action != apiconn.Continue {
		t.Fatalf("%+v", d)
	}
	refused("afterwards")
	if calls := len(b.endpoint.seen()); calls != 1 {
		t.Errorf("the endpoint was called %d times", calls)
	}
}

func TestRepetitionsAtTheSameTimeCallOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	arrived, release := b.endpoint.hold()
	decisions := make([]apiconn.Decision, 32)
	var wg sync.WaitGroup
	for i := range decisions {
		wg.Go(func() {
			var err error
			if decisions[i], err = b.service.Run(t.Context(), b.Operator, keyed("journey", "a@b.example")); err != nil {
				t.Error(err)
			}
		})
	}
	<-arrived
	release()
	wg.Wait()
	for _, d := range decisions[1:] {
		if diff := cmp.Diff(decisions[0], d); diff != "" {
			t.Fatalf("two decisions\n%s", diff)
		}
	}
	if calls := len(b.endpoint.seen()); calls != 1 {
		t.Errorf("the endpoint was called %d times", calls)
	}
}

// TestTwoProcessesTellOneDecision lets two processes decide one journey at the same moment: the endpoint is called by both,
// with one invocation id, and both answer what was written first.
func TestTwoProcessesTellOneDecision(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other, _ := b.start(t, signup.Options{})
	came, gate := make(chan struct{}, 2), make(chan struct{})
	var number atomic.Int64
	b.endpoint.does(func(w http.ResponseWriter, _ *http.Request) {
		came <- struct{}{}
		<-gate
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"version":"1.0.0","action":"Continue","city":"%d"}`, number.Add(1))
	})
	decisions := make([]apiconn.Decision, 2)
	var wg sync.WaitGroup
	for i, service := range []*signup.Service{b.service, other} {
		wg.Go(func() {
			var err error
			if decisions[i], err = service.Run(t.Context(), b.Operator, keyed("journey", "a@b.example")); err != nil {
				t.Error(err)
			}
		})
	}
	<-came
	<-came
	close(gate)
	wg.Wait()
	if diff := cmp.Diff(decisions[0], decisions[1]); diff != "" {
		t.Errorf("two decisions\n%s", diff)
	}
	calls := b.endpoint.seen()
	if len(calls) != 2 || calls[0].header.Get("Patchbay-Invocation-Id") != calls[1].header.Get("Patchbay-Invocation-Id") {
		t.Errorf("%d calls, or two invocation ids", len(calls))
	}
}

// TestCallerThatHangsUpIsDecidedAllTheSame: the decision is there when the caller comes again.
func TestCallerThatHangsUpIsDecidedAllTheSame(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	arrived, release := b.endpoint.hold()
	ctx, hangUp := contextOf(t)
	done := make(chan apiconn.Decision, 1)
	go func() {
		d, _ := b.service.Run(ctx, b.Operator, keyed("journey", "a@b.example"))
		done <- d
	}()
	<-arrived
	hangUp()
	release()
	first := <-done
	if again := b.run(t, keyed("journey", "a@b.example")); first.Action != apiconn.Continue || cmp.Diff(first, again) != "" {
		t.Errorf("first %+v, again %+v", first, again)
	}
	if calls := len(b.endpoint.seen()); calls != 1 {
		t.Errorf("the endpoint was called %d times", calls)
	}
}

func TestBudgetEndsTheStep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	budget := 300 * time.Millisecond
	b.service, _ = b.start(t, signup.Options{MaxBudget: budget})
	_, release := b.endpoint.hold()
	defer release()
	d := b.run(t, request("a@b.example"))
	inv := b.receipt(t, d)
	if d.Action != apiconn.Failed || d.Reason != apiconn.ReasonAnswerTimeout || inv.Budget != budget || inv.Took < budget {
		t.Errorf("%+v; budget %s, took %s", d, inv.Budget, inv.Took)
	}
}

func TestConnectorThatNobodyAnswersFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	url := "https://" + nobody(t) + "/"
	b.patch(t, patchURL(url))
	d := b.run(t, request("a@b.example"))
	if inv := b.receipt(t, d); d.Reason != apiconn.ReasonConnectRefused || len(inv.Attempts) != 2 {
		t.Errorf("%+v with %d attempts", d, len(inv.Attempts))
	}
}

func TestSweepClosesConnectionsOfReplacedCredentials(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now := b.Clock.Now()
	b.patch(t, patchAuthentication(pfx(t, "old", now.Add(-time.Hour), now.Add(time.Hour))))
	b.run(t, request("a@b.example"))
	if err := b.service.Sweep(t.Context()); err != nil || b.client.Connections() != 1 {
		t.Fatalf("%d connections before the rotation, %v", b.client.Connections(), err)
	}
	b.upload(t, pfx(t, "new", now.Add(-time.Hour), now.Add(time.Hour)))
	if err := b.service.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for b.client.Connections() != 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections of the old certificate are still open", b.client.Connections())
		}
		runtime.Gosched()
	}
	if pooled := b.client.Pooled(); len(pooled) != 0 {
		t.Errorf("pooled: %v", pooled)
	}
}
