package load

import (
	"sync"

	"github.com/patchbay/patchbay/trials/wire"
)

// Journeys are the steps that were decided: a journey that is reported again must hear the same.
type Journeys struct {
	Findings *Findings

	mu    sync.Mutex
	heard map[string]verdict
	keys  []string // of heard
}

// verdict is what a journey was told. number is what the target put into its answer, which is another at each call.
type verdict struct{ flow, action, reason, invocation, number string }

// numberClaim is the claim in which the target puts the number of the call.
const numberClaim = "displayName"

// Heard notes a decision, and reports whether it is the first of its journey.
func (j *Journeys) Heard(key, flow string, d wire.Decision) bool {
	now := verdict{flow, d.Action, d.Reason, d.InvocationID, d.Claims[numberClaim]}
	j.mu.Lock()
	defer j.mu.Unlock()
	before, known := j.heard[key]
	if known && before != now {
		j.Findings.add(Changed, "journey %s was decided as %+v, and then as %+v", key, before, now)
	}
	if !known {
		if j.heard == nil {
			j.heard = map[string]verdict{}
		}
		j.heard[key] = now
		j.keys = append(j.keys, key)
	}
	return !known
}

// any is a journey that was decided, and its flow.
func (j *Journeys) any() (key, flow string, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.keys) == 0 {
		return "", "", false
	}
	key = j.keys[Pick(len(j.keys))]
	return key, j.heard[key].flow, true
}

// Len is how many there are.
func (j *Journeys) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.keys)
}
