package lint

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// httpProbes are the same for every endpoint.
var httpProbes = []question{
	{"HTTP/1.1", (*session).http1},
	{"HTTP/2", (*session).http2},
	{"Content-Type: application/json; charset=utf-8", contentType("application/json; charset=utf-8")},
	{"Content-Type: application/json;charset=UTF-8", contentType("application/json;charset=UTF-8")},
	{"Accept-Encoding: gzip", (*session).compressed},
	{"Accept-Encoding: identity", (*session).uncompressed},
	{"a slow request", (*session).slowRequest},
	{"GET", (*session).get},
	{"a body that is no JSON", nonsense(`{"email":"lint.probe@example.org",`)},
	{"a body that is no object", nonsense(`["lint.probe@example.org"]`)},
	{"no body", nonsense("")},
}

// works is the check of a request that should be answered as a call is.
func (s *session) works(ctx context.Context, p probe, r request) (answer, Check) {
	body, err := s.body(p)
	if err != nil {
		return answer{}, Check{Verdict: Wrong, Detail: err.Error()}
	}
	r.body = body
	a, err := s.ask(ctx, r)
	if err != nil {
		return answer{}, Check{Verdict: Wrong, Action: apiconn.Failed, Detail: "not answered: " + plain(err)}
	}
	return a, a.check(s, p)
}

func (s *session) http1(ctx context.Context, p probe) Check {
	_, c := s.works(ctx, p, request{})
	return c
}

func (s *session) http2(ctx context.Context, p probe) Check {
	if !s.plainHTTP() {
		state, _, err := s.handshake(ctx, func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} })
		if err != nil {
			return Check{Verdict: Wrong, Detail: plain(err)}
		}
		if state.NegotiatedProtocol == "h2" {
			_, c := s.works(ctx, p, request{http2: true})
			return c
		}
	}
	return Check{Verdict: Accepted, Detail: "not offered; calls go over HTTP/1.1"}
}

func contentType(value string) func(*session, context.Context, probe) Check {
	return func(s *session, ctx context.Context, p probe) Check {
		_, c := s.works(ctx, p, request{contentType: value})
		if c.Verdict == Wrong && c.Reason != s.usual {
			c.Verdict = Warning
			c.Advice = "Patchbay sends application/json; others may add a charset. Read the media type without its parameters."
		}
		return c
	}
}

func (s *session) compressed(ctx context.Context, p probe) Check {
	a, c := s.works(ctx, p, request{encoding: "gzip"})
	switch {
	case !a.plain() && a.encoding != "gzip":
		return Check{
			Verdict: Wrong, Action: apiconn.Failed, Reason: apiconn.ReasonAnswerEncodingUnknown,
			Detail: fmt.Sprintf("asked for gzip, answered %.40q", a.encoding), Advice: "Compress with gzip or not at all.",
		}
	case c.Verdict == Wrong:
	case a.plain():
		c.Detail = "answered uncompressed"
	default:
		c.Detail = "answered compressed"
	}
	return c
}

// plain tells whether the answer is as it is.
func (a answer) plain() bool { return a.encoding == "" || a.encoding == "identity" }

func (s *session) uncompressed(ctx context.Context, p probe) Check {
	a, c := s.works(ctx, p, request{})
	if c.Verdict != Wrong && !a.plain() {
		c.Verdict, c.Detail = Warning, fmt.Sprintf("answered %.40q to a caller that does not ask for it", a.encoding)
		c.Advice = "Compress only for callers that send Accept-Encoding (RFC 9110 section 12.5.3); the original may not."
	}
	return c
}

// slowParts is in how many parts the body of the slow request is sent.
const slowParts = 4

// slowRequest sends the headers at once and the body bit by bit, as through a bad network.
func (s *session) slowRequest(ctx context.Context, p probe) Check {
	body, err := s.body(p)
	if err != nil {
		return Check{Verdict: Wrong, Detail: err.Error()}
	}
	a, err := s.trickle(ctx, body)
	if err != nil {
		return Check{
			Verdict: Warning, Detail: "not answered: " + plain(err),
			Advice: "Wait for the whole request as long as a caller may take, some seconds at the least.",
		}
	}
	c := a.check(s, p)
	if c.Verdict == Accepted {
		c.Detail = fmt.Sprintf("sent in %s", s.SlowRequest)
	}
	return c
}

// trickle is ask with pauses.
func (s *session) trickle(ctx context.Context, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Budget)
	defer cancel()
	req, err := s.make(ctx, request{body: body})
	if err != nil {
		return answer{}, err
	}
	req.Close = true
	var whole bytes.Buffer
	if err := req.Write(&whole); err != nil {
		return answer{}, err
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	text := whole.Bytes()
	head, rest := text[:len(text)-len(body)], text[len(text)-len(body):]
	if _, err := conn.Write(head); err != nil {
		return answer{}, err
	}
	pause := time.NewTicker(s.SlowRequest / slowParts)
	defer pause.Stop()
	for part := range slowParts {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return answer{}, ctx.Err()
		}
		if _, err := conn.Write(rest[len(rest)*part/slowParts : len(rest)*(part+1)/slowParts]); err != nil {
			return answer{}, err
		}
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	return read(res)
}

// dial opens a connection over which HTTP/1.1 can be spoken.
func (s *session) dial(ctx context.Context) (net.Conn, error) {
	if !s.plainHTTP() {
		return s.dialTLS(ctx, nil)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return s.dialer().DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
}

func (s *session) get(ctx context.Context, p probe) Check {
	a, err := s.ask(ctx, request{method: http.MethodGet})
	if err != nil {
		return Check{Verdict: Warning, Detail: plain(err), Advice: "Answer 405 to methods other than POST."}
	}
	return a.orderly(s, p, "Answer 405 to methods other than POST.")
}

func nonsense(body string) func(*session, context.Context, probe) Check {
	return func(s *session, ctx context.Context, p probe) Check {
		const advice = "Answer 400, without an action, to a body that is no JSON object."
		a, err := s.ask(ctx, request{body: []byte(body)})
		if err != nil {
			return Check{Verdict: Warning, Detail: plain(err), Advice: advice}
		}
		return a.orderly(s, p, advice)
	}
}

// orderly is the check of an answer that should be a refusal of something that is no call.
func (a answer) orderly(s *session, p probe, advice string) Check {
	c := Check{Verdict: Refused, Detail: statusText(a.status)}
	switch v := a.verdict(s, p); {
	case v.Action == apiconn.Continue:
		c.Verdict, c.Action, c.Detail, c.Advice = Wrong, v.Action, "answered Continue to what is no call", advice
	case v.Action != apiconn.Failed:
		c.Verdict, c.Action, c.Detail, c.Advice = Warning, v.Action, "answered "+string(v.Action)+" to what is no call", advice
	case a.status < 400:
		c.Verdict, c.Advice = Warning, advice
	case a.status >= 500:
		c.Verdict, c.Detail, c.Advice = Warning, "it falls over: "+c.Detail, advice
	}
	return c
}
