package lint

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/signup"
)

// variant is a set of claims that an endpoint may meet (runtime contract 5.2).
type variant struct {
	name       string
	everywhere bool // at every step; else at the main one
	change     func(*signup.Request)
	weigh      func(outcome, Check) Check // the last word on the check; nil: the judgement stands
}

// variants has a row for each set of claims.
var variants = []variant{
	{name: "every claim", everywhere: true, change: func(*signup.Request) {}},
	{name: "email only", everywhere: true, change: emailOnly},
	{name: "no email", change: func(r *signup.Request) { delete(r.Claims, "email") }, weigh: unusual},
	{name: "a local account, without identities", change: func(r *signup.Request) { delete(r.Claims, "identities") }},
	{name: "several identities", change: severalIdentities},
	{name: "no languages", change: func(r *signup.Request) { r.UILocales = "" }},
	locales("de-DE"), locales("ar-SA"), locales("zh-Hans-CN"), locales("x-unheard-of"),
	{name: "unknown custom attributes", change: unknownAttributes},
	{name: "values of 1,000 characters", change: longValues},
	{name: "names in Chinese, Arabic and emoji", change: scripts},
	{name: "names with quotes and mark-up", change: markup, weigh: echoed},
}

// The values of claims that probes change.
const (
	sampleEmail  = "lint.probe@example.org"
	sampleIssuer = "google.com"
	sampleScript = "<script>alert(1)</script>"
)

func newID() string { return uuid.NewString() }

// request is a step with every claim that it can have.
func (s *session) request(p probe) signup.Request {
	r := signup.Request{
		Step: p.step.Name, UILocales: "en-US",
		Claims: apiconn.Claims{
			"email":       sampleEmail,
			"identities":  []apiconn.Identity{{SignInType: "federated", Issuer: sampleIssuer, IssuerAssignedID: "0123456789"}},
			"displayName": "Lint Probe", "givenName": "Lint", "surname": "Probe", "jobTitle": "Tester",
			"streetAddress": "1 Example Street", "city": "Exampleton", "postalCode": "12345", "state": "Examplia", "country": "Exampleland",
			"extension_LoyaltyNumber": "L-0001", "extension_Age": int64(42), "extension_Newsletter": false,
		},
	}
	if p.kind == apiconn.B2C {
		r.ClientID = "8f1c3a52-5f0e-4b53-9a55-2b1d6a5d9c01"
		if p.step.Name == "preTokenIssuance" { // the one step at which the user exists
			r.Claims["objectId"] = "5d0a8f5e-3c1b-4f43-8c1d-0f3b2a1e9d77"
		}
	}
	return r
}

func emailOnly(r *signup.Request) {
	r.Claims, r.UILocales = apiconn.Claims{"email": r.Claims["email"]}, ""
}

func severalIdentities(r *signup.Request) {
	var many []apiconn.Identity
	for _, issuer := range []string{sampleIssuer, "facebook.com", "mail"} {
		many = append(many, apiconn.Identity{SignInType: "federated", Issuer: issuer, IssuerAssignedID: "id-at-" + issuer})
	}
	r.Claims["identities"] = many
}

func locales(tag string) variant {
	return variant{name: "languages " + tag, change: func(r *signup.Request) { r.UILocales = tag }}
}

func unknownAttributes(r *signup.Request) {
	for i := range 20 {
		r.Claims[fmt.Sprintf("extension_LintUnknown%d", i)] = "value"
	}
	r.Claims["extension_0123456789abcdef0123456789abcdef_OfAnotherApp"] = "value"
}

func longValues(r *signup.Request) {
	for name, value := range r.Claims {
		if _, isText := value.(string); isText && name != "email" && name != "objectId" {
			r.Claims[name] = strings.Repeat("long value ", 91)[:1000]
		}
	}
}

func scripts(r *signup.Request) {
	r.Claims["displayName"] = "李小龍 👩‍👩‍👧‍👦 محمد علي"
	r.Claims["givenName"], r.Claims["surname"] = "محمد", "李"
	r.Claims["city"] = "Besanc\u0327on" // a letter of two code points
}

func markup(r *signup.Request) {
	r.Claims["displayName"] = sampleScript
	r.Claims["givenName"], r.Claims["surname"] = `Anna "Nina"`, "O'Brien'; --"
	r.Claims["city"] = "{{7*7}} & Co. \\ ${7*7}"
}

// echoed looks for mark-up that comes back in what a user will see.
func echoed(o outcome, c Check) Check {
	back := strings.Contains(o.verdict.UserMessage, sampleScript)
	if c.Verdict == Accepted && back {
		c.Verdict = Warning
		c.Detail = "the message for the user repeats mark-up that the user typed"
		c.Advice = "Do not put what users type into a userMessage, or take out what a browser could run."
	}
	return c
}

// unusual weighs the answer to claims that a workforce tenant never sends: an orderly refusal is no fault.
func unusual(o outcome, c Check) Check {
	if c.Verdict == Wrong && o.answered() && o.result.Status >= 400 && o.result.Status < 500 {
		c.Verdict = Warning
		c.Advice = "Entra always sends email; Azure AD B2C may not, for accounts with a user name. Answer ShowBlockPage or ValidationError if you need it."
	}
	return c
}
