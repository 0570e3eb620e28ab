package graph

import (
	"sync"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// How many calls of one tenant may be at work at a time, and how many of them may be batches. An answer is held whole
// until the client has taken it, so a client that takes its time must not hold any number of them.
const (
	maxFlights      = 256
	maxBatchFlights = 8
)

// flights counts what each tenant has in flight. It is safe for concurrent use and forgets a tenant that has nothing.
type flights struct {
	mu     sync.Mutex
	counts map[string]*flightCount
}

type flightCount struct{ all, batches int }

func newFlights() *flights { return &flights{counts: map[string]*flightCount{}} }

// enter begins a call; leave ends it and must be called once. Throttled if the tenant has too many.
func (f *flights) enter(tenant string, batch bool) (leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.counts[tenant]
	if c == nil {
		c = &flightCount{}
		f.counts[tenant] = c
	}
	batches := 0
	if batch {
		batches = 1
	}
	if c.all+1 > maxFlights || c.batches+batches > maxBatchFlights {
		return nil, &apiconn.Error{
			Kind: apiconn.Throttled, RetryAfter: time.Second,
			Message: "Too many requests of this tenant are being answered at the same time. Wait for some of them, and read their answers without delay.",
		}
	}
	c.all, c.batches = c.all+1, c.batches+batches
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if c.all, c.batches = c.all-1, c.batches-batches; c.all == 0 {
			delete(f.counts, tenant)
		}
	}, nil
}
