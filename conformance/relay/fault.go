package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// fault is an answer that Relay gives instead of the server.
type fault struct {
	Path       string          `json:"path"`       // what the path begins with
	Method     string          `json:"method"`     // "": any
	Status     int             `json:"status"`     // 302 with a redirect, unless given
	RetryAfter *int            `json:"retryAfter"` // seconds
	Redirect   string          `json:"redirect"`   // Location
	Body       json.RawMessage `json:"body"`       // an error of Graph's form, unless given
	Times      int             `json:"times"`      // how often; negative: for ever
}

// readFault reads a fault and fills in what was not given.
func readFault(body io.Reader) (*fault, error) {
	f := &fault{Path: "/v1.0/", Times: 1}
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(f); err != nil {
		return nil, fmt.Errorf("this is no fault: %w", err)
	}
	if f.Redirect != "" {
		f.Status = cmp.Or(f.Status, http.StatusFound)
	}
	if f.Status < 200 || f.Status > 599 || f.Times == 0 {
		return nil, errors.New(`a fault has a "redirect" or a "status" from 200 to 599, and "times" other than 0`)
	}
	return f, nil
}

// concerns says whether the request is to meet the fault.
func (f *fault) concerns(req *http.Request) bool {
	return strings.HasPrefix(req.URL.Path, f.Path) && (f.Method == "" || strings.EqualFold(f.Method, req.Method))
}

// answer answers with the fault.
func (f *fault) answer(w http.ResponseWriter) {
	if f.RetryAfter != nil {
		w.Header().Set("Retry-After", strconv.Itoa(*f.RetryAfter))
	}
	if f.Redirect != "" {
		w.Header().Set("Location", f.Redirect)
	}
	answerJSON(w, f.Status, f.body())
}

func (f *fault) body() any {
	if len(f.Body) > 0 {
		return f.Body
	}
	return graphError(f.Status, "The relay of the conformance suites was asked for this answer.")
}

// graphError is an error as Graph answers it.
func graphError(status int, message string) any {
	code := strings.ReplaceAll(http.StatusText(status), " ", "")
	return map[string]any{"error": map[string]string{"code": code, "message": message}}
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if status != http.StatusNoContent && status != http.StatusNotModified {
		_ = json.NewEncoder(w).Encode(body) // the client may be gone
	}
}
