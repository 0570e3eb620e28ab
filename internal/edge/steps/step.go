package steps

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/signup"
)

// decisionBody is a decision on the wire, members in their order.
type decisionBody struct {
	Action       apiconn.Action         `json:"action"`
	Claims       json.RawMessage        `json:"claims,omitempty"`
	UserMessage  string                 `json:"userMessage,omitempty"`
	Reason       apiconn.DecisionReason `json:"reason"`
	Explanation  string                 `json:"explanation"`
	Detail       string                 `json:"detail,omitempty"`
	GraphCode    string                 `json:"graphCode,omitempty"`
	Notes        []noteBody             `json:"notes,omitempty"`
	InvocationID string                 `json:"invocationId"`
	Receipt      *invocationBody        `json:"receipt,omitempty"`
}

// noteBody is a note on the wire.
type noteBody struct {
	Reason      apiconn.DecisionReason `json:"reason"`
	Claim       string                 `json:"claim,omitempty"`
	Explanation string                 `json:"explanation"`
}

func decisionOf(d apiconn.Decision) decisionBody {
	body := decisionBody{
		Action: d.Action, UserMessage: d.UserMessage, Reason: d.Reason, Explanation: explanation(d.Reason), Detail: d.Detail,
		GraphCode: graphCode(d.Reason), Notes: notesOf(d.Notes), InvocationID: d.InvocationID,
	}
	if d.Action == apiconn.Continue {
		body.Claims = signup.AppendClaims(nil, d.Claims)
	}
	return body
}

func notesOf(notes []apiconn.Note) []noteBody {
	var bodies []noteBody
	for _, n := range notes {
		bodies = append(bodies, noteBody{n.Reason, n.Claim, explanation(n.Reason)})
	}
	return bodies
}

// The members of the body of a step, and the parameter that asks for its receipt.
const (
	memberClaims    = "claims"
	memberUILocales = "uiLocales"
	memberClientID  = "clientId"

	parameterReceipt = "receipt"
)

// runStep is POST /userFlows/{id}/steps/{step}.
func (h *Handler) runStep(ctx context.Context, c *call) (answer, error) {
	withReceipt, err := h.wantsReceipt(c)
	if err != nil {
		return answer{}, err
	}
	key, err := edge.IdempotencyKey(c.header)
	if err != nil {
		return answer{}, err
	}
	m, err := c.object(memberClaims, memberUILocales, memberClientID)
	if err != nil {
		return answer{}, err
	}
	if !m.given(memberClaims) {
		return answer{}, apiconn.Invalidf(memberClaims, "The member 'claims' is absent. Send the claims collected so far, {} if there are none.")
	}
	request := signup.Request{FlowID: c.keys[0], Step: c.keys[1], IdempotencyKey: key, TraceParent: c.header.Get("Traceparent")}
	if request.Claims, err = signup.ParseClaims(m[memberClaims]); err != nil {
		return answer{}, err
	}
	if request.UILocales, err = m.text(memberUILocales); err != nil {
		return answer{}, err
	}
	if request.ClientID, err = m.text(memberClientID); err != nil {
		return answer{}, err
	}
	decision, err := h.decide(ctx, c, request)
	if err != nil {
		return answer{}, err
	}
	return h.decided(ctx, c, decision, withReceipt)
}

// decide runs a step and counts its decision.
func (h *Handler) decide(ctx context.Context, c *call, request signup.Request) (apiconn.Decision, error) {
	began := time.Now()
	decision, err := h.opts.Signup.Run(ctx, c.caller, request)
	if err == nil {
		h.metrics.decided(request.Step, decision, time.Since(began))
	}
	return decision, err
}

// wantsReceipt tells whether the answer is to have the receipt in it. Whoever may not read one is told before anything is
// called, not after.
func (h *Handler) wantsReceipt(c *call) (bool, error) {
	values, err := c.parameters(parameterReceipt)
	if err != nil {
		return false, err
	}
	wanted, err := flag(values, parameterReceipt)
	if err != nil || !wanted {
		return false, err
	}
	return true, c.caller.Require(auth.UserFlowInvocationReadAll)
}

// decided is the answer to a step. A receipt that cannot be read does not take the decision with it.
func (h *Handler) decided(ctx context.Context, c *call, d apiconn.Decision, withReceipt bool) (answer, error) {
	body := decisionOf(d)
	if withReceipt {
		receipt, err := h.opts.Signup.Invocation(ctx, c.caller, d.InvocationID)
		if err != nil {
			c.x.Failure = err
			c.x.Fault = edge.FailureOf(err).Status >= http.StatusInternalServerError
		} else {
			shown := invocationOf(receipt)
			body.Receipt = &shown
		}
	}
	return ok(body)
}
