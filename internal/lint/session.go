package lint

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/outbound"
	"github.com/patchbay/patchbay/internal/signup"
)

// session is one run, with what its probes have seen so far.
type session struct {
	Options
	calls       int
	unreachable bool // the first call got no answer at all

	slowest     time.Duration // answer to a complete call
	slowestName string
	largest     int64 // answer, in octets
	first       apiconn.Attempt
	usual       apiconn.DecisionReason // of the first call: what a probe finds too is not of its making
}

// outcome is an answer with what Patchbay makes of it.
type outcome struct {
	result  outbound.Result
	verdict signup.Verdict
}

// attempt is the try that was made; the zero value if none was.
func (o outcome) attempt() apiconn.Attempt {
	if len(o.result.Attempts) == 0 {
		return apiconn.Attempt{}
	}
	return o.result.Attempts[len(o.result.Attempts)-1]
}

// answered tells whether an answer came whole.
func (o outcome) answered() bool { return o.result.Reason == "" }

// call is a call that the outbound client can make. Its zero value is one on a connection of its own with the session's
// credential.
type call struct {
	credential *outbound.Credential // nil: the session's
	anonymous  bool
	url        string // "": the session's
	invocation string // "": a new one
	connector  string // "": one of its own, so that the call shares neither a connection nor a circuit
}

// send makes one call for a step, without a retry: a fault that a retry would hide is what is looked for.
func (s *session) send(ctx context.Context, p probe, r signup.Request, c call) outcome {
	body, err := s.encode(p, r)
	if err != nil { // the claims are ours
		return outcome{result: outbound.Result{Reason: apiconn.ReasonInterrupted, Detail: err.Error()}}
	}
	s.calls++
	own := c.connector == ""
	if own {
		c.connector = fmt.Sprintf("lint/%d", s.calls)
		defer s.Client.Forget(c.connector, "")
	}
	if c.invocation == "" {
		c.invocation = uuid.NewString()
	}
	stranger := c.anonymous || c.credential != nil
	if c.credential == nil {
		c.credential = &s.Credential
	}
	if c.anonymous || s.open() {
		c.anonymous, c.credential = true, &outbound.Credential{Version: "none"}
	}
	if c.url == "" {
		c.url = s.URL
	}
	began := time.Now()
	o := outcome{result: s.Client.Do(ctx, outbound.Call{
		Connector: c.connector, URL: c.url, Body: body, Credential: *c.credential, Anonymous: c.anonymous, InvocationID: c.invocation,
		Settings: apiconn.CallSettings{Budget: s.Budget, Attempts: 1, AttemptTimeout: s.Budget}, Began: began, Deadline: began.Add(s.Budget),
	})}
	if o.answered() {
		o.verdict = signup.Judge(p.step, r.Claims, s.ExtensionsApp, signup.Answer{Status: o.result.Status, ContentType: o.result.ContentType, Body: o.result.Body})
		if !stranger {
			s.measure(p, time.Since(began), o.attempt().Octets)
		}
	}
	return o
}

// encode is what a step at the place of p sends.
func (s *session) encode(p probe, r signup.Request) ([]byte, error) {
	return signup.Encode(p.step, p.kind, s.ExtensionsApp, r)
}

// measure remembers the extremes, for the checks at the end.
func (s *session) measure(p probe, took time.Duration, octets int64) {
	if took > s.slowest {
		s.slowest, s.slowestName = took, p.name
	}
	s.largest = max(s.largest, octets)
}

// open tells whether the session has no credential.
func (s *session) open() bool {
	return s.Credential.Certificate == nil && s.Credential.Username == "" && s.Credential.Password.Empty()
}

// keyed returns the URL without its query, and whether it had one: an API key may stand there.
func (s *session) keyed() (without string, had bool) {
	u, err := url.Parse(s.URL)
	if err != nil || u.RawQuery == "" {
		return s.URL, false
	}
	u.RawQuery = ""
	return u.String(), true
}

// judged is the check of an answer that should be one of the contract's.
func judged(o outcome) Check {
	if !o.answered() {
		return Check{Verdict: Wrong, Action: apiconn.Failed, Reason: o.result.Reason, Detail: o.result.Detail}
	}
	return weighed(o.verdict)
}

// weighed is the check of an answer that came whole.
func weighed(v signup.Verdict) Check {
	c := Check{Verdict: Accepted, Action: v.Action, Reason: v.Reason, Detail: v.Detail}
	switch {
	case v.Action == apiconn.Failed:
		c.Verdict = Wrong
	case len(v.Notes) > 0:
		c.Verdict, c.Reason, c.Detail = Warning, v.Notes[0].Reason, noted(v.Notes)
	default:
		c.Detail = found(v) // the verdict's own says no more than the action
	}
	return c
}

// found says what a decision brings.
func found(v signup.Verdict) string {
	switch {
	case v.Action != apiconn.Continue:
		return "with a message for the user"
	case len(v.Claims) == 1:
		return "with one claim"
	case len(v.Claims) > 0:
		return fmt.Sprintf("with %d claims", len(v.Claims))
	}
	return ""
}

// plain is an error's text without the URL, whose query may hold a key.
func plain(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err.Error()
}
