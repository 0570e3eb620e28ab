package lint

import (
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// advice is the sentence about a reason: what it means and what to do. "" for a reason that nobody knows.
func advice(reason apiconn.DecisionReason) string {
	facts, _ := apiconn.ReasonByName(reason)
	return facts.Sentence
}

// noted names what was passed over in an answer.
func noted(notes []apiconn.Note) string {
	names := make([]string, len(notes))
	for i, n := range notes {
		names[i] = string(n.Reason)
		if n.Claim != "" {
			names[i] += " (" + n.Claim + ")"
		}
	}
	return strings.Join(names, ", ")
}
