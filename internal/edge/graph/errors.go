package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/odata"
)

// problem is a failure in Graph's own words: what an error of any room becomes before it is written.
type problem struct {
	status     int
	code       string
	message    string
	retryAfter time.Duration
	header     http.Header // of its own, e.g. Allow or WWW-Authenticate
	cause      error       // for the log
}

func (p *problem) Error() string {
	if p.cause != nil {
		return p.code + ": " + p.message + ": " + p.cause.Error()
	}
	return p.code + ": " + p.message
}

func (p *problem) Unwrap() error { return p.cause }

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
	{edge.ErrBodyTooLarge, coded{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge"}, "The request body is larger than this service accepts, as sent or once decompressed. Send a smaller one."},
	{edge.ErrEncodingUnsupported, coded{http.StatusUnsupportedMediaType, "UnsupportedMediaType"}, "The Content-Encoding of the request is not supported. Send the body as it is, or with gzip."},
	{edge.ErrBodyUnreadable, coded{http.StatusBadRequest, "BadRequest"}, "Unable to read the request body. Check that its Content-Encoding is what the header says."},
}

// queries are the codes of the query options' failures; anything else is BadRequest.
var queries = map[odata.Problem]string{
	odata.Unsupported: "Request_UnsupportedQuery",
	odata.Limit:       "Request_BadRequest",
}

// asProblem turns any error into Graph's words. What it does not know is a fault of ours, told without a detail.
func asProblem(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*odata.Error](err); ok {
		code, found := queries[e.Problem]
		if !found {
			code = "BadRequest"
		}
		return &problem{status: http.StatusBadRequest, code: code, message: e.Message}
	}
	for _, b := range bodies {
		if errors.Is(err, b.err) {
			return &problem{status: b.status, code: b.code, message: b.message, cause: err}
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &problem{
			status: http.StatusServiceUnavailable, code: "ServiceUnavailable", retryAfter: time.Second, cause: err,
			message: "The request could not be finished in time and may not have been carried out. Try again.",
		}
	}
	e := apiconn.AsError(err)
	c, ok := reasons[e.Reason]
	if !ok {
		c = kinds[e.Kind]
	}
	return &problem{status: c.status, code: c.code, message: e.Message, retryAfter: e.RetryAfter, cause: e.Unwrap()}
}

// forLog is err as the log may have it. What is wrong with a query is told in words of the query, and a $filter may hold
// a targetUrl with its key.
func forLog(err error) error {
	if e, ok := errors.AsType[*odata.Error](err); ok {
		return fmt.Errorf("%s: %s", cmp.Or(e.Option, "the body"), e.Problem)
	}
	return err
}

// segmentNotFound is Graph's answer to a path segment that does not exist, a resource absent from this cloud included.
func segmentNotFound(name string) *problem {
	return &problem{status: http.StatusBadRequest, code: "BadRequest", message: "Resource not found for the segment '" + clip(name) + "'."}
}

// badRequest is a 400 with the general code.
func badRequest(message string) *problem {
	return &problem{status: http.StatusBadRequest, code: "BadRequest", message: message}
}

// envelope is the error body of contract 3.1: the code, a message that is never null, and the ids to find it by. CPIM,
// the engine behind this family, puts a correlationId before them (contract 2.7).
func (p *problem) envelope(requestID, clientRequestID string, now time.Time) []byte {
	inner := make([]odata.Property, 0, 4)
	if strings.HasPrefix(p.code, "AADB2C") {
		inner = append(inner, odata.Property{Name: "correlationId", Value: odata.String(requestID)})
	}
	inner = append(inner,
		odata.Property{Name: "date", Value: odata.String(now.UTC().Format("2006-01-02T15:04:05"))},
		odata.Property{Name: "request-id", Value: odata.String(requestID)},
		odata.Property{Name: "client-request-id", Value: odata.String(clientRequestID)},
	)
	return object(odata.Property{Name: "error", Value: odata.Complex{Properties: []odata.Property{
		{Name: "code", Value: odata.String(p.code)},
		{Name: "message", Value: odata.String(p.message)},
		{Name: "innerError", Value: odata.Complex{Properties: inner}},
	}}})
}

// object is a JSON object that is no entity: no control information is added.
func object(properties ...odata.Property) []byte {
	return odata.AppendEntity(nil, odata.Entity{Properties: properties}, odata.Format{})
}
