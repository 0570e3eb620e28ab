package graph

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

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
	f := edge.FailureOf(err)
	return &problem{status: f.Status, code: f.Code, message: f.Message, retryAfter: f.RetryAfter, cause: f.Cause}
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

// envelope is the error body of contract 3.1: the code, a message that is never null, and the ids to find it by.
func (p *problem) envelope(requestID, clientRequestID string, now time.Time) []byte {
	var inner []odata.Property
	for _, member := range edge.InnerError(p.code, requestID, clientRequestID, now) {
		inner = append(inner, odata.Property{Name: member[0], Value: odata.String(member[1])})
	}
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
