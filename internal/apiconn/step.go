package apiconn

import (
	"slices"
	"strings"
)

// Step is a place in a user flow at which a connector can be called: a navigation property of
// userFlowApiConnectorConfiguration (contract 1.1 and 2.8; runtime contract 5.1).
type Step struct {
	Name     string // Graph's
	BetaOnly bool   // v1.0 does not have it (contract 1.3)
	NoRef    bool   // has no $ref: it is linked by its flow only (contract 1.3)

	Claim   string   // what the claim step says to the connector
	Answers []Action // what a connector may answer at it
}

// Steps is every step there is, in the order in which a sign-up comes to them.
var Steps = []Step{
	{Name: "postFederationSignup", Claim: "PostFederationSignup", Answers: []Action{Continue, ShowBlockPage}},
	{Name: "postAttributeCollection", Claim: "PostAttributeCollection", Answers: []Action{Continue, ShowBlockPage, ValidationError}},
	{Name: "preTokenIssuance", BetaOnly: true, NoRef: true, Claim: "PreTokenIssuance", Answers: []Action{Continue}},
}

// StepByName finds a step by its Graph name in any case (contract 2.8).
func StepByName(name string) (Step, bool) {
	i := slices.IndexFunc(Steps, func(s Step) bool { return strings.EqualFold(s.Name, name) })
	if i < 0 {
		return Step{}, false
	}
	return Steps[i], true
}
