package credential

import (
	"context"
	"runtime"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Intake takes credentials in. It opens a few PKCS#12 files at a time and lets the others wait, so that uploads, each
// of which may cost seconds of CPU, cannot starve everything else. One Intake serves the whole process.
type Intake struct {
	slots chan struct{}
}

// NewIntake returns an Intake that opens at most parallel PKCS#12 files at the same time; 0 or less means half the cores,
// at least one.
func NewIntake(parallel int) *Intake {
	if parallel < 1 {
		parallel = max(1, runtime.GOMAXPROCS(0)/2)
	}
	return &Intake{slots: make(chan struct{}, parallel)}
}

// turn waits for a free slot and returns what gives it back.
func (in *Intake) turn(ctx context.Context) (done func(), err error) {
	select {
	case in.slots <- struct{}{}:
		return func() { <-in.slots }, nil
	case <-ctx.Done():
		return nil, (&apiconn.Error{
			Kind: apiconn.Throttled, RetryAfter: 5 * time.Second,
			Message: "Too many certificates are being uploaded at once. Try again in a few seconds.",
		}).Because(ctx.Err())
	}
}
