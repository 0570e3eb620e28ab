package graph

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

// Throttle names a set of limits.
type Throttle string

// The sets of limits.
const (
	// ThrottleOff: no limits.
	ThrottleOff Throttle = "off"
	// ThrottleGenerous: a thousand times Graph's, a guard against loops that no honest client meets.
	ThrottleGenerous Throttle = "generous"
	// ThrottleGraph: exactly the limits of contract 3.6.
	ThrottleGraph Throttle = "graph"
)

// Throttles lists them all.
var Throttles = []Throttle{ThrottleOff, ThrottleGenerous, ThrottleGraph}

// limit is a number of requests that any window of that length may hold.
type limit struct {
	scope  string // as x-ms-throttle-scope spells it
	of     func(c auth.Caller) string
	window time.Duration
	most   int
}

func byTenant(c auth.Caller) string            { return c.TenantID }
func byApplication(c auth.Caller) string       { return c.AppID }
func byTenantApplication(c auth.Caller) string { return c.TenantID + "/" + c.AppID }

// graphLimits are contract 3.6's: per tenant, per application in a tenant, and per application over all tenants.
var graphLimits = []limit{
	{"Tenant", byTenant, time.Minute, 300},
	{"Tenant_Application", byTenantApplication, time.Minute, 200},
	{"Application", byApplication, time.Second, 2000},
}

// generosity is how many times Graph's limits the default allows.
const generosity = 1000

// slots is how finely a window is cut. A slot that has partly left the window still counts, so a limit is never exceeded
// in any window; a token bucket would let twice the limit through in the first one.
const slots = 60

// throttle counts requests. It is safe for concurrent use.
type throttle struct {
	limits []limit
	now    func() time.Time
	mu     sync.Mutex
	counts map[string]*counter
	swept  time.Time
}

// counter counts in slots: the newest, still filling, and the slots before it that the window may still touch.
type counter struct {
	limit limit
	slot  [slots + 1]int
	last  int64 // number of the newest slot
}

func newThrottle(kind Throttle, now func() time.Time) *throttle {
	t := &throttle{now: now, counts: map[string]*counter{}}
	switch kind {
	case ThrottleOff:
	case ThrottleGraph:
		t.limits = graphLimits
	default:
		for _, l := range graphLimits {
			l.most *= generosity
			t.limits = append(t.limits, l)
		}
	}
	return t
}

// admit counts one request of c, or refuses it and says when to come again. The header carries x-ms-throttle-* once four
// fifths of a limit are used (contract 3.6).
func (t *throttle) admit(c auth.Caller, write bool) (http.Header, error) {
	if len(t.limits) == 0 {
		return nil, nil
	}
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep(now)
	fullest, share := -1, 0.0
	for i, l := range t.limits {
		n := t.counter(l, c).count(now)
		if n >= l.most {
			wait := t.counter(l, c).free(now)
			return scopeHeader(l, c, write, float64(n+1)/float64(l.most)), &apiconn.Error{
				Kind: apiconn.Throttled, RetryAfter: wait,
				Message: fmt.Sprintf("Too many requests: at most %d in %s are allowed per %s. Wait as long as Retry-After says.", l.most, l.window, l.scope),
			}
		}
		if s := float64(n+1) / float64(l.most); s > share {
			fullest, share = i, s
		}
	}
	for _, l := range t.limits {
		t.counter(l, c).add(now)
	}
	if share < 0.8 {
		return nil, nil
	}
	return scopeHeader(t.limits[fullest], c, write, share), nil
}

func scopeHeader(l limit, c auth.Caller, write bool, share float64) http.Header {
	verb := "Read"
	if write {
		verb = "Write"
	}
	h := http.Header{
		"x-ms-throttle-limit-percentage": {strconv.FormatFloat(share, 'f', 2, 64)},
		"x-ms-throttle-scope":            {l.scope + "/" + verb + "/" + c.AppID + "/" + c.TenantID},
	}
	if share > 1 {
		h["x-ms-throttle-information"] = []string{"ResourceUnitLimitExceeded"}
	}
	return h
}

func (t *throttle) counter(l limit, c auth.Caller) *counter {
	key := l.scope + "/" + l.of(c)
	if t.counts[key] == nil {
		t.counts[key] = &counter{limit: l}
	}
	return t.counts[key]
}

// sweep forgets, once a minute, whoever has been silent for a window.
func (t *throttle) sweep(now time.Time) {
	if now.Sub(t.swept) < time.Minute {
		return
	}
	t.swept = now
	for key, c := range t.counts {
		if slotOf(c.limit, now)-c.last > slots {
			delete(t.counts, key)
		}
	}
}

func slotOf(l limit, now time.Time) int64 { return now.UnixNano() / int64(l.window/slots) }

// advance empties the slots that the window has left behind.
func (c *counter) advance(now time.Time) {
	n := slotOf(c.limit, now)
	for i := max(c.last+1, n-slots); i <= n; i++ {
		c.slot[i%int64(len(c.slot))] = 0
	}
	c.last = max(c.last, n)
}

func (c *counter) count(now time.Time) int {
	c.advance(now)
	total := 0
	for _, n := range c.slot {
		total += n
	}
	return total
}

func (c *counter) add(now time.Time) {
	c.advance(now)
	c.slot[c.last%int64(len(c.slot))]++
}

// free is how long it takes until one more request fits.
func (c *counter) free(now time.Time) time.Duration {
	l := c.limit
	excess := c.count(now) - l.most + 1
	for age := slots; age >= 0; age-- {
		number := c.last - int64(age)
		if number < 0 {
			continue
		}
		if excess -= c.slot[number%int64(len(c.slot))]; excess <= 0 {
			leaves := time.Duration(number+slots+1) * (l.window / slots)
			return time.Duration(leaves.Nanoseconds() - now.UnixNano())
		}
	}
	return l.window
}
