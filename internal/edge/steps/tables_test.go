package steps

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge"
)

// TestEveryFailureHasItsCode: each reason that fails a step stands in exactly one row of the original's codes, and no
// other does.
func TestEveryFailureHasItsCode(t *testing.T) {
	t.Parallel()
	rows := map[apiconn.DecisionReason]int{}
	for _, row := range graphCodes {
		for _, reason := range row.reasons {
			rows[reason]++
		}
	}
	for _, f := range apiconn.Reasons() {
		want := 0
		if f.Effect == apiconn.Fails {
			want = 1
		}
		if rows[f.Reason] != want {
			t.Errorf("%s stands in %d rows, want %d", f.Reason, rows[f.Reason], want)
		}
		if explanation(f.Reason) == "" {
			t.Errorf("%s has no explanation", f.Reason)
		}
		delete(rows, f.Reason)
	}
	for reason := range rows {
		t.Errorf("%s is no reason", reason)
	}
}

// TestRoutes: each route finds itself, with its keys unescaped.
func TestRoutes(t *testing.T) {
	t.Parallel()
	h := &Handler{routes: routes()}
	for i := range h.routes {
		path := strings.NewReplacer("{id}", "a%2Fb", "{step}", "s%20").Replace(base + h.routes[i].path)
		route, keys := h.find(path)
		if route != &h.routes[i] {
			t.Errorf("%s finds another route", path)
		}
		for _, key := range keys {
			if key != "a/b" && key != "s " {
				t.Errorf("%s has the key %q", path, key)
			}
		}
	}
	for _, path := range []string{"", "/", base, base + "/", base + "/reasons/", base + "//reasons", base + "/Reasons", base + "/%zz", "/runtime/v1x/reasons", base + "/invocations/%2"} {
		if route, _ := h.find(path); route != nil {
			t.Errorf("%s finds %s", path, route.path)
		}
	}
}

// TestKratosNeverTriesFaultsAgain: what Kratos would repeat, or wait for, becomes a 424; the log still has the fault.
func TestKratosNeverTriesFaultsAgain(t *testing.T) {
	t.Parallel()
	h := &Handler{opts: Options{Now: time.Now}}
	c := &call{x: &edge.Exchange{RequestID: "r", ClientRequestID: "r"}}
	for name, err := range map[string]error{
		"a fault": errors.New("disk on fire"), "too late": context.DeadlineExceeded,
		"throttled": &apiconn.Error{Kind: apiconn.Throttled, Message: "Slower.", RetryAfter: time.Minute},
		"upstream":  apiconn.Errorf(apiconn.Upstream, "The issuer is down."),
	} {
		a := h.refuseKratos(c, asProblem(err))
		if a.status != http.StatusFailedDependency || a.header["Retry-After"] != nil || !strings.Contains(string(a.body), `"id":9000004`) {
			t.Errorf("%s: %d %v %s", name, a.status, a.header, a.body)
		}
		if strings.Contains(string(a.body), "fire") {
			t.Errorf("%s: the cause is told: %s", name, a.body)
		}
	}
	if a := h.refuseKratos(c, asProblem(apiconn.Errorf(apiconn.Conflict, "No."))); a.status != http.StatusConflict {
		t.Errorf("a conflict: %d", a.status)
	}
}

// TestPanicIsAnError: a client gets an answer in the surface's form.
func TestPanicIsAnError(t *testing.T) {
	t.Parallel()
	_, err := guarded(t.Context(), nil, nil, func(*Handler, context.Context, *call) (answer, error) { panic("at the operation") })
	if p := asProblem(err); err == nil || p.Status != http.StatusInternalServerError || strings.Contains(p.Message, "operation panicked") {
		t.Errorf("%v", err)
	}
}

// TestKratosWords: one line for Kratos' log, of bounded length, with the receipt at its end.
func TestKratosWords(t *testing.T) {
	t.Parallel()
	long := kratosMessages(aboveForm, kratosMessage{}, "a\nb\x00"+strings.Repeat("é", 400), " (receipt x)")[1].Pointer
	if !strings.HasPrefix(long, "patchbay: a b é") || !strings.HasSuffix(long, "é… (receipt x)") || len(long) > kratosMaxWords {
		t.Errorf("%d octets: %q", len(long), long)
	}
}

