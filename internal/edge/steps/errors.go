package steps

import (
	"errors"
	"net/http"
	"slices"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge"
)

// problem is a failure that is ready to be written.
type problem struct {
	edge.Failure
	allow string // of a 405
}

func (p *problem) Error() string { return p.Code + ": " + p.Message }

// asProblem turns any error into one.
func asProblem(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	return &problem{Failure: edge.FailureOf(err)}
}

func noSuchPath() error {
	return apiconn.Errorf(apiconn.NotFound, "There is nothing at this address. The paths of this surface are in docs/runtime.md; names are case-sensitive.")
}

func methodNotAllowed(r *route) error {
	return &problem{
		Failure: edge.Failure{
			Status: http.StatusMethodNotAllowed, Code: "Request_BadRequest",
			Message: "Specified HTTP method is not allowed for the request target.",
		},
		allow: r.allow(),
	}
}

// errorBody is the error object of Microsoft Graph (contract 3.1).
type errorBody struct {
	Code       string  `json:"code"`
	Message    string  `json:"message"`
	InnerError ordered `json:"innerError"`
}

// envelope is the error object of a problem.
func (h *Handler) envelope(c *call, p *problem) errorBody {
	return errorBody{Code: p.Code, Message: p.Message, InnerError: edge.InnerError(p.Code, c.x.RequestID, c.x.ClientRequestID, h.opts.Now())}
}

// refusal is the answer to a request that failed.
func refusal(h *Handler, c *call, p *problem) answer {
	return h.refused(p, struct {
		Error errorBody `json:"error"`
	}{h.envelope(c, p)})
}

// refused is a problem's status and headers around a body.
func (h *Handler) refused(p *problem, document any) answer {
	a := answer{status: p.Status}
	a.body, _ = encode(document) // of texts only: cannot fail
	if p.allow != "" {
		a.set("Allow", p.allow)
	}
	if p.RetryAfter > 0 {
		a.set("Retry-After", edge.RetryAfter(p.RetryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		a.set("WWW-Authenticate", h.challenges()...)
	}
	return a
}

// graphCodes are the error codes by which the original service reports what we call Failed (runtime contract 5.3). It has
// fewer: whatever is no valid answer is AADB2C90075 to it.
var graphCodes = []struct {
	code    string
	reasons []apiconn.DecisionReason
}{
	{"AADB2C90027", []apiconn.DecisionReason{apiconn.ReasonUnauthorized}},
	{"AADB2C90028", []apiconn.DecisionReason{apiconn.ReasonCertificate401, apiconn.ReasonTLSCertificateRefused, apiconn.ReasonTLSCertificateRequired, apiconn.ReasonTLSLateCertificate}},
	{"AADB2C90220", []apiconn.DecisionReason{apiconn.ReasonNoValidCertificate, apiconn.ReasonCredentialUnreadable}},
	{"AADB2C90035", []apiconn.DecisionReason{
		apiconn.ReasonCircuitOpen, apiconn.ReasonTooManyCalls, apiconn.ReasonUnavailable,
		apiconn.ReasonDNSNotFound, apiconn.ReasonDNSFailed, apiconn.ReasonDNSTimeout,
		apiconn.ReasonConnectRefused, apiconn.ReasonConnectTimeout, apiconn.ReasonConnectFailed,
		apiconn.ReasonTLSTimeout, apiconn.ReasonTLSNotSpoken, apiconn.ReasonTLSVersion, apiconn.ReasonTLSNoCommonSuite,
		apiconn.ReasonTLSUntrusted, apiconn.ReasonTLSWrongName, apiconn.ReasonTLSExpired, apiconn.ReasonTLSNotPinned, apiconn.ReasonTLSFailed,
		apiconn.ReasonConnectionReset, apiconn.ReasonConnectionClosed, apiconn.ReasonRequestTimeout, apiconn.ReasonAnswerTimeout,
		apiconn.ReasonAnswerBodyTimeout,
	}},
	{"AADB2C90075", []apiconn.DecisionReason{
		apiconn.ReasonAnswerNotHTTP, apiconn.ReasonAnswerHeadersTooLarge, apiconn.ReasonAnswerCutShort, apiconn.ReasonAnswerTooLarge,
		apiconn.ReasonAnswerEncodingUnknown, apiconn.ReasonAnswerEncodingBroken,
		apiconn.ReasonRedirected, apiconn.ReasonForbidden, apiconn.ReasonNotFound, apiconn.ReasonMethodNotAllowed,
		apiconn.ReasonUnsupportedMedia, apiconn.ReasonCustomPolicy, apiconn.ReasonThrottled, apiconn.ReasonServerError,
		apiconn.ReasonStatusUnexpected, apiconn.ReasonNoContent, apiconn.ReasonBadRequestUnknown,
		apiconn.ReasonAnswerEmpty, apiconn.ReasonAnswerHTML, apiconn.ReasonAnswerNotUTF8, apiconn.ReasonAnswerNotJSON,
		apiconn.ReasonAnswerNotObject, apiconn.ReasonAnswerMemberTwice, apiconn.ReasonAnswerTooDeep,
		apiconn.ReasonVersionAbsent, apiconn.ReasonVersionNotString, apiconn.ReasonVersionUnsupported,
		apiconn.ReasonActionAbsent, apiconn.ReasonActionNotString, apiconn.ReasonActionWrongCase, apiconn.ReasonActionUnknown,
		apiconn.ReasonActionNotAllowed, apiconn.ReasonContinueWith400, apiconn.ReasonBlockPageWith400,
		apiconn.ReasonValidationWithout400, apiconn.ReasonValidationStatusAbsent, apiconn.ReasonValidationStatusType,
		apiconn.ReasonValidationStatusNot400, apiconn.ReasonUserMessageAbsent, apiconn.ReasonUserMessageNotString,
		apiconn.ReasonUserMessageEmpty, apiconn.ReasonClaimWrongType, apiconn.ReasonClaimTooLong, apiconn.ReasonTooManyClaims,
	}},
	// What the original has no word for, because it has no such settings or rules.
	{"", []apiconn.DecisionReason{apiconn.ReasonTargetURLUnusable, apiconn.ReasonSettingsUnusable, apiconn.ReasonInterrupted, apiconn.ReasonAddressBlocked}},
}

// graphCode is the original's code of a reason, "" if it has none.
func graphCode(reason apiconn.DecisionReason) string {
	for _, row := range graphCodes {
		if slices.Contains(row.reasons, reason) {
			return row.code
		}
	}
	return ""
}
