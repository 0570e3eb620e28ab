package signup

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

func TestParseClaims(t *testing.T) {
	t.Parallel()
	got, err := ParseClaims([]byte(` {"email":"e","displayName":"","city":null,"identities":[{"signInType":"federated","issuer":"i","issuerAssignedId":"a"}],
		"extension_B":true,"extension_N":-1,"extension_5F0C3B8E-9A55-4A41-8A0E-4F1D0F7A1C11_S":"s","objectId":"o","ui_locales":"de"} `))
	if err != nil {
		t.Fatal(err)
	}
	want := apiconn.Claims{
		"email": "e", "displayName": "", "identities": []apiconn.Identity{{SignInType: "federated", Issuer: "i", IssuerAssignedID: "a"}},
		"extension_B": true, "extension_N": int64(-1), "extension_5F0C3B8E-9A55-4A41-8A0E-4F1D0F7A1C11_S": "s", "objectId": "o", "ui_locales": "de",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestParseClaimsRefuses: every error names the claim and says what to do, and none shows a value.
func TestParseClaimsRefuses(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	identity := func(members string) string { return `{"identities":[{` + members + `}]}` }
	entry := `{"signInType":"a","issuer":"b","issuerAssignedId":"c"}`
	var many strings.Builder
	for i := range MaxClaims + 1 {
		fmt.Fprintf(&many, `,"extension_N%d":1`, i)
	}
	for name, tt := range map[string]struct{ raw, field, says string }{
		"nothing":                         {``, "claims", "JSON object"},
		"null":                            {`null`, "claims", "null"},
		"an array":                        {`["` + canary + `"]`, "claims", "an array"},
		"broken":                          {`{"city":"` + canary, "claims", "not valid JSON"},
		"not UTF-8":                       {`{"city":"` + canary + "\xff" + `"}`, "claims", "UTF-8"},
		"half a surrogate pair":           {`{"city":"` + canary + `\udc00"}`, "claims", "surrogate"},
		"too deep":                        {`{"city":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "claims", "flat"},
		"too many values":                 {`{"identities":[` + strings.Repeat("1,", 20000) + `1]}`, "claims", "values"},
		"too many claims":                 {`{` + many.String()[1:] + `}`, "claims", "more than 250"},
		"a name twice":                    {`{"city":"` + canary + `","city":"x"}`, "city", "twice"},
		"an unknown name":                 {`{"lastName":"` + canary + `"}`, "lastName", "surname"},
		"an unknown name that is null":    {`{"lastName":null}`, "lastName", "surname"},
		"a name in another case":          {`{"DisplayName":"` + canary + `"}`, "DisplayName", "Write displayName"},
		"step in another case":            {`{"Step":"` + canary + `"}`, "Step", "not known"},
		"step":                            {`{"step":"` + canary + `"}`, "step", "added by the service"},
		"client_id":                       {`{"client_id":null}`, "client_id", "added by the service"},
		"a name without end":              {`{"` + strings.Repeat("x", 5000) + `":1}`, strings.Repeat("x", maxName), "…"},
		"a name that does not show":       {`{"\u0000\n\u202e":1}`, "\uFFFD\uFFFD\uFFFD", `"\x00\n\u202e"`},
		"a custom attribute of no name":   {`{"extension_":1}`, "extension_", "extension_Name"},
		"a custom attribute with a dash":  {`{"extension_a-b":1}`, "extension_a-b", "letters, digits"},
		"a custom attribute of no app":    {`{"extension_5f0c3b8e9a55-4a41-8a0e-4f1d0f7a1c11-_x":1}`, "extension_5f0c3b8e9a55-4a41-8a0e-4f1d0f7a1c11-_x", "letters, digits"},
		"a custom attribute without end":  {`{"extension_` + strings.Repeat("x", MaxAttributeName+1) + `":1}`, "extension_" + strings.Repeat("x", maxName-10), "not known"},
		"a text that is a number":         {`{"postalCode":12345}`, "postalCode", "not a string"},
		"a text that is a boolean":        {`{"city":true}`, "city", "not a string"},
		"a text that is an object":        {`{"city":{"x":"` + canary + `"}}`, "city", "an object"},
		"an array of texts":               {`{"extension_A":["` + canary + `"]}`, "extension_A", "flat"},
		"a fraction":                      {`{"extension_N":1.5}`, "extension_N", "whole number"},
		"beyond what a double is sure of": {`{"extension_N":1e16}`, "extension_N", "whole number"},
		"a name of no characters":         {`{"":"` + canary + `"}`, "claims", `""`},
		"beyond 64 bits":                  {`{"extension_N":9223372036854775808}`, "extension_N", "64 bits"},
		"a text without end":              {`{"city":"` + canary + strings.Repeat("x", MaxClaimText) + `"}`, "city", "longer"},
		"identities as text":              {`{"identities":"` + canary + `"}`, "identities", "not an array"},
		"identities of texts":             {`{"identities":["` + canary + `"]}`, "identities", "Entry 0"},
		"an identity with more":           {identity(`"signInType":"a","issuer":"b","issuerAssignedId":"c","x":"` + canary + `"`), "identities", `"x"`},
		"an identity with less":           {identity(`"signInType":"a","issuer":"` + canary + `"`), "identities", "lacks"},
		"an identity in another case":     {identity(`"SignInType":"` + canary + `","issuer":"b","issuerAssignedId":"c"`), "identities", `"SignInType"`},
		"an identity with null":           {identity(`"signInType":null,"issuer":"b","issuerAssignedId":"c"`), "identities", "null"},
		"an identity with nothing":        {identity(`"signInType":"","issuer":"` + canary + `","issuerAssignedId":"c"`), "identities", "lacks"},
		"an identity without end":         {identity(`"signInType":"a","issuer":"b","issuerAssignedId":"` + canary + strings.Repeat("x", MaxClaimText) + `"`), "identities", "longer"},
		"too many identities":             {`{"identities":[` + strings.Repeat(entry+",", MaxIdentities) + entry + `]}`, "identities", "more than 32"},
	} {
		claims, err := ParseClaims([]byte(tt.raw))
		e := apiconn.AsError(err)
		if e == nil || e.Kind != apiconn.Invalid || e.Field != tt.field || claims != nil {
			t.Errorf("%s: got %#v, claims %d", name, e, len(claims))
			continue
		}
		if strings.Contains(e.Error(), canary) || !strings.Contains(e.Message, tt.says) || !strings.HasSuffix(e.Message, ".") || len(e.Message) > 500 {
			t.Errorf("%s: message %q", name, e.Message)
		}
	}
}

// TestMerge: what a connector answers comes back under the caller's own names.
func TestMerge(t *testing.T) {
	t.Parallel()
	const app = extensionsAppOfTests
	for name, tt := range map[string]struct{ sent, received, want apiconn.Claims }{
		"nothing":             {nil, nil, apiconn.Claims{}},
		"nothing new":         {apiconn.Claims{"city": "Ulm"}, nil, apiconn.Claims{"city": "Ulm"}},
		"built-in claims":     {apiconn.Claims{"city": "ulm", "state": "BW"}, apiconn.Claims{"city": "Ulm", "country": "DE"}, apiconn.Claims{"city": "Ulm", "state": "BW", "country": "DE"}},
		"the short name":      {apiconn.Claims{"extension_T": "a"}, apiconn.Claims{"extension_" + app + "_T": "b"}, apiconn.Claims{"extension_T": "b"}},
		"the full name":       {apiconn.Claims{"extension_" + app + "_T": "a"}, apiconn.Claims{"extension_" + app + "_T": "b"}, apiconn.Claims{"extension_" + app + "_T": "b"}},
		"the caller's dashes": {apiconn.Claims{"extension_5F0C3B8E-9A55-4A41-8A0E-4F1D0F7A1C11_T": "a"}, apiconn.Claims{"extension_" + app + "_T": "b"}, apiconn.Claims{"extension_5F0C3B8E-9A55-4A41-8A0E-4F1D0F7A1C11_T": "b"}},
		"a new attribute":     {apiconn.Claims{"city": "Ulm"}, apiconn.Claims{"extension_" + app + "_T": int64(1)}, apiconn.Claims{"city": "Ulm", "extension_" + app + "_T": int64(1)}},
		"nothing is a value":  {apiconn.Claims{"city": "Ulm"}, apiconn.Claims{"city": ""}, apiconn.Claims{"city": ""}},
	} {
		before := AppendClaims(nil, tt.sent)
		if diff := cmp.Diff(tt.want, Merge(tt.sent, tt.received, app)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if after := AppendClaims(nil, tt.sent); !bytes.Equal(after, before) {
			t.Errorf("%s: the claims that were sent became %s", name, after)
		}
	}
}

// TestAppendClaims: what no Claims should hold is left out or named, and the text is JSON all the same.
func TestAppendClaims(t *testing.T) {
	t.Parallel()
	got := string(AppendClaims([]byte("x"), apiconn.Claims{"city": nil, "zz": 1.5, "\xff": "\xff", "step": "s", "email": "", "identities": []apiconn.Identity{}}))
	if want := `x{"email":"","identities":[],"zz":"float64","` + "\uFFFD" + `":"` + "\uFFFD" + `","step":"s"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
