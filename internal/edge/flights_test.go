package edge

import (
	"testing"

	"github.com/patchbay/patchbay/internal/apiconn"
)

func TestFlightsAreLimitedByTenant(t *testing.T) {
	t.Parallel()
	const most = 8
	f := NewFlights(most)
	var leave []func()
	for range most {
		done, err := f.Enter("one")
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, done)
	}
	if _, err := f.Enter("one"); apiconn.KindOf(err) != apiconn.Throttled || apiconn.AsError(err).RetryAfter <= 0 {
		t.Errorf("a call too many: %v, want Throttled with a time", err)
	}
	if done, err := f.Enter("two"); err != nil {
		t.Errorf("a call of another tenant: %v", err)
	} else {
		done()
	}
	for _, done := range leave {
		done()
	}
	if len(f.counts) != 0 {
		t.Errorf("%d tenants are remembered after everything ended", len(f.counts))
	}
}
