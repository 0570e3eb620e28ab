package client

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Error is a refusal by the service or by the token authority.
type Error struct {
	Status    int
	Code      string // Graph's code, or the authority's error; "" if the answer has none
	Message   string // a sentence for people
	RequestID string // by which the service's log names the request; "" if it is not known
	Body      []byte // the answer as it came
	Token     bool   // it was the authority that refused, and no token was had
}

// Error says what went wrong, and what to quote when asking about it.
func (e *Error) Error() string {
	text := e.Message
	if text == "" {
		text = fmt.Sprintf("the service answered %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Code != "" {
		text += " (" + e.Code
		if e.RequestID != "" {
			text += ", request-id " + e.RequestID
		}
		text += ")"
	}
	return text
}

// refusal reads an answer that is none of success: Graph's form of an error, or OAuth's.
func refusal(res *Response) *Error {
	e := &Error{Status: res.Status, RequestID: res.Header.Get("Request-Id"), Body: res.Body}
	var graph struct {
		Error struct {
			Code       string `json:"code"`
			Message    string `json:"message"`
			InnerError struct {
				RequestID string `json:"request-id"`
			} `json:"innerError"`
		} `json:"error"`
	}
	if json.Unmarshal(res.Body, &graph) == nil && (graph.Error.Code != "" || graph.Error.Message != "") {
		e.Code, e.Message = graph.Error.Code, graph.Error.Message
		if e.RequestID == "" {
			e.RequestID = graph.Error.InnerError.RequestID
		}
		return e
	}
	var oauth struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(res.Body, &oauth) == nil {
		e.Code, e.Message = oauth.Error, oauth.Description
	}
	if res.Status < http.StatusBadRequest {
		e.Message = fmt.Sprintf("the service answered with a redirect (%d), which is not followed: check the URL", res.Status)
	}
	return e
}
