package outbound

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/patchbay/patchbay/internal/apiconn"
)

const (
	// A circuit opens when circuitFailures of the last circuitCalls calls got no answer, or one of a server's failure.
	circuitFailures = 8
	circuitCalls    = 10
	// circuitPause is how long an open circuit refuses before it lets one call through to see.
	circuitPause = 10 * time.Second
)

// outcome is what a call means for its circuit.
type outcome int

const (
	neither   outcome = iota // it says nothing of the target's health: an address that is blocked, a caller that left
	succeeded                // the target answered
	failed                   // it did not, or with a failure of its own
)

// outcomeOf judges a call. Errors of configuration, such as a certificate that nobody trusts, are none of load: they come
// at once, cost the target nothing, and an open circuit would hide them.
func outcomeOf(r Result) outcome {
	switch {
	case r.Status >= http.StatusInternalServerError:
		return failed
	case r.Status != 0:
		return succeeded
	case noAnswer[r.Reason] || r.Reason == apiconn.ReasonAnswerBodyTimeout || r.Reason == apiconn.ReasonAnswerCutShort:
		return failed
	}
	return neither
}

// gate lets calls through to one target: so many at a time, and none while it is known to be down.
type gate struct {
	circuit circuitbreaker.CircuitBreaker[any]
	places  bulkhead.Bulkhead[any]
	limit   int
	about   string // which target and which settings: with others, a new gate gives a new chance

	mu   sync.Mutex
	last apiconn.DecisionReason // of the last failure; "" if it was a status
}

func newGate(about string, limit int) *gate {
	return &gate{
		about: about, limit: limit,
		circuit: circuitbreaker.NewBuilder[any]().
			WithFailureThresholdRatio(circuitFailures, circuitCalls).WithSuccessThreshold(1).WithDelay(circuitPause).Build(),
		places: bulkhead.New[any](uint(limit)),
	}
}

// enter takes a place, or says why not.
func (g *gate) enter(host string) *refusal {
	if !g.places.TryAcquirePermit() {
		return &refusal{apiconn.ReasonTooManyCalls, fmt.Sprintf("%d calls to %s are under way, as many as the connector's call "+
			"settings allow at a time. Either the target has become slow, or maxConcurrent is too low.", g.limit, host)}
	}
	if g.circuit.TryAcquirePermit() {
		return nil
	}
	g.places.ReleasePermit()
	g.mu.Lock()
	last := g.last
	g.mu.Unlock()
	how := "with the reason " + string(last)
	if last == "" {
		how = "with a status of 500 or above"
	}
	when := "as soon as a call that is under way has shown that the target is back"
	if wait := g.circuit.RemainingDelay(); wait > 0 {
		when = "in " + brief(wait)
	}
	return &refusal{apiconn.ReasonCircuitOpen, fmt.Sprintf("%s was not called: at least %d of the last %d calls failed, the last "+
		"one %s. It is tried again %s.", host, circuitFailures, circuitCalls, how, when)}
}

// leave gives the place back and tells the circuit how it went.
func (g *gate) leave(o outcome, reason apiconn.DecisionReason) {
	g.places.ReleasePermit()
	switch {
	case o == succeeded:
		g.circuit.RecordSuccess()
	case o == failed:
		g.mu.Lock()
		g.last = reason
		g.mu.Unlock()
		g.circuit.RecordFailure()
	case g.circuit.IsHalfOpen():
		// This may be the trial. Its permit comes back with an outcome only, and a trial that showed nothing is to be
		// made again later.
		g.circuit.RecordFailure()
	}
}
