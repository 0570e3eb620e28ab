package signup

import (
	"context"
	"errors"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/outbound"
	"github.com/patchbay/patchbay/internal/seal"
)

// run is one step on its way to a decision.
type run struct {
	caller  auth.Caller
	request Request
	step    apiconn.Step
	kind    apiconn.UserFlowKind
	app     string // of the tenant's extension attributes
	journey *journey
	target  string // instead of the connector's, for a replay against another URL
	began   time.Time
	receipt apiconn.Invocation
}

// replayPool sets the connections of replays to another origin apart from the connector's own.
const replayPool = "/replay"

// Run decides a step. A request with an Idempotency-Key is decided once: again, it gets the recorded decision and nothing
// is called. The decision may take as long as the connector's budget, also when the caller has gone: it counts all the same.
// Errors: Invalid for a wrong request, NotFound for an unknown flow or step, Forbidden, Conflict for a key that came with
// another request.
func (s *Service) Run(ctx context.Context, who auth.Caller, request Request) (apiconn.Decision, error) {
	if err := who.Require(auth.UserFlowsInvokeAll); err != nil {
		return apiconn.Decision{}, err
	}
	r, err := s.begin(ctx, who, request)
	if err != nil {
		return apiconn.Decision{}, err
	}
	return s.once(ctx, r, s.decide)
}

// decide is the five phases of a step. The one error that it returns is a fault of ours or an unknown flow; all that can
// go wrong with a connector is a decision.
func (s *Service) decide(ctx context.Context, r *run) (apiconn.Decision, error) {
	// 1 step: what is sent
	body, err := Encode(r.step, r.kind, r.app, r.request)
	if err != nil {
		return apiconn.Decision{}, err
	}

	// 2 binding: whom the step calls
	binding, err := s.Records.StepBinding(ctx, r.caller.TenantID, r.kind, r.request.FlowID, r.step.Name)
	if err != nil {
		return apiconn.Decision{}, err
	}
	settings := s.settings(binding)
	r.bound(binding, settings)
	if !binding.Linked {
		return s.conclude(ctx, r, Verdict{Action: apiconn.Continue, Reason: apiconn.ReasonNoConnector})
	}

	// 3 credential: how the call proves itself
	var credential outbound.Credential
	pool := r.caller.TenantID + "/" + binding.Connector.ID
	if r.elsewhere(binding.Connector) {
		pool += replayPool
	} else {
		credential, err = s.credential(ctx, binding.Connector)
		r.proved(binding.Connector, credential)
		if err != nil {
			return s.failed(ctx, r, err)
		}
	}

	// 4 call
	r.receipt.Sent = s.facts(r.caller.TenantID, body)
	r.receipt.Budget = settings.Budget
	result := s.Outbound.Do(ctx, outbound.Call{
		Connector: pool, URL: r.url(binding.Connector), Body: body, Credential: credential,
		Anonymous: r.elsewhere(binding.Connector), InvocationID: r.receipt.ID,
		TraceParent: r.receipt.TraceParent, Settings: settings, Began: r.began, Deadline: r.began.Add(settings.Budget),
	})
	r.receipt.Attempts = result.Attempts
	if result.Reason != "" {
		return s.conclude(ctx, r, Verdict{Action: apiconn.Failed, Reason: result.Reason, Detail: result.Detail})
	}

	// 5 decision
	verdict := Judge(r.step, r.request.Claims, r.app, Answer{
		Status: result.Status, ContentType: result.ContentType, Body: result.Body, Certificate: credential.Certificate != nil,
	})
	r.receipt.Received = s.claimFacts(r.caller.TenantID, verdict.Claims)
	return s.conclude(ctx, r, verdict)
}

// settings are how the bound connector is called, within what the service allows.
func (s *Service) settings(b apiconn.Binding) apiconn.CallSettings {
	settings := b.Settings.Resolved(s.Profile)
	settings.Budget = min(settings.Budget, s.MaxBudget)
	settings.AttemptTimeout = min(settings.AttemptTimeout, settings.Budget)
	return settings
}

// failed makes a Failed of an error that has to do with the connector's credential; anything else stays an error.
func (s *Service) failed(ctx context.Context, r *run, err error) (apiconn.Decision, error) {
	switch {
	case errors.Is(err, errNoValidCertificate):
		return s.conclude(ctx, r, Verdict{Action: apiconn.Failed, Reason: apiconn.ReasonNoValidCertificate, Detail: err.Error()})
	case errors.Is(err, seal.ErrDamaged), errors.Is(err, errCredentialAbsent):
		// The log says which value it is; whoever signs up, and whoever reads the receipt, cannot mend it.
		s.Log.LogAttrs(ctx, levelDamaged, "a connector's credential does not open", damaged(r, err)...)
		return s.conclude(ctx, r, Verdict{
			Action: apiconn.Failed, Reason: apiconn.ReasonCredentialUnreadable,
			Detail: "The stored credential of the connector does not open. Set it again with PATCH.",
		})
	}
	return apiconn.Decision{}, err
}

// conclude writes the receipt, and the journey's decision with it, before anybody hears of the decision.
func (s *Service) conclude(ctx context.Context, r *run, v Verdict) (apiconn.Decision, error) {
	decision := apiconn.Decision{
		Action: v.Action, UserMessage: v.UserMessage, Reason: v.Reason, Detail: v.Detail, Notes: v.Notes, InvocationID: r.receipt.ID,
	}
	if v.Action == apiconn.Continue {
		decision.Claims = Merge(r.request.Claims, v.Claims, r.app)
	}
	r.receipt.Action, r.receipt.Reason, r.receipt.Detail, r.receipt.Notes = v.Action, v.Reason, v.Detail, v.Notes
	r.receipt.Took = time.Since(r.began)
	return s.record(ctx, r, decision)
}
