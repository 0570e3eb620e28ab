package graph

import (
	"testing"

	"github.com/patchbay/patchbay/internal/apiconn"
)

func TestBatchesCountTwice(t *testing.T) {
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
	if _, err := f.enter("one", true); apiconn.KindOf(err) != apiconn.Throttled {
		t.Errorf("a batch too many: %v, want Throttled", err)
	}
	for range maxFlights - maxBatchFlights { // the batch that was refused took no place
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
	if _, err := f.enter("one", true); err != nil {
		t.Errorf("after everything ended: %v", err)
	}
}
