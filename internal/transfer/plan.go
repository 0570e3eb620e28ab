package transfer

import (
	"fmt"
	"strings"
)

// Action is what a step of a plan does.
type Action string

// The actions.
const (
	Create Action = "create"
	Change Action = "change"
	Delete Action = "delete"
	Same   Action = "same"
)

// The members that a plan speaks of, beside the steps of user flows and "call." with the name of a call setting.
const (
	memberName           = "displayName"
	memberURL            = "targetUrl"
	memberAuthentication = "authentication"
	memberUsername       = "username"
	memberPassword       = "password"
	memberPKCS12         = "pkcs12"
	memberType           = "userFlowType"
	prefixCall           = "call."
)

// Effect is one member that a step alters, for people; secrets are masked.
type Effect struct{ Member, Before, After string }

// Target is what a step of a user flow is to call.
type Target struct {
	ID    string // of a connector that exists; "" with Index -1: none
	Index int    // of the document's connector, which is made before; -1: none of them
}

// Step is one thing to do.
type Step struct {
	Action  Action
	IsFlow  bool   // of a user flow; else of a connector
	Name    string // for people
	ID      string // what is there has
	Index   int    // in the wanted document; -1 for what is deleted
	Effects []Effect

	SetProof bool              // send the whole authentication, secrets included
	Upload   bool              // add the certificate to those that are there
	Lacks    []string          // secrets that must be given first: password, pkcs12
	Targets  map[string]Target // of a user flow, by step
	CallNow  *CallSettings     // what is set of the connector that is there

	certificate bool // it proves itself by one
}

// Has tells whether the step alters a member.
func (s Step) Has(member string) bool {
	for _, e := range s.Effects {
		if e.Member == member {
			return true
		}
	}
	return false
}

// Plan is what would make one document of another, in the order in which it must be done.
type Plan struct{ Steps []Step }

// Count is how many steps have an action.
func (p Plan) Count(action Action) int {
	n := 0
	for _, s := range p.Steps {
		if s.Action == action {
			n++
		}
	}
	return n
}

// Changes is how many steps do anything.
func (p Plan) Changes() int { return len(p.Steps) - p.Count(Same) }

// Lacks are the steps that cannot be done without a secret that was not given.
func (p Plan) Lacks() []Step {
	var lacking []Step
	for _, s := range p.Steps {
		if len(s.Lacks) > 0 {
			lacking = append(lacking, s)
		}
	}
	return lacking
}

// Options say how far a plan goes.
type Options struct {
	Prune      bool // delete what the document does not have
	SetSecrets bool // set every secret that is given, and not only those of what is new or has another proof
}

// comparison makes a plan.
type comparison struct {
	want, have Document
	options    Options
	match      []int // of each wanted connector: the index of the one that is there, or -1
	taken      map[int]bool
	plan       Plan
}

// Compare says what would make have what want says. Connectors are matched by id, then by name; user flows by id.
func Compare(want, have Document, o Options) (Plan, error) {
	if err := want.Check(); err != nil {
		return Plan{}, err
	}
	c := &comparison{want: want, have: have, options: o, taken: map[int]bool{}}
	if err := c.matchConnectors(); err != nil {
		return Plan{}, err
	}
	for i := range want.Connectors {
		c.connector(i)
	}
	for i, f := range want.Flows {
		if err := c.flow(i, f); err != nil {
			return Plan{}, err
		}
	}
	if o.Prune {
		if err := c.prune(); err != nil {
			return Plan{}, err
		}
	}
	return c.plan, nil
}

