package load

import (
	"maps"
	"slices"
	"sync"
)

// Register is what was acknowledged and must be found again: request ids in the audit log, invocation ids among the receipts.
// The zero value is empty.
type Register struct {
	mu      sync.Mutex
	all     []string
	checked int // so many of all were looked for; the rest is pending
}

// Add notes something that was acknowledged.
func (r *Register) Add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, id)
}

// Len is how many there are.
func (r *Register) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

// search begins to look for what is pending, or for everything. Whoever searches comes to an end before another one begins.
func (r *Register) search(everything bool) *search {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &search{register: r, wanted: r.all[r.checked:], missing: map[string]bool{}}
	if everything {
		s.wanted = r.all
	}
	for _, id := range s.wanted {
		s.missing[id] = true
	}
	s.upTo = len(r.all)
	return s
}

// search is a look for what must be found.
type search struct {
	register *Register
	wanted   []string
	upTo     int // of all
	missing  map[string]bool
}

// found strikes one out.
func (s *search) found(id string) { delete(s.missing, id) }

// end notes that the search came to its end, and returns what is missing. It is not pending any more, so that it is reported
// once.
func (s *search) end() []string {
	s.register.mu.Lock()
	defer s.register.mu.Unlock()
	s.register.checked = max(s.register.checked, s.upTo)
	return slices.Sorted(maps.Keys(s.missing))
}

// refusals are the request ids of writes that Patchbay itself refused, which must not be in the audit log.
type refusals struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (r *refusals) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil {
		r.ids = map[string]bool{}
	}
	r.ids[id] = true
}

// take reports whether a write was refused, once.
func (r *refusals) take(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.ids[id]
	delete(r.ids, id)
	return was
}
