package lint

import (
	"bytes"
	"context"
	"slices"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/signup"
)

// The groups of probes, in the order in which they are made.
const (
	groupReach       = "reach"
	groupContract    = "contract"
	groupCredentials = "credentials"
	groupHTTP        = "http"
	groupTLS         = "tls"
	groupTime        = "time and size"
)

// probe is one question to an endpoint.
type probe struct {
	group, name string
	kind        apiconn.UserFlowKind
	step        apiconn.Step
	first       bool // without an answer to it there is no point in going on
	run         func(context.Context, *session) Check
}

// probes are those that the options ask for. What does not depend on the step is asked at the main one.
func (s *session) probes() []probe {
	main := s.mainStep()
	reach := main
	reach.group, reach.name, reach.first = groupReach, "a call like that of a step", true
	reach.run = func(ctx context.Context, s *session) Check { return s.reach(ctx, reach) }
	out := []probe{reach}
	for _, at := range s.places() {
		for _, v := range variants {
			if v.everywhere || at.kind == main.kind && at.step.Name == main.step.Name {
				out = append(out, at.contract(v))
			}
		}
	}
	ask := func(group, name string, run func(*session, context.Context, probe) Check) {
		p := main
		p.group, p.name = group, name
		p.run = func(ctx context.Context, s *session) Check { return run(s, ctx, p) }
		if group != groupContract {
			p.run, p.kind, p.step = func(ctx context.Context, s *session) Check { return run(s, ctx, p.at(main)) }, "", apiconn.Step{}
		}
		out = append(out, p)
	}
	ask(groupContract, "the same invocation twice", (*session).twice)
	for _, row := range s.credentialProbes() {
		ask(groupCredentials, row.name, row.run)
	}
	for _, row := range httpProbes {
		ask(groupHTTP, row.name, row.run)
	}
	if !s.plainHTTP() {
		for _, row := range s.tlsProbes() {
			ask(groupTLS, row.name, row.run)
		}
	}
	for _, row := range lastProbes {
		ask(groupTime, row.name, row.run)
	}
	return out
}

// question is a row of a table of probes.
type question struct {
	name string
	run  func(*session, context.Context, probe) Check
}

// at returns p at the place of other.
func (p probe) at(other probe) probe {
	p.kind, p.step = other.kind, other.step
	return p
}

// places are the steps of the kinds that the options name.
func (s *session) places() []probe {
	var out []probe
	for _, kind := range s.Kinds {
		for _, step := range s.Steps {
			if has(kind, step) {
				out = append(out, probe{kind: kind, step: step})
			}
		}
	}
	return out
}

// mainStep is where a connector may answer most.
func (s *session) mainStep() probe {
	return slices.MaxFunc(s.places(), func(a, b probe) int { return len(a.step.Answers) - len(b.step.Answers) })
}

// contract is the probe that sends a variant of the claims.
func (p probe) contract(v variant) probe {
	p.group, p.name = groupContract, v.name
	p.run = func(ctx context.Context, s *session) Check {
		r := s.request(p)
		v.change(&r)
		o := s.send(ctx, p, r, call{})
		c := judged(o)
		if v.weigh != nil {
			c = v.weigh(o, c)
		}
		return c
	}
	return p
}

// reach is the first call: everything about the way to the endpoint goes wrong here or nowhere.
func (s *session) reach(ctx context.Context, p probe) Check {
	o := s.send(ctx, p, s.request(p), call{})
	c := judged(o)
	s.first = o.attempt()
	s.usual = c.Reason
	s.unreachable = !o.answered()
	switch {
	case c.Reason == apiconn.ReasonAddressBlocked:
		c.Advice = "Allow the network and port as an exception of the address guard, such as 127.0.0.0/8; `patchbay lint` has --allow for it."
	case o.answered() && c.Verdict == Accepted:
		c.Detail = "at " + s.first.Address + " over " + s.first.Protocol
		if s.first.TLS.Version != "" {
			c.Detail += ", " + s.first.TLS.Version + " with " + s.first.TLS.CipherSuite
		}
	}
	return c
}

// twice delivers one call two times, as a retry does: the decision must be the same.
func (s *session) twice(ctx context.Context, p probe) Check {
	r := s.request(p)
	id := newID()
	first := s.send(ctx, p, r, call{invocation: id})
	second := s.send(ctx, p, r, call{invocation: id})
	for _, o := range []outcome{first, second} {
		if c := judged(o); c.Verdict == Wrong {
			return c
		}
	}
	a, b := first.verdict, second.verdict
	c := Check{Verdict: Accepted, Action: b.Action, Reason: b.Reason, Detail: "the decision was the same"}
	switch {
	case a.Action != b.Action:
		c.Verdict, c.Detail = Wrong, "first "+string(a.Action)+", then "+string(b.Action)
		c.Advice = "A retry repeats a call with the same Patchbay-Invocation-Id. Remember the decision by it, or decide by the claims alone."
	case a.UserMessage != b.UserMessage || !sameClaims(a.Claims, b.Claims):
		c.Verdict, c.Detail = Warning, "the same action with other claims or another message"
		c.Advice = "A retry repeats a call with the same Patchbay-Invocation-Id. What is made anew for each delivery, such as a customer number, is made twice."
	}
	return c
}

// sameClaims compares what two answers set.
func sameClaims(a, b apiconn.Claims) bool {
	return bytes.Equal(signup.AppendClaims(nil, a), signup.AppendClaims(nil, b))
}
