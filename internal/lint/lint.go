package lint

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/guard"
	"github.com/patchbay/patchbay/internal/outbound"
)

// Verdict is what a check came to.
type Verdict string

// The verdicts.
const (
	Accepted Verdict = "accepted" // Patchbay would obey the answer, or the endpoint can do what it should
	Refused  Verdict = "refused"  // the endpoint refuses what it should refuse
	Warning  Verdict = "warning"  // it works, and somebody will regret it
	Wrong    Verdict = "wrong"    // a sign-up would fail, or a stranger is let in
)

// Check is the outcome of one probe.
type Check struct {
	Group, Name string
	Kind        apiconn.UserFlowKind // "" when it is not about a step
	Step        string

	Verdict Verdict
	Action  apiconn.Action         // what a sign-up would have to do; "" when there was nothing to decide
	Reason  apiconn.DecisionReason // the rule behind it
	Detail  string                 // what was found, for people
	Advice  string                 // what to do about it, "" if nothing
	Took    time.Duration
}

// Summary counts the verdicts.
type Summary struct {
	Accepted, Refused, Warnings, Wrong int
	Stopped                            bool // the endpoint could not be reached, so the other probes were not made
	Took                               time.Duration
}

// OK tells whether nothing is wrong.
func (s Summary) OK() bool { return s.Wrong == 0 && !s.Stopped }

func (s *Summary) count(v Verdict) {
	switch v {
	case Accepted:
		s.Accepted++
	case Refused:
		s.Refused++
	case Warning:
		s.Warnings++
	default:
		s.Wrong++
	}
}

// Options says what is examined and how.
type Options struct {
	URL           string
	Credential    outbound.Credential    // the zero value: none
	Kinds         []apiconn.UserFlowKind // none: B2X
	Steps         []apiconn.Step         // none: every step that the kind has
	Budget        time.Duration          // that a step has; 0: that of ProfileEntra
	ExtensionsApp string                 // whose attributes are sent, 32 hex digits; "": one that is made up

	Client    *outbound.Client
	Guard     *guard.Guard   // the same that Client has
	Roots     *x509.CertPool // the same that Client has; nil: the system's
	Resolver  *net.Resolver  // the same that Client has; nil: Go's own
	AllowHTTP bool           // the same that Client has

	SlowRequest time.Duration // how long the slow request takes to send; 0: a second
	Now         func() time.Time
}

// madeUpApp is the extensions app of attributes when the caller names none.
const madeUpApp = "3f2504e04f8941d39a0c0305e82c3301"

// defaultSlowRequest is how long sending the slow request takes.
const defaultSlowRequest = time.Second

// resolved checks the options and fills in what was left out.
func (o Options) resolved() (Options, error) {
	if o.Client == nil {
		return o, errors.New("lint needs a client")
	}
	if err := apiconn.ValidateTargetURL(o.URL, o.AllowHTTP); err != nil {
		return o, err
	}
	if len(o.Kinds) == 0 {
		o.Kinds = []apiconn.UserFlowKind{apiconn.B2X}
	}
	if len(o.Steps) == 0 {
		o.Steps = apiconn.Steps
	}
	if !slices.ContainsFunc(o.Kinds, func(k apiconn.UserFlowKind) bool {
		return slices.ContainsFunc(o.Steps, func(s apiconn.Step) bool { return has(k, s) })
	}) {
		return o, errors.New("flows of this kind have none of these steps")
	}
	if o.Budget == 0 {
		o.Budget = apiconn.CallProfiles[apiconn.ProfileEntra].Budget
	}
	if o.Budget < apiconn.MinBudget || o.Budget > apiconn.MaxBudget {
		return o, errors.New("a budget is from " + apiconn.MinBudget.String() + " to " + apiconn.MaxBudget.String())
	}
	if o.ExtensionsApp == "" {
		o.ExtensionsApp = madeUpApp
	}
	if o.SlowRequest <= 0 {
		o.SlowRequest = defaultSlowRequest
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// Check says what is wrong with the options, nil if nothing is.
func (o Options) Check() error {
	_, err := o.resolved()
	return err
}

// has tells whether flows of the kind come to the step: the third is a preview of Azure AD B2C (runtime contract 5.1).
func has(kind apiconn.UserFlowKind, step apiconn.Step) bool {
	return kind == apiconn.B2C || !step.BetaOnly
}

// Run makes every probe in turn and reports each as soon as it is there. An error means that the options make no sense
// or ctx ended; whatever is wrong with the endpoint is a check.
func Run(ctx context.Context, o Options, report func(Check)) (Summary, error) {
	o, err := o.resolved()
	if err != nil {
		return Summary{}, err
	}
	began := time.Now()
	s := &session{Options: o}
	var sum Summary
	for _, p := range s.probes() {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		started := time.Now()
		c := p.run(ctx, s)
		c.Group, c.Name, c.Kind, c.Step, c.Took = p.group, p.name, p.kind, p.step.Name, time.Since(started)
		if c.Advice == "" && c.Verdict != Accepted && c.Verdict != Refused {
			c.Advice = advice(c.Reason)
		}
		if err := ctx.Err(); err != nil { // what came of the probe says nothing about the endpoint
			return sum, err
		}
		sum.count(c.Verdict)
		report(c)
		if p.first && s.unreachable {
			sum.Stopped = true
			break
		}
	}
	sum.Took = time.Since(began)
	return sum, nil
}
