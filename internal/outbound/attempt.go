package outbound

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// maxContentType bounds what is kept of a header that may be as long as the target likes.
const maxContentType = 256

// tries makes attempts until one has an answer that stands, none is left, or the time is up.
func (c *Client) tries(ctx context.Context, call Call, to target, p *pool) Result {
	var result Result
	spare := true
	for {
		a, body := c.attempt(ctx, call, to, p, &spare)
		result.Attempts = append(result.Attempts, a)
		result.Reason, result.Detail = a.Reason, a.Detail
		result.Status, result.ContentType, result.Body = 0, "", nil
		if a.Reason == "" {
			result.Status, result.ContentType, result.Body = a.Status, a.ContentType, body
		}
		c.report(ctx, call, to, len(result.Attempts), a)
		pause, again := retryAfter(call, len(result.Attempts), a)
		if !again || ctx.Err() != nil {
			return result
		}
		if !rest(ctx, pause) {
			result.Reason, result.Detail = apiconn.ReasonInterrupted, describe(apiconn.ReasonInterrupted, "", to.host, a)
			result.Status, result.ContentType, result.Body = 0, "", nil
			return result
		}
	}
}

// rest waits, unless the caller leaves.
func rest(ctx context.Context, pause time.Duration) bool {
	if pause <= 0 {
		return true
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt makes one attempt. spare is whether a connection that died at rest may still be replaced without its counting
// as an attempt: once in a call, so that a target that hangs up on a request gets it no more often than is allowed.
func (c *Client) attempt(ctx context.Context, call Call, to target, p *pool, spare *bool) (apiconn.Attempt, []byte) {
	began := time.Now()
	deadline := began.Add(call.Settings.AttemptTimeout)
	if call.Deadline.Before(deadline) {
		deadline = call.Deadline
	}
	a := apiconn.Attempt{Started: began.Sub(call.Began)}
	r := newRecorder(began, deadline)
	own, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	fail := func(err error) {
		reason, cause := classify(ctx, own, err, r)
		r.finish(&a)
		a.Reason, a.Detail = reason, describe(reason, cause, to.host, a)
	}
	resp, err := p.transport.RoundTrip(c.request(r.trace(own), call, to))
	if err != nil && *spare && own.Err() == nil && r.died() {
		*spare = false
		r.again()
		p.transport.CloseIdleConnections() // those that are left were closed by the same server, very likely
		resp, err = p.transport.RoundTrip(c.request(r.trace(own), call, to))
	}
	if err != nil {
		fail(err)
		return a, nil
	}
	defer func() { _ = resp.Body.Close() }() // all of it was read, or the connection goes
	r.begin(apiconn.PhaseBody)
	a.Status, a.Protocol, a.ContentType = resp.StatusCode, resp.Proto, resp.Header.Get("Content-Type")
	if len(a.ContentType) > maxContentType {
		a.ContentType = a.ContentType[:maxContentType]
	}
	a.RetryAfter = parseRetryAfter(resp.Header.Get("Retry-After"), c.now())
	body, octets, err := readAnswer(resp, c.maxAnswer)
	a.Octets = octets
	if err != nil {
		fail(err)
		return a, nil
	}
	r.finish(&a)
	return a, body
}

// request makes the request of an attempt.
func (c *Client) request(ctx context.Context, call Call, to target) *http.Request {
	u := *to.url
	content := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(call.Body)), nil }
	body, _ := content()
	req := (&http.Request{
		Method: http.MethodPost, URL: &u, Host: u.Host, ContentLength: int64(len(call.Body)), Body: body, GetBody: content,
		Header: http.Header{
			"Content-Type":           {"application/json"},
			"Accept":                 {"application/json"},
			"Accept-Encoding":        {"gzip"},
			"User-Agent":             {c.userAgent},
			"Patchbay-Invocation-Id": {call.InvocationID},
		},
	}).WithContext(ctx)
	if call.TraceParent != "" {
		req.Header.Set("Traceparent", call.TraceParent)
	}
	if s := call.Credential; !call.Anonymous && s.Certificate == nil && (s.Username != "" || !s.Password.Empty()) {
		req.SetBasicAuth(s.Username, string(s.Password.Reveal()))
	}
	return req
}

// report writes the line of an attempt.
func (c *Client) report(ctx context.Context, call Call, to target, number int, a apiconn.Attempt) {
	level := slog.LevelInfo
	if a.Reason != "" {
		level = slog.LevelWarn
	}
	c.log.LogAttrs(ctx, level, "call",
		slog.String("connector", call.Connector), slog.String("invocation_id", call.InvocationID), slog.Int("attempt", number),
		slog.String("host", to.host), slog.String("address", a.Address), slog.Bool("reused", a.Reused),
		slog.Int("status", a.Status), slog.String("reason", string(a.Reason)), slog.Duration("took", a.Took))
}
