package signup

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// TestEncode: what goes out, byte for byte, one row for each rule of runtime contract 5.2.
func TestEncode(t *testing.T) {
	t.Parallel()
	const app = extensionsAppOfTests
	const other = "11111111222233334444555555555555"
	tests := []struct {
		name   string
		step   string // default postAttributeCollection
		kind   apiconn.UserFlowKind
		app    string // default extensionsAppOfTests; "-" for none
		claims string
		rest   Request
		want   string
	}{
		{
			name:   "the documented example",
			claims: `{"email":"johnsmith@fabrikam.onmicrosoft.com","identities":[{"signInType":"federated","issuer":"facebook.com","issuerAssignedId":"0123456789"}],"displayName":"John Smith","givenName":"John","surname":"Smith","jobTitle":"Supplier","streetAddress":"1000 Microsoft Way","city":"Seattle","postalCode":"12345","state":"Washington","country":"United States","extension_CustomAttribute1":"custom attribute value","extension_CustomAttribute2":"custom attribute value","ui_locales":"en-US"}`,
			want:   `{"email":"johnsmith@fabrikam.onmicrosoft.com","identities":[{"signInType":"federated","issuer":"facebook.com","issuerAssignedId":"0123456789"}],"displayName":"John Smith","givenName":"John","surname":"Smith","jobTitle":"Supplier","streetAddress":"1000 Microsoft Way","city":"Seattle","postalCode":"12345","state":"Washington","country":"United States","extension_` + app + `_CustomAttribute1":"custom attribute value","extension_` + app + `_CustomAttribute2":"custom attribute value","ui_locales":"en-US"}`,
		},
		{
			name:   "the order is the documented one, whatever the caller's",
			claims: `{"ui_locales":"de","extension_b":"2","country":"DE","extension_a":"1","surname":"N","email":"e"}`,
			want:   `{"email":"e","surname":"N","country":"DE","extension_` + app + `_a":"1","extension_` + app + `_b":"2","ui_locales":"de"}`,
		},
		{
			name:   "claims without a value are omitted",
			claims: `{"email":"e","identities":[],"displayName":"","city":null,"extension_A":"","extension_B":null,"ui_locales":""}`,
			want:   `{"email":"e"}`,
		},
		{name: "no claims", claims: `{}`, want: `{}`},
		{
			name:   "false and 0 are values",
			claims: `{"extension_B":false,"extension_N":0,"extension_S":" "}`,
			want:   `{"extension_` + app + `_B":false,"extension_` + app + `_N":0,"extension_` + app + `_S":" "}`,
		},
		{
			name:   "whole numbers keep every digit",
			claims: `{"extension_A":9223372036854775807,"extension_B":-9223372036854775808,"extension_C":1.0}`,
			want:   `{"extension_` + app + `_A":9223372036854775807,"extension_` + app + `_B":-9223372036854775808,"extension_` + app + `_C":1}`,
		},
		{
			name:   "the full name of a custom attribute",
			claims: `{"extension_` + app + `_Tier":"gold"}`,
			want:   `{"extension_` + app + `_Tier":"gold"}`,
		},
		{
			name:   "an app id with dashes and capitals loses both",
			claims: `{"extension_5F0C3B8E-9A55-4A41-8A0E-4F1D0F7A1C11_Tier":"gold"}`,
			want:   `{"extension_` + app + `_Tier":"gold"}`,
		},
		{
			name: "an extensions app with dashes and capitals loses both", app: "5F0C3B8E-9A55-4A41-8A0E-4F1D0F7A1C11",
			claims: `{"extension_Tier":"gold"}`,
			want:   `{"extension_` + app + `_Tier":"gold"}`,
		},
		{
			name:   "a custom attribute of another app keeps its app",
			claims: `{"extension_` + other + `_Tier":"gold"}`,
			want:   `{"extension_` + other + `_Tier":"gold"}`,
		},
		{
			name:   "one name under two apps is two attributes",
			claims: `{"extension_Tier":"gold","extension_` + other + `_Tier":"silver"}`,
			want:   `{"extension_` + other + `_Tier":"silver","extension_` + app + `_Tier":"gold"}`,
		},
		{
			name: "without an extensions app short names stay short", app: "-",
			claims: `{"extension_Tier":"gold","extension_` + other + `_Tier":"silver"}`,
			want:   `{"extension_` + other + `_Tier":"silver","extension_Tier":"gold"}`,
		},
		{
			name:   "a name of 32 hex digits is a name",
			claims: `{"extension_` + other + `":"x"}`,
			want:   `{"extension_` + app + `_` + other + `":"x"}`,
		},
		{
			name: "Azure AD B2C also sends step and client_id", kind: apiconn.B2C, step: "postFederationSignup",
			claims: `{"email":"e"}`,
			rest:   Request{ClientID: "93fd07aa-333c-409d-955d-96008fd08dd9", UILocales: "en-US"},
			want:   `{"email":"e","step":"PostFederationSignup","client_id":"93fd07aa-333c-409d-955d-96008fd08dd9","ui_locales":"en-US"}`,
		},
		{
			name: "the second step's name", kind: apiconn.B2C,
			claims: `{"email":"e"}`,
			want:   `{"email":"e","step":"PostAttributeCollection"}`,
		},
		{
			name: "before the token the user has an objectId", kind: apiconn.B2C, step: "preTokenIssuance",
			claims: `{"objectId":"ab3ec3b2-a435-45e4-b93a-56a005e88bb7","extension_Tier":"gold"}`,
			rest:   Request{ClientID: "93fd07aa-333c-409d-955d-96008fd08dd9"},
			want:   `{"extension_` + app + `_Tier":"gold","objectId":"ab3ec3b2-a435-45e4-b93a-56a005e88bb7","step":"PreTokenIssuance","client_id":"93fd07aa-333c-409d-955d-96008fd08dd9"}`,
		},
		{
			name:   "workforce tenants send neither step nor client_id",
			claims: `{"email":"e"}`,
			rest:   Request{ClientID: "93fd07aa-333c-409d-955d-96008fd08dd9", UILocales: "en-US"},
			want:   `{"email":"e","ui_locales":"en-US"}`,
		},
		{
			name:   "the languages may stand in both places if they agree",
			claims: `{"ui_locales":"en-US"}`, rest: Request{UILocales: "en-US"},
			want: `{"ui_locales":"en-US"}`,
		},
		{
			name:   "nothing is escaped but what JSON demands",
			claims: `{"displayName":"Müller & <Söhne> \"\\/\" \u2028\ud83d\ude00","city":"a\n\r\t\u0007\u0000b"}`,
			want:   `{"displayName":"Müller & <Söhne> \"\\/\" ` + "\u2028" + `😀","city":"a\n\r\t\u0007\u0000b"}`,
		},
		{
			name:   "several identities",
			claims: `{"identities":[{"issuerAssignedId":"1","issuer":"google.com","signInType":"federated"},{"signInType":"emailAddress","issuer":"x","issuerAssignedId":"a&b"}]}`,
			want:   `{"identities":[{"signInType":"federated","issuer":"google.com","issuerAssignedId":"1"},{"signInType":"emailAddress","issuer":"x","issuerAssignedId":"a&b"}]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			step := stepOfTests(t, tt.step)
			request := tt.rest
			var err error
			if request.Claims, err = ParseClaims([]byte(tt.claims)); err != nil {
				t.Fatal(err)
			}
			extensionsApp := strings.TrimPrefix(tt.app, "-")
			if tt.app == "" {
				extensionsApp = app
			}
			kind := tt.kind
			if kind == "" {
				kind = apiconn.B2X
			}
			got, err := Encode(step, kind, extensionsApp, request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func stepOfTests(tb testing.TB, name string) apiconn.Step {
	tb.Helper()
	if name == "" {
		name = "postAttributeCollection"
	}
	step, ok := apiconn.StepByName(name)
	if !ok {
		tb.Fatalf("no step %q", name)
	}
	return step
}

// TestEncodeRefuses: requests that a caller must not send. Adapters make claims in Go, so types are checked here, too.
func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	full := "extension_" + extensionsAppOfTests + "_Tier"
	for name, tt := range map[string]struct {
		request Request
		app     string
		kind    apiconn.Kind
		field   string
	}{
		"an attribute under two names":      {Request{Claims: apiconn.Claims{"extension_Tier": canary, full: canary}}, extensionsAppOfTests, apiconn.Invalid, "extension_Tier"},
		"an attribute twice, once empty":    {Request{Claims: apiconn.Claims{"extension_Tier": canary, full: ""}}, extensionsAppOfTests, apiconn.Invalid, "extension_Tier"},
		"an objectId before there is one":   {Request{Claims: apiconn.Claims{"objectId": canary}}, extensionsAppOfTests, apiconn.Invalid, "objectId"},
		"two opinions on languages":         {Request{Claims: apiconn.Claims{"ui_locales": canary}, UILocales: "en"}, extensionsAppOfTests, apiconn.Invalid, "ui_locales"},
		"languages without end":             {Request{UILocales: strings.Repeat("x", MaxClaimText+1)}, extensionsAppOfTests, apiconn.Invalid, "ui_locales"},
		"languages that are not UTF-8":      {Request{UILocales: "\xff"}, extensionsAppOfTests, apiconn.Invalid, "ui_locales"},
		"a client id that is not UTF-8":     {Request{ClientID: "\xff"}, extensionsAppOfTests, apiconn.Invalid, "client_id"},
		"the service's own claim":           {Request{Claims: apiconn.Claims{"step": canary}}, extensionsAppOfTests, apiconn.Invalid, "step"},
		"an unknown claim":                  {Request{Claims: apiconn.Claims{"shoeSize": canary}}, extensionsAppOfTests, apiconn.Invalid, "shoeSize"},
		"an int":                            {Request{Claims: apiconn.Claims{"extension_N": 1}}, extensionsAppOfTests, apiconn.Invalid, "extension_N"},
		"a text that is a number":           {Request{Claims: apiconn.Claims{"city": int64(1)}}, extensionsAppOfTests, apiconn.Invalid, "city"},
		"a text that is not UTF-8":          {Request{Claims: apiconn.Claims{"city": canary + "\xff"}}, extensionsAppOfTests, apiconn.Invalid, "city"},
		"identities as text":                {Request{Claims: apiconn.Claims{"identities": canary}}, extensionsAppOfTests, apiconn.Invalid, "identities"},
		"an identity without an issuer":     {Request{Claims: apiconn.Claims{"identities": []apiconn.Identity{{SignInType: canary, IssuerAssignedID: canary}}}}, extensionsAppOfTests, apiconn.Invalid, "identities"},
		"an extensions app that is no GUID": {Request{Claims: apiconn.Claims{"extension_Tier": canary}}, "contoso", apiconn.Internal, ""},
	} {
		_, err := Encode(stepOfTests(t, ""), apiconn.B2C, tt.app, tt.request)
		e := apiconn.AsError(err)
		if e == nil || e.Kind != tt.kind || e.Field != tt.field {
			t.Errorf("%s: got %#v", name, e)
			continue
		}
		if strings.Contains(e.Error(), canary) || !strings.HasSuffix(e.Message, ".") {
			t.Errorf("%s: message %q", name, e.Message)
		}
	}
	many := apiconn.Claims{}
	for i := range MaxClaims + 1 {
		many["extension_N"+strings.Repeat("x", i%64)+string(rune('a'+i/64))] = "x"
	}
	if _, err := Encode(stepOfTests(t, ""), apiconn.B2X, "", Request{Claims: many}); apiconn.KindOf(err) != apiconn.Invalid {
		t.Errorf("%d claims: %v", len(many), err)
	}
}
