package graph

import "github.com/patchbay/patchbay/internal/edge"

// How many calls of one tenant may be at work at a time, and how many of them may be batches. An answer is held whole
// until the client has taken it, so a client that takes its time must not hold any number of them.
const (
	maxFlights      = 256
	maxBatchFlights = 8
)

// flights counts what each tenant has in flight: everything, and batches beside that.
type flights struct{ all, batches *edge.Flights }

func newFlights() *flights {
	return &flights{all: edge.NewFlights(maxFlights), batches: edge.NewFlights(maxBatchFlights)}
}

// enter begins a call; leave ends it and must be called once. Throttled if the tenant has too many.
func (f *flights) enter(tenant string, batch bool) (leave func(), err error) {
	leaveAll, err := f.all.Enter(tenant)
	if err != nil || !batch {
		return leaveAll, err
	}
	leaveBatches, err := f.batches.Enter(tenant)
	if err != nil {
		leaveAll()
		return nil, err
	}
	return func() { leaveBatches(); leaveAll() }, nil
}
