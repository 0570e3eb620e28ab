package credential

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// maxWaiting is how many files of one tenant may wait at the same time. Terraform works on ten resources at once.
const maxWaiting = 16

// Intake takes credentials in. It opens a few PKCS#12 files at a time, one of each tenant, and lets the others wait: so
// uploads, each of which may cost seconds of CPU, cannot starve everything else, nor one tenant's uploads another's. One
// Intake serves the whole process.
type Intake struct {
	slots chan struct{}
	mu    sync.Mutex
	lines map[string]*line // of the tenants that have a file here, and of no others
}

// line is where the files of one tenant wait.
type line struct {
	first chan struct{}
	files int // the first one included
}

// NewIntake returns an Intake that opens at most parallel PKCS#12 files at the same time; 0 or less means half the cores,
// at least one.
func NewIntake(parallel int) *Intake {
	if parallel < 1 {
		parallel = max(1, runtime.GOMAXPROCS(0)/2)
	}
	return &Intake{slots: make(chan struct{}, parallel), lines: make(map[string]*line)}
}

// share is an Intake as one tenant uses it.
type share struct {
	*Intake
	tenant string
}

// turn waits until the tenant has no other file before this one and then for a free slot, which tenants get in the order
// in which they asked. It returns what gives both back.
func (in share) turn(ctx context.Context) (done func(), err error) {
	mine, err := in.enter()
	if err != nil {
		return nil, err
	}
	select {
	case mine.first <- struct{}{}:
	case <-ctx.Done():
		in.leave(mine)
		return nil, tooMany(ctx.Err())
	}
	select {
	case in.slots <- struct{}{}:
	case <-ctx.Done():
		<-mine.first
		in.leave(mine)
		return nil, tooMany(ctx.Err())
	}
	return func() {
		<-in.slots // before the tenant's next file may ask for one
		<-mine.first
		in.leave(mine)
	}, nil
}

// enter joins the tenant's line, unless that is full.
func (in share) enter() (*line, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	mine := in.lines[in.tenant]
	if mine == nil {
		mine = &line{first: make(chan struct{}, 1)}
		in.lines[in.tenant] = mine
	}
	if mine.files > maxWaiting {
		return nil, tooMany(errors.New("the tenant's line is full"))
	}
	mine.files++
	return mine, nil
}

func (in share) leave(mine *line) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if mine.files--; mine.files == 0 {
		delete(in.lines, in.tenant)
	}
}

func tooMany(cause error) error {
	return (&apiconn.Error{
		Kind: apiconn.Throttled, RetryAfter: 5 * time.Second,
		Message: "Too many certificates are being uploaded at once. Try again in a few seconds.",
	}).Because(cause)
}