// TestTraits: traits become claims, and what a connector changed of them becomes traits.
func TestTraits(t *testing.T) {
	t.Parallel()
	const app = "extension_0123456789abcdef0123456789ABCDEF_"
	for name, c := range map[string]struct {
		traits, fields string
		claims         apiconn.Claims
		decided        apiconn.Claims // beside the claims
		want           string         // "" for unchanged
		ignored        []string
	}{
		"names in parts": {
			traits: `{"name":{"first":"A","last":""},"surname":"B"}`, claims: apiconn.Claims{"givenName": "A", "surname": "B"},
			decided: apiconn.Claims{"givenName": "C", "surname": "D"}, want: `{"name":{"first":"C","last":""},"surname":"D"}`,
		},
		"a whole name": {
			traits: `{"name":"A"}`, claims: apiconn.Claims{"displayName": "A"},
			decided: apiconn.Claims{"displayName": "B"}, want: `{"name":"B"}`,
		},
		"an empty whole name is written, parts go elsewhere": {
			traits:  `{"name":""}`,
			decided: apiconn.Claims{"displayName": "B", "givenName": "C"}, want: `{"givenName":"C","name":"B"}`,
		},
		"a name of the form": {
			traits: `{}`, fields: "traits.name",
			decided: apiconn.Claims{"displayName": "B"}, want: `{"name":"B"}`,
		},
		"a name in parts is no display name": {
			traits: `{"name":{}}`, fields: "traits.name",
			decided: apiconn.Claims{"displayName": "B"}, ignored: []string{"displayName"},
		},
		"parts inside of a name that is there": {
			traits:  `{"name":{}}`,
			decided: apiconn.Claims{"givenName": "B"}, want: `{"name":{"first":"B"}}`,
		},
		"parts that the form has": {
			traits: `{}`, fields: "traits.name.first traits.name.last",
			decided: apiconn.Claims{"givenName": "B", "surname": "C"}, want: `{"name":{"first":"B","last":"C"}}`,
		},
		"parts of a name that is text": {
			traits: `{"name":"x"}`, fields: "traits.name.first", claims: apiconn.Claims{"displayName": "x"},
			decided: apiconn.Claims{"givenName": "B"}, ignored: []string{"givenName"},
		},
		"parts of a name that is null": {
			traits: `{"name":null}`, fields: "traits.name.first",
			decided: apiconn.Claims{"givenName": "B"}, want: `{"name":{"first":"B"}}`,
		},
		"one that is there without a value": {
			traits:  `{"city":null}`,
			decided: apiconn.Claims{"city": "P"}, want: `{"city":"P"}`,
		},
		"one that is nowhere": {
			traits:  `{}`,
			decided: apiconn.Claims{"city": "P"}, want: `{"city":"P"}`,
		},
		"one that the form has not": {
			traits: `{"city":"A"}`, fields: "traits.email", claims: apiconn.Claims{"city": "A"},
			decided: apiconn.Claims{"city": "P"}, ignored: []string{"city"},
		},
		"an object in its place": {
			traits:  `{"city":{"a":1},"state":[]}`,
			decided: apiconn.Claims{"city": "P", "state": "S"}, ignored: []string{"city", "state"},
		},
		"custom attributes": {
			traits:  `{"a":"x","b":true,"c":7,"d":1.0,"e":1e3,"f":null,"g":"","h":[],"i-j":"k","1st":"x","k":9223372036854775808}`,
			claims:  apiconn.Claims{"extension_a": "x", "extension_b": true, "extension_c": int64(7)},
			decided: apiconn.Claims{"extension_a": "y", "extension_b": false, "extension_c": int64(8), app + "n": "new"},
			want:    `{"1st":"x","a":"y","b":false,"c":8,"d":1.0,"e":1e3,"f":null,"g":"","h":[],"i-j":"k","k":9223372036854775808,"n":"new"}`,
		},
		"an attribute named like a claim": {
			traits: `{"email":"a"}`, claims: apiconn.Claims{"email": "a"},
			decided: apiconn.Claims{"extension_email": "b", app + "name": "c"}, ignored: []string{app + "name", "extension_email"},
		},
		"what is nothing of the person's": {
			traits: `{"email":"a"}`, claims: apiconn.Claims{"email": "a"},
			decided: apiconn.Claims{"email": "b", "ui_locales": "en", "objectId": "o", "identities": []apiconn.Identity{{}}},
		},
		"text that JSON escapes": {
			traits: `{"a":"\u00e9<&>"}`, claims: apiconn.Claims{"extension_a": "é<&>"},
			decided: apiconn.Claims{"city": "<\"é\">"}, want: `{"a":"\u00e9<&>","city":"<\"é\">"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &person{fields: strings.Fields(c.fields)}
			var err error
			if p.traits, _, err = parseObject([]byte(c.traits), "it"); err != nil {
				t.Fatal(err)
			}
			sent := p.claims()
			if c.claims == nil {
				c.claims = apiconn.Claims{}
			}
			if diff := cmp.Diff(c.claims, sent); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			decided := apiconn.Claims{}
			for _, claims := range []apiconn.Claims{sent, c.decided} {
				for claim, value := range claims {
					decided[claim] = value
				}
			}
			changed, ignored := p.apply(sent, decided)
			if diff := cmp.Diff(c.ignored, ignored); diff != "" {
				t.Errorf("ignored (-want +got):\n%s", diff)
			}
			got, err := encode(p.traits)
			if err != nil {
				t.Fatal(err)
			}
			if changed != (c.want != "") || changed && string(got) != c.want {
				t.Errorf("traits changed: %v, %s, want %s", changed, got, c.want)
			}
		})
	}
}
