package graph

import (
	"testing"

	"github.com/patchbay/patchbay/internal/apiconn"
)

func TestFlightsAreLimitedByTenant(t *testing.T) {
	t.Parallel()
	f := newFlights()
	var leave []func()
	for range maxBatchFlights {
		done, err := f.enter("one", true)
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, done)
	}
	if _, err := f.enter("one", true); apiconn.KindOf(err) != apiconn.Throttled || apiconn.AsError(err).RetryAfter <= 0 {
		t.Errorf("a batch too many: %v, want Throttled with a time", err)
	}
	if done, err := f.enter("two", true); err != nil {
		t.Errorf("a batch of another tenant: %v", err)
	} else {
		done()
	}
	for range maxFlights - maxBatchFlights {
		done, err := f.enter("one", false)
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, done)
	}
	if _, err := f.enter("one", false); apiconn.KindOf(err) != apiconn.Throttled {
		t.Errorf("a request too many: %v, want Throttled", err)
	}
	for _, done := range leave {
		done()
	}
	if len(f.counts) != 0 {
		t.Errorf("%d tenants are remembered after everything ended", len(f.counts))
	}
}
