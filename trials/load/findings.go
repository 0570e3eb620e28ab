package load

import (
	"fmt"
	"slices"
	"sync"
)

// Kind is what is wrong with something seen.
type Kind string

// The kinds. All but Odd mean that something acknowledged was not kept, or something was kept that was refused.
const (
	Lost    Kind = "lost"    // an acknowledged write, audit entry or receipt is not there
	Torn    Kind = "torn"    // parts of different writes, a half-written secret among them
	Ghost   Kind = "ghost"   // something that nobody wrote, or a write that was refused
	Changed Kind = "changed" // a decision that was another one when it was asked for again
	Odd     Kind = "odd"     // an answer that the load does not expect
)

// Finding is something that may not be.
type Finding struct {
	Kind Kind
	Text string
}

// Findings are what a trial found. The zero value has none.
type Findings struct {
	mu    sync.Mutex
	found []Finding
}

// add notes a finding, which has no secret in it.
func (f *Findings) add(kind Kind, format string, arguments ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found = append(f.found, Finding{kind, fmt.Sprintf(format, arguments...)})
}

// All are the findings until now.
func (f *Findings) All() []Finding {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.found)
}
