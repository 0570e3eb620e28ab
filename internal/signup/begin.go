package signup

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/outbound"
)

// begin checks what can be checked of a request by itself and starts its receipt.
func (s *Service) begin(ctx context.Context, who auth.Caller, request Request) (*run, error) {
	began := time.Now()
	kind, known := kindOf(request.FlowID)
	if !known {
		return nil, apiconn.Errorf(apiconn.NotFound, "There is no user flow with that id. The ids of user flows begin with %s or %s.",
			apiconn.B2X.Prefix(), apiconn.B2C.Prefix())
	}
	step, known := apiconn.StepByName(request.Step)
	if !known {
		return nil, unknownStep()
	}
	r := &run{
		caller: who, request: request, step: step, kind: kind, began: began,
		app: s.extensionsApp(who.TenantID), journey: s.journey(who, request, step),
	}
	r.receipt = apiconn.Invocation{
		ID: r.journey.invocationID(), TenantID: who.TenantID, At: s.Now(), FlowID: request.FlowID, Step: step.Name,
		AppID: who.AppID, CorrelationID: apiconn.RequestID(ctx), TraceParent: traceParent(request.TraceParent),
	}
	return r, nil
}

func unknownStep() error {
	names := make([]string, len(apiconn.Steps))
	for i, step := range apiconn.Steps {
		names[i] = step.Name
	}
	return apiconn.Errorf(apiconn.NotFound, "There is no such step of a user flow. The steps are %s.", strings.Join(names, ", "))
}

// bound writes into the receipt whom the step calls.
func (r *run) bound(b apiconn.Binding, settings apiconn.CallSettings) {
	r.receipt.Budget = settings.Budget
	if b.Linked {
		r.receipt.ConnectorID, r.receipt.ConnectorVersion = b.Connector.ID, b.Connector.Version
		r.receipt.Target = apiconn.RedactQuery(r.url(b.Connector))
	}
}

// proved writes into the receipt how the call proves itself.
func (r *run) proved(c apiconn.Connector, credential outbound.Credential) {
	facts := apiconn.CredentialFacts{Type: c.Authentication.Type, Username: credential.Username, Thumbprint: credential.Thumbprint}
	for _, certificate := range c.Authentication.Certificates {
		if certificate.Thumbprint == credential.Thumbprint {
			facts.NotAfter = certificate.NotAfter
		}
	}
	r.receipt.Credential = facts
}

// url is where the call goes.
func (r *run) url(c apiconn.Connector) string {
	if r.target != "" {
		return r.target
	}
	return c.TargetURL
}

// elsewhere tells whether the call goes to another origin than the connector's. Its credential stays at home then: who
// may replay a step must not be able to have a password sent to a place of his own.
func (r *run) elsewhere(c apiconn.Connector) bool {
	return r.target != "" && origin(r.target) != origin(c.TargetURL)
}

// origin is scheme, host and port of a URL (RFC 6454); "" of what is none, which equals no other.
func origin(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// traceParent continues the trace of the caller with a span of ours, or begins a trace (W3C Trace Context, version 00).
func traceParent(incoming string) string {
	span := strings.ReplaceAll(uuid.NewString(), "-", "")[:16]
	trace, flags := strings.ReplaceAll(uuid.NewString(), "-", ""), "01"
	if parts := strings.Split(incoming, "-"); len(parts) == 4 && parts[0] == "00" &&
		hexOf(parts[1], 32) && hexOf(parts[2], 16) && hexOf(parts[3], 2) {
		trace, flags = parts[1], parts[3]
	}
	return "00-" + trace + "-" + span + "-" + flags
}

// hexOf tells whether text is n lower-case hex digits and not all of them zero, which no id of a trace may be.
func hexOf(text string, n int) bool {
	if len(text) != n || strings.Trim(text, "0123456789abcdef") != "" {
		return false
	}
	return n == 2 || strings.Trim(text, "0") != ""
}
