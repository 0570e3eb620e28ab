package apiconn

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what sort of failure an Error is. The set is closed; each edge maps every Kind to its own protocol.
type Kind uint8

// The kinds of failure.
const (
	Internal        Kind = iota // a fault of ours: a generic text outside, the cause in the log
	Invalid                     // the request is wrong and will stay wrong
	NotFound                    // no such thing in the caller's tenant
	Conflict                    // the thing's present state forbids it
	Stale                       // a precondition (If-Match) no longer holds
	Unauthenticated             // no acceptable proof of who is asking
	Forbidden                   // known, but not allowed
	Throttled                   // too much at once; see Error.RetryAfter
	Upstream                    // somebody else's service failed
)

// Kinds lists every Kind, for tests that a bridge is complete.
var Kinds = []Kind{Internal, Invalid, NotFound, Conflict, Stale, Unauthenticated, Forbidden, Throttled, Upstream}

// Reason names a failure more closely than its Kind where a protocol has a code of its own for it.
type Reason string

// The reasons that some edge answers with a code of its own.
const (
	// ReasonPKCS12Password: the password does not open the PKCS#12 file (Graph: AADB2C90213, contract 2.7).
	ReasonPKCS12Password Reason = "pkcs12_password_incorrect"
	// ReasonRequired: a value that must be there is absent, null or empty (Graph: AADB2C, contract 2.7).
	ReasonRequired Reason = "required_value_absent"
	// ReasonUnknownProperty: a property that the type does not have (Graph: RequestBodyRead, contract 3.1).
	ReasonUnknownProperty Reason = "unknown_property"
	// ReasonWrongType: a value of the wrong JSON or EDM type (Graph: RequestBodyRead, contract 3.1).
	ReasonWrongType Reason = "wrong_type"
	// ReasonConnectorPermission: the caller holds none of the permissions of the connector family (Graph: AADB2C, contract 2.7).
	ReasonConnectorPermission Reason = "connector_permission_missing"
	// ReasonIdempotencyMismatch: an Idempotency-Key came again with another body.
	ReasonIdempotencyMismatch Reason = "idempotency_key_reused"

	// The reasons of the token endpoint (OAuth 2.0, RFC 6749 section 5.2, with the AADSTS number that Entra gives each).

	// ReasonTenantUnknown is AADSTS90002.
	ReasonTenantUnknown Reason = "tenant_unknown"
	// ReasonApplicationUnknown is AADSTS700016.
	ReasonApplicationUnknown Reason = "application_unknown"
	// ReasonSecretWrong is AADSTS7000215.
	ReasonSecretWrong Reason = "secret_wrong"
	// ReasonSecretExpired is AADSTS7000222.
	ReasonSecretExpired Reason = "secret_expired"
	// ReasonCredentialAbsent is AADSTS7000218.
	ReasonCredentialAbsent Reason = "credential_absent"
	// ReasonAssertionInvalid is AADSTS50027.
	ReasonAssertionInvalid Reason = "assertion_invalid"
	// ReasonAssertionKeyUnknown is AADSTS700027.
	ReasonAssertionKeyUnknown Reason = "assertion_key_unknown"
	// ReasonScopeInvalid is AADSTS70011.
	ReasonScopeInvalid Reason = "scope_invalid"
	// ReasonResourceUnknown is AADSTS500011.
	ReasonResourceUnknown Reason = "resource_unknown"
	// ReasonGrantUnsupported is AADSTS70003.
	ReasonGrantUnsupported Reason = "grant_unsupported"
	// ReasonRequestMalformed is AADSTS900144.
	ReasonRequestMalformed Reason = "request_malformed"
)

// Error is the one error type between rooms. Message is for whoever asked; the cause is for the log only and never
// leaves the process. Any error that is not an Error counts as Internal.
type Error struct {
	Kind       Kind
	Reason     Reason        // "" unless a protocol has a code of its own for it
	Field      string        // the property or parameter at fault, "" if none
	Message    string        // public, whole sentences, says what to do; never a secret
	RetryAfter time.Duration // for Throttled: when to come again
	cause      error
}

// Error returns the public message with the cause behind it: for logs, never for an answer.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Message + ": " + e.cause.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Because returns a copy of e that carries cause, for the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Errorf makes an Error of kind k. The formatted text is public.
func Errorf(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

// Invalidf makes an Invalid error about field.
func Invalidf(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// AsError returns err as an *Error; anything that is not one becomes Internal with err as its cause. It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return (&Error{Kind: Internal, Message: "An internal error occurred. The log has its cause under this request-id."}).Because(err)
}

// KindOf returns the Kind of err; Internal for any error that is not an *Error, nil included: ask for nil first.
func KindOf(err error) Kind {
	if e := AsError(err); e != nil {
		return e.Kind
	}
	return Internal
}
