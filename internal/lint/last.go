package lint

import (
	"context"
	"fmt"
	"time"
)

// lastProbes look back on the calls before them.
var lastProbes = []question{
	{"one connection for two calls", (*session).keepAlive},
	{"the slowest answer", (*session).latency},
	{"the largest answer", (*session).size},
}

// muchForAnAnswer is the size of an answer, in octets, that no set of claims needs.
const muchForAnAnswer = 64 << 10

func (s *session) keepAlive(ctx context.Context, p probe) Check {
	const connector = "lint/keep-alive"
	defer s.Client.Forget(connector, "")
	first := s.send(ctx, p, s.request(p), call{connector: connector})
	second := s.send(ctx, p, s.request(p), call{connector: connector})
	switch {
	case !first.answered():
		return judged(first)
	case !second.answered():
		return judged(second)
	case !second.attempt().Reused:
		return Check{
			Verdict: Warning, Detail: "the endpoint ends the connection after each answer",
			Advice: "Keep connections open for a minute or so: a handshake costs a user more than the answer.",
		}
	}
	return Check{Verdict: Accepted, Detail: "the second call took " + round(second.attempt().Took).String()}
}

func (s *session) latency(context.Context, probe) Check {
	c := Check{Verdict: Accepted, Detail: fmt.Sprintf("%s of %s, at %q", round(s.slowest), s.Budget, s.slowestName)}
	if s.slowest > s.Budget/2 {
		c.Verdict = Warning
		c.Advice = "More than half of the budget leaves no time for a retry. Answer faster, or raise the connector's budget."
	}
	return c
}

func (s *session) size(context.Context, probe) Check {
	c := Check{Verdict: Accepted, Detail: fmt.Sprintf("%d octets", s.largest)}
	if s.largest > muchForAnAnswer {
		c.Verdict = Warning
		c.Advice = "Answer the claims that the flow uses and nothing else."
	}
	return c
}

// round is a duration for people.
func round(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}