func (c *comparison) matchConnectors() error {
	c.match = make([]int, len(c.want.Connectors))
	for i, w := range c.want.Connectors {
		c.match[i] = -1
		for j, h := range c.have.Connectors {
			if w.ID != "" && w.ID == h.ID {
				c.match[i], c.taken[j] = j, true
			}
		}
	}
	for i, w := range c.want.Connectors {
		if c.match[i] >= 0 {
			continue
		}
		var found []string
		for j, h := range c.have.Connectors {
			if !c.taken[j] && h.Name == w.Name {
				c.match[i] = j
				found = append(found, h.ID)
			}
		}
		if len(found) > 1 {
			return fmt.Errorf("%d connectors that are there are called %q; say by id which is meant: %s", len(found), w.Name, strings.Join(found, ", "))
		}
		if len(found) == 1 {
			c.taken[c.match[i]] = true
		}
	}
	return nil
}

// connector plans one wanted connector.
func (c *comparison) connector(i int) {
	w := c.want.Connectors[i]
	s := Step{Action: Create, Name: w.Name, Index: i, certificate: w.Authentication.Kind == WithCertificate}
	now := Connector{}
	if j := c.match[i]; j >= 0 {
		now = c.have.Connectors[j]
		s.Action, s.ID, s.CallNow = Change, now.ID, now.Call
	}
	s.add(memberName, now.Name, w.Name)
	if now.TargetURL != w.TargetURL {
		before, after := ShownURL(now.TargetURL), ShownURL(w.TargetURL)
		if before == after {
			after += " (with other values)"
		}
		s.Effects = append(s.Effects, Effect{memberURL, before, after})
	}
	s.proof(now.Authentication, w.Authentication, c.options.SetSecrets)
	if w.Call != nil {
		for _, member := range settings {
			current := now.Call
			if current == nil {
				current = &CallSettings{}
			}
			if member.text(w.Call) != member.text(current) {
				s.Effects = append(s.Effects, Effect{prefixCall + member.name, member.shown(current), member.shown(w.Call)})
			}
		}
	}
	c.add(s)
}

// proof plans how a connector proves itself. A secret cannot be compared, so it is set only where there is none of its kind
// yet, where the user name changes with it, or where it is asked for.
func (s *Step) proof(now, want Authentication, setSecrets bool) {
	if want.Kind == "" { // not known: what is there stays
		if s.Action == Create {
			s.Lacks = []string{memberAuthentication}
		}
		return
	}
	fresh := now.Kind != want.Kind
	s.add(memberAuthentication, now.Kind, want.Kind)
	if want.Kind == Basic {
		s.add(memberUsername, now.Username, want.Username)
		if fresh && want.Password == nil {
			s.Lacks = []string{memberPassword}
		}
		s.SetProof = fresh || want.Password != nil && (setSecrets || now.Username != want.Username)
		if s.SetProof {
			s.secret(memberPassword, want.Password)
		}
		return
	}
	switch {
	case fresh || setSecrets && want.PKCS12 != nil:
		s.SetProof = true
	case want.PKCS12 != nil && want.Thumbprint != "" && !now.has(want.Thumbprint):
		s.Upload = true
	default:
		return
	}
	if want.PKCS12 == nil {
		s.Lacks = []string{memberPKCS12}
	}
	s.secret(memberPKCS12, want.PKCS12)
	if want.Thumbprint != "" {
		s.Effects[len(s.Effects)-1].After += ", " + want.Thumbprint
	}
	if s.Upload {
		s.Effects[len(s.Effects)-1].After += ", beside those that are there"
	}
}

func (a Authentication) has(thumbprint string) bool {
	for _, one := range a.Certificates {
		if one.Thumbprint == thumbprint {
			return true
		}
	}
	return false
}

func (s *Step) secret(member string, r *Reference) {
	after := "secret given: will be set"
	if r == nil {
		after = "must be given"
	}
	s.Effects = append(s.Effects, Effect{member, "", after})
}

// add plans a member if it changes.
func (s *Step) add(member, before, after string) {
	if before != after {
		s.Effects = append(s.Effects, Effect{member, before, after})
	}
}

// add adds a step; a change of nothing is none.
func (c *comparison) add(s Step) {
	if s.Action == Change && len(s.Effects) == 0 {
		s.Action = Same
	}
	c.plan.Steps = append(c.plan.Steps, s)
}
