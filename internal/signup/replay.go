package signup

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

// ReplayRequest asks for a recorded step to be run again.
type ReplayRequest struct {
	TargetURL   string         // "": the connector's
	Claims      apiconn.Claims // those of the step; nil: the receipt's, if it kept their values
	UILocales   string
	ClientID    string
	TraceParent string
}

// Replay runs a recorded step again, with the connector as it is now, and writes a receipt of its own. It is for people who
// look for a fault: no journey's decision changes. Another URL wants the permission to change connectors beside that to
// run steps, and gets no credential unless it is of the connector's own origin.
func (s *Service) Replay(ctx context.Context, who auth.Caller, id string, request ReplayRequest) (apiconn.Decision, error) {
	if err := who.Require(auth.UserFlowsInvokeAll); err != nil {
		return apiconn.Decision{}, err
	}
	if request.TargetURL != "" {
		if err := who.Require(auth.APIConnectorsReadWriteAll); err != nil {
			return apiconn.Decision{}, err
		}
		if err := apiconn.ValidateTargetURL(request.TargetURL, s.AllowHTTP); err != nil {
			return apiconn.Decision{}, err
		}
	}
	prior, err := s.Invocation(ctx, who, id)
	if err != nil {
		return apiconn.Decision{}, err
	}
	if prior.ConnectorID == "" {
		return apiconn.Decision{}, apiconn.Errorf(apiconn.Conflict, "The step of this invocation called no connector; there is nothing to replay.")
	}
	r, err := s.begin(ctx, who, Request{
		FlowID: prior.FlowID, Step: prior.Step, Claims: request.Claims, UILocales: request.UILocales,
		ClientID: request.ClientID, TraceParent: request.TraceParent,
	})
	if err != nil {
		return apiconn.Decision{}, err
	}
	if r.request.Claims == nil {
		if err := r.recollect(prior); err != nil {
			return apiconn.Decision{}, err
		}
	}
	if err := s.matches(r, prior); err != nil {
		return apiconn.Decision{}, err
	}
	r.target, r.receipt.ReplayOf = request.TargetURL, prior.ID
	return s.decide(context.WithoutCancel(ctx), r)
}

// recollect takes the claims out of a receipt that kept their values.
func (r *run) recollect(prior apiconn.Invocation) error {
	members := map[string]json.RawMessage{}
	for _, f := range prior.Sent {
		value, err := json.Marshal(f.Value)
		text, isText := f.Value.(string)
		switch {
		case err != nil || f.Value == nil:
			return apiconn.Invalidf("claims", "The receipt has no values of claims. Give the claims of the step in 'claims', with 'uiLocales' and 'clientId' if it had them.")
		case f.Name == claimStep:
		case f.Name == claimClientID:
			r.request.ClientID = cmp.Or(r.request.ClientID, text)
		case f.Name == claimIdentities && isText:
			members[f.Name] = json.RawMessage(text)
		default:
			members[f.Name] = value
		}
	}
	object, err := json.Marshal(members)
	if err != nil {
		return err
	}
	r.request.Claims, err = ParseClaims(object)
	return err
}

// matches refuses claims that are not those of the receipt: what they would show is another step.
func (s *Service) matches(r *run, prior apiconn.Invocation) error {
	body, err := Encode(r.step, r.kind, r.app, r.request)
	if err != nil {
		return err
	}
	var differ []string
	now, then := s.facts(r.caller.TenantID, body), prior.Sent
	for _, f := range now {
		if !slices.ContainsFunc(then, func(t apiconn.ClaimFact) bool { return t.Name == f.Name && t.Hash == f.Hash }) {
			differ = append(differ, "'"+f.Name+"'")
		}
	}
	for _, f := range then {
		if !slices.ContainsFunc(now, func(n apiconn.ClaimFact) bool { return n.Name == f.Name }) {
			differ = append(differ, "'"+f.Name+"' (absent)")
		}
	}
	if len(differ) > 0 {
		return apiconn.Invalidf("claims", "These are not the claims of the invocation: %s. Give them as they were, or run the step anew.", strings.Join(differ, ", "))
	}
	return nil
}
