package steps

import (
	"context"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// explanation is the sentence of a reason.
func explanation(reason apiconn.DecisionReason) string {
	facts, _ := apiconn.ReasonByName(reason)
	return facts.Sentence
}

// reasonBody is a row of the table of reasons.
type reasonBody struct {
	Reason      apiconn.DecisionReason `json:"reason"`
	Effect      apiconn.Effect         `json:"effect"`
	Explanation string                 `json:"explanation"`
	GraphCode   string                 `json:"graphCode,omitempty"`
}

// listReasons is GET /reasons.
func (h *Handler) listReasons(_ context.Context, c *call) (answer, error) {
	if _, err := c.parameters(); err != nil {
		return answer{}, err
	}
	var rows []reasonBody
	for _, f := range apiconn.Reasons() {
		rows = append(rows, reasonBody{f.Reason, f.Effect, f.Sentence, graphCode(f.Reason)})
	}
	return ok(collection[reasonBody]{Value: rows})
}

// collection is a list on the wire.
type collection[T any] struct {
	Value    []T    `json:"value"`
	NextLink string `json:"nextLink,omitempty"`
}
