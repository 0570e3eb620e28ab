package transfer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// draw writes a plan as its user sees it.
func draw(p Plan) string {
	var out strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&out, "%s %s", s.Action, s.Name)
		for _, e := range s.Effects {
			fmt.Fprintf(&out, "; %s: %s→%s", e.Member, e.Before, e.After)
		}
		if len(s.Lacks) > 0 {
			fmt.Fprintf(&out, "; lacks %s", strings.Join(s.Lacks, ", "))
		}
		if s.SetProof {
			out.WriteString("; sets the proof")
		}
		if s.Upload {
			out.WriteString("; uploads")
		}
		out.WriteString("\n")
	}
	return out.String()
}

func basic(user string, password *Reference) Authentication {
	return Authentication{Kind: Basic, Username: user, Password: password}
}

// there is what a made-up tenant has.
func there() Document {
	attempts := 3.0
	return Document{
		HasConnectors: true, HasFlows: true,
		Connectors: []Connector{
			{ID: "1", Name: "a", TargetURL: "https://a.example/?code=canary", Authentication: basic("u", nil), Call: &CallSettings{Attempts: &attempts}},
			{ID: "2", Name: "b", TargetURL: "https://b.example/", Authentication: Authentication{Kind: WithCertificate, Certificates: []Certificate{{Thumbprint: "AA"}}}, Call: &CallSettings{}},
			{ID: "3", Name: "twice", TargetURL: "https://c.example/", Authentication: basic("u", nil)},
			{ID: "4", Name: "twice", TargetURL: "https://c.example/", Authentication: basic("u", nil)},
		},
		Flows: []Flow{
			{ID: "B2X_1_f", Type: "signUpOrSignIn", Version: 1, Links: map[string]Link{stepFederation: {ID: "1", Name: "a"}}},
			{ID: "B2C_1_g", Type: "signUp", Version: 1, Links: map[string]Link{}},
		},
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	file := &Reference{File: "secret"}
	call := func(attempts float64) *CallSettings { return &CallSettings{Attempts: &attempts} }
	a := Connector{Name: "a", TargetURL: "https://a.example/?code=canary", Authentication: basic("u", nil)}
	b := Connector{Name: "b", TargetURL: "https://b.example/", Authentication: Authentication{Kind: WithCertificate}}
	with := func(c Connector, change func(*Connector)) Document {
		change(&c)
		return Document{HasConnectors: true, Connectors: []Connector{c}}
	}
	flows := func(all ...Flow) Document { return Document{HasFlows: true, Flows: all} }
	f := func(links map[string]Link) Flow { return Flow{ID: "B2X_1_f", Links: links} }
	tests := map[string]struct {
		want    Document
		options Options
		plan    string
	}{
		"the same":            {with(a, func(*Connector) {}), Options{}, "same a\n"},
		"a reference is none": {with(a, func(c *Connector) { c.Authentication.Password = file }), Options{}, "same a\n"},
		"secrets on request":  {with(a, func(c *Connector) { c.Authentication.Password = file }), Options{SetSecrets: true}, "change a; password: →secret given: will be set; sets the proof\n"},
		"by id":               {with(a, func(c *Connector) { c.ID, c.Name = "1", "new" }), Options{}, "change new; displayName: a→new\n"},
		"an unknown id":       {with(a, func(c *Connector) { c.ID = "from elsewhere" }), Options{}, "same a\n"},
		"a key in the URL":    {with(a, func(c *Connector) { c.TargetURL = "https://a.example/?code=other" }), Options{}, "change a; targetUrl: https://a.example/?code=…→https://a.example/?code=… (with other values)\n"},
		"another user":        {with(a, func(c *Connector) { c.Authentication = basic("v", nil) }), Options{}, "change a; username: u→v\n"},
		"another user with a password": {
			with(a, func(c *Connector) { c.Authentication = basic("v", file) }),
			Options{},
			"change a; username: u→v; password: →secret given: will be set; sets the proof\n",
		},
		"another kind, without": {with(a, func(c *Connector) { c.Authentication = Authentication{Kind: WithCertificate} }), Options{}, "change a; authentication: basic→certificate; pkcs12: →must be given; lacks pkcs12; sets the proof\n"},
		"another kind": {
			with(b, func(c *Connector) { c.Authentication = basic("u", file) }),
			Options{},
			"change b; authentication: certificate→basic; username: →u; password: →secret given: will be set; sets the proof\n",
		},
		"the same certificate": {with(b, func(c *Connector) { c.Authentication.PKCS12, c.Authentication.Thumbprint = file, "AA" }), Options{}, "same b\n"},
		"another certificate": {
			with(b, func(c *Connector) { c.Authentication.PKCS12, c.Authentication.Thumbprint = file, "BB" }),
			Options{},
			"change b; pkcs12: →secret given: will be set, BB, beside those that are there; uploads\n",
		},
		"an unread certificate": {with(b, func(c *Connector) { c.Authentication.PKCS12 = file }), Options{}, "same b\n"},
		"a certificate on request": {
			with(b, func(c *Connector) { c.Authentication.PKCS12, c.Authentication.Thumbprint = file, "AA" }),
			Options{SetSecrets: true},
			"change b; pkcs12: →secret given: will be set, AA; sets the proof\n",
		},
		"new, without":  {with(a, func(c *Connector) { c.Name = "new" }), Options{}, "create new; displayName: →new; targetUrl: →https://a.example/?code=…; authentication: →basic; username: →u; password: →must be given; lacks password; sets the proof\n"},
		"new":           {with(a, func(c *Connector) { c.Name, c.Authentication.Password = "new", file }), Options{}, "create new; displayName: →new; targetUrl: →https://a.example/?code=…; authentication: →basic; username: →u; password: →secret given: will be set; sets the proof\n"},
		"new, unproved": {with(a, func(c *Connector) { c.Name, c.Authentication = "new", Authentication{} }), Options{}, "create new; displayName: →new; targetUrl: →https://a.example/?code=…; lacks authentication\n"},
		"call settings": {with(a, func(c *Connector) { c.Call = call(5) }), Options{}, "change a; call.attempts: 3→5\n"},
		"the defaults":  {with(a, func(c *Connector) { c.Call = &CallSettings{} }), Options{}, "change a; call.attempts: 3→(default)\n"},
		"as it is set":  {with(a, func(c *Connector) { c.Call = call(3) }), Options{}, "same a\n"},
		"a new flow": {
			Document{HasFlows: true, Flows: []Flow{{ID: "B2X_1_n", Links: map[string]Link{stepAttributes: {Name: "b"}}}}},
			Options{},
			"create B2X_1_n; userFlowType: →signUpOrSignIn; postAttributeCollection: (none)→b\n",
		},
		"the same link":     {flows(f(map[string]Link{stepFederation: {Name: "a"}})), Options{}, "same B2X_1_f\n"},
		"links not told":    {flows(f(nil)), Options{}, "same B2X_1_f\n"},
		"another link":      {flows(f(map[string]Link{stepFederation: {ID: "2"}})), Options{}, "change B2X_1_f; postFederationSignup: a→b\n"},
		"no link":           {flows(f(map[string]Link{})), Options{}, "change B2X_1_f; postFederationSignup: a→(none)\n"},
		"prune flows":       {flows(f(nil)), Options{Prune: true}, "same B2X_1_f\ndelete B2C_1_g\n"},
		"prune of nothing":  {Document{}, Options{Prune: true}, ""},
		"b2c links a token": {flows(Flow{ID: "B2C_1_g", Links: map[string]Link{stepToken: {Name: "a"}}}), Options{}, "change B2C_1_g; preTokenIssuance: (none)→a\n"},
		"prune all": {
			Document{HasConnectors: true, HasFlows: true},
			Options{Prune: true},
			"delete B2X_1_f\ndelete B2C_1_g\ndelete a\ndelete b\ndelete twice\ndelete twice\n",
		},
		"prune connectors": {
			Document{HasConnectors: true, Connectors: []Connector{a}},
			Options{Prune: true},
			"same a\ndelete b\ndelete twice\ndelete twice\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := Compare(tt.want, there(), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.plan, draw(p)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompareRefuses(t *testing.T) {
	t.Parallel()
	link := func(step string, l Link) Document {
		return Document{HasFlows: true, Flows: []Flow{{ID: "B2X_1_f", Links: map[string]Link{step: l}}}}
	}
	pruned := link(stepFederation, Link{Name: "a"})
	pruned.HasConnectors = true
	tests := map[string]struct {
		want    Document
		options Options
		error   string
	}{
		"an ambiguous name":        {Document{Connectors: []Connector{{Name: "twice"}}}, Options{}, "2 connectors that are there"},
		"an ambiguous link":        {link(stepFederation, Link{Name: "twice"}), Options{}, "several connectors are called so"},
		"a link to nothing":        {link(stepFederation, Link{ID: "9"}), Options{}, `"9", which is neither in the file nor there`},
		"a link of a made flow":    {link(stepToken, Link{Name: "a"}), Options{}, "only when the flow is made"},
		"another type":             {Document{Flows: []Flow{{ID: "B2C_1_g", Type: "signIn"}}}, Options{}, "cannot be changed to \"signIn\""},
		"a link to what goes":      {pruned, Options{Prune: true}, "which is to be deleted"},
		"deleting what is in use":  {Document{HasConnectors: true}, Options{Prune: true}, "the user flow \"B2X_1_f\" calls it"},
		"a document that is wrong": {Document{Connectors: []Connector{{Name: ""}}}, Options{}, "has no name"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if p, err := Compare(tt.want, there(), tt.options); err == nil || !strings.Contains(err.Error(), tt.error) {
				t.Errorf("%v, want an error with %q; plan:\n%s", err, tt.error, draw(p))
			}
		})
	}
}

// TestCompareWithItself checks that what was exported is nothing to do, in every form that is read back.
func TestCompareWithItself(t *testing.T) {
	t.Parallel()
	for _, name := range sources {
		have := readFixture(t, name)
		for i := range have.Connectors {
			c := &have.Connectors[i]
			c.Authentication.Password, c.Authentication.PKCS12 = nil, nil
			if c.ID == "" {
				c.ID = fmt.Sprint(i)
			}
		}
		for _, f := range have.Flows { // as a service answers them
			for step, link := range f.Links {
				c := have.Connectors[have.linked(link)]
				f.Links[step] = Link{ID: c.ID, Name: c.Name}
			}
		}
		for _, form := range []Form{Patchbay, Graph, DSC} {
			text, err := Write(form, have)
			if err != nil {
				t.Fatal(err)
			}
			want, err := Read(form, text)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Compare(want, have, Options{})
			if err != nil {
				t.Errorf("%s as %s: %v", name, form, err)
			}
			if p.Changes() != 0 {
				t.Errorf("%s as %s:\n%s", name, form, draw(p))
			}
		}
	}
}

func TestShownURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://x.example/a":                    "https://x.example/a",
		"https://x.example/?code=canary&b=&flag": "https://x.example/?code=…&b=…&…",
		"https://u:canary@x.example/":            "https://…@x.example/",
		"https://x.example/%zz?code=canary":      "https://x.example/%zz",
		"":                                       "",
	} {
		if got := ShownURL(text); got != want {
			t.Errorf("ShownURL(%q) = %q, want %q", text, got, want)
		}
	}
}
