package wire

import (
	"context"
	"net/http"
)

// Decision is what a step was answered, as far as the trials look at it.
type Decision struct {
	Action       string            `json:"action"`
	Reason       string            `json:"reason"`
	Claims       map[string]string `json:"claims"`
	InvocationID string            `json:"invocationId"`
}

// Step takes the step postAttributeCollection of a user flow for a journey: the same journey is decided once.
func (c *Client) Step(ctx context.Context, flow, journey string) Answer {
	body := map[string]any{"claims": map[string]string{"email": journey + "@example.com"}}
	return c.Do(ctx, http.MethodPost, "/runtime/v1/userFlows/"+flow+"/steps/postAttributeCollection", body, http.Header{"Idempotency-Key": {journey}})
}

// Receipt is the receipt of a decision, as far as the trials look at it.
type Receipt struct {
	ID     string `json:"id"`
	Action string `json:"action"`
}

// Receipts reads the receipts from the newest on, until more says that it is enough, or to the oldest.
func (c *Client) Receipts(ctx context.Context, more func([]Receipt) bool) error {
	_, err := pages(ctx, c, "/runtime/v1/invocations?top=1000", more)
	return err
}
