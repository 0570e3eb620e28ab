package edge

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Failure is an error in the words of Microsoft Graph, which the Graph surface and Patchbay's own share: a status, a code
// and a message that is never empty (contract 3.1).
type Failure struct {
	Status     int
	Code       string
	Message    string
	RetryAfter time.Duration // 0: none
	Cause      error         // for the log; nil if the message says it all
}

// coded is a status and the Graph code that goes with it.
type coded struct {
	status int
	code   string
}

// kinds is the bridge from the domain's kinds of failure to HTTP and Graph (contract 3.1). Every Kind has its row.
var kinds = map[apiconn.Kind]coded{
	apiconn.Internal:        {http.StatusInternalServerError, "InternalServerError"},
	apiconn.Invalid:         {http.StatusBadRequest, "BadRequest"},
	apiconn.NotFound:        {http.StatusNotFound, "ResourceNotFound"},
	apiconn.Conflict:        {http.StatusConflict, "Conflict"},
	apiconn.Stale:           {http.StatusPreconditionFailed, "PreconditionFailed"},
	apiconn.Unauthenticated: {http.StatusUnauthorized, "InvalidAuthenticationToken"},
	apiconn.Forbidden:       {http.StatusForbidden, "Authorization_RequestDenied"},
	apiconn.Throttled:       {http.StatusTooManyRequests, "TooManyRequests"},
	apiconn.Upstream:        {http.StatusServiceUnavailable, "ServiceUnavailable"},
}

// reasons are the failures for which the live service was seen with a code of its own (contract 2.7 and 3.1).
var reasons = map[apiconn.Reason]coded{
	apiconn.ReasonPKCS12Password:      {http.StatusBadRequest, "AADB2C90213"},
	apiconn.ReasonRequired:            {http.StatusBadRequest, "AADB2C"},
	apiconn.ReasonUnknownProperty:     {http.StatusBadRequest, "RequestBodyRead"},
	apiconn.ReasonWrongType:           {http.StatusBadRequest, "RequestBodyRead"},
	apiconn.ReasonConnectorPermission: {http.StatusForbidden, "AADB2C"},
	apiconn.ReasonIdempotencyMismatch: {http.StatusUnprocessableEntity, "UnprocessableEntity"},
}

// bodies are the failures of reading a body at all (contract 3.1 and 3.7).
var bodies = []struct {
	err error
	coded
	message string
}{
	{ErrBodyTooLarge, coded{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge"}, "The request body is larger than this service accepts, as sent or once decompressed. Send a smaller one."},
	{ErrEncodingUnsupported, coded{http.StatusUnsupportedMediaType, "UnsupportedMediaType"}, "The Content-Encoding of the request is not supported. Send the body as it is, or with gzip."},
	{ErrBodyUnreadable, coded{http.StatusBadRequest, "BadRequest"}, "Unable to read the request body. Check that its Content-Encoding is what the header says."},
}

// FailureOf turns any error into Graph's words. What it does not know is a fault of ours, told without a detail.
func FailureOf(err error) Failure {
	for _, b := range bodies {
		if errors.Is(err, b.err) {
			return Failure{Status: b.status, Code: b.code, Message: b.message, Cause: err}
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Failure{
			Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", RetryAfter: time.Second, Cause: err,
			Message: "The request could not be finished in time and may not have been carried out. Try again.",
		}
	}
	e := apiconn.AsError(err)
	c, ok := reasons[e.Reason]
	if !ok {
		c = kinds[e.Kind]
	}
	return Failure{Status: c.status, Code: c.code, Message: e.Message, RetryAfter: e.RetryAfter, Cause: e.Unwrap()}
}

// InnerError is the names and values of the innerError that an answer with code has, in their order: the ids to find it by.
// CPIM, the engine behind the connector family, puts a correlationId before them (contract 2.7).
func InnerError(code, requestID, clientRequestID string, now time.Time) [][2]string {
	var inner [][2]string
	if strings.HasPrefix(code, "AADB2C") {
		inner = append(inner, [2]string{"correlationId", requestID})
	}
	return append(inner,
		[2]string{"date", now.UTC().Format("2006-01-02T15:04:05")},
		[2]string{"request-id", requestID},
		[2]string{"client-request-id", clientRequestID},
	)
}
