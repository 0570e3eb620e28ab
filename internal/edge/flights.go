package edge

import (
	"sync"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Flights counts what each tenant has in flight, and lets it have no more than a number. It is safe for concurrent use
// and forgets a tenant that has nothing.
type Flights struct {
	most   int
	mu     sync.Mutex
	counts map[string]int
}

// NewFlights lets each tenant have most calls at work at a time.
func NewFlights(most int) *Flights { return &Flights{most: most, counts: map[string]int{}} }

// Enter begins a call; leave ends it and must be called once. Throttled if the tenant has too many.
func (f *Flights) Enter(tenant string) (leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts[tenant] >= f.most {
		return nil, &apiconn.Error{
			Kind: apiconn.Throttled, RetryAfter: time.Second,
			Message: "Too many requests of this tenant are being answered at the same time. Wait for some of them, and read their answers without delay.",
		}
	}
	f.counts[tenant]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.counts[tenant]--; f.counts[tenant] == 0 {
			delete(f.counts, tenant)
		}
	}, nil
}
