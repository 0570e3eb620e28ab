package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// listingTime is how long a listing or a count may take, waiting included: a client's $filter decides what it costs.
const listingTime = 3 * time.Second

// listings runs what a client's $filter, $orderby and $search shape. It has connections of its own, so that slow
// listings delay only listings, and one tenant can hold half of them at the most.
type listings struct {
	pool   *pool
	within time.Duration
	share  *shares
}

func newListings(pool *pool, connections int) *listings {
	return &listings{pool: pool, within: listingTime, share: newShares(max(1, connections/2))}
}

// run calls read, which must read all rows before it returns, when the tenant's turn has come. Throttled if that does not
// end in time.
//
// The driver interrupts a statement until its first row is there and not after it. The texts for read therefore have all
// that costs time in a MATERIALIZED part, or return a single row.
func (l *listings) run(ctx context.Context, tenant string, read func(ctx context.Context, db *statements) error) error {
	limited, cancel := context.WithTimeout(ctx, l.within)
	defer cancel()
	done, err := l.share.take(limited, tenant)
	if err == nil {
		err = l.pool.run(limited, tenant, read)
		done()
	}
	if err != nil && ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded) {
		slow := apiconn.Errorf(apiconn.Throttled,
			"The request took too long to answer. Narrow the $filter, or send fewer requests at the same time.")
		slow.RetryAfter = time.Second
		return slow.Because(fmt.Errorf("a listing did not end within %s: %w", l.within, err))
	}
	return err
}

// shares lets each key hold so many at the same time. It knows the keys that hold or wait, and no others.
type shares struct {
	each int
	mu   sync.Mutex
	of   map[string]*share
}

type share struct {
	held  chan struct{}
	users int // that hold or wait
}

func newShares(each int) *shares { return &shares{each: each, of: make(map[string]*share)} }

// take waits until key holds fewer than its share, and returns what gives it back.
func (s *shares) take(ctx context.Context, key string) (done func(), err error) {
	s.mu.Lock()
	mine := s.of[key]
	if mine == nil {
		mine = &share{held: make(chan struct{}, s.each)}
		s.of[key] = mine
	}
	mine.users++
	s.mu.Unlock()
	select {
	case mine.held <- struct{}{}:
		return func() { <-mine.held; s.leave(key, mine) }, nil
	case <-ctx.Done():
		s.leave(key, mine)
		return nil, ctx.Err()
	}
}

func (s *shares) leave(key string, mine *share) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(s.of, key)
	}
}
