package steps_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/signup"
)

// post sends any body past the wire.
func (s *site) post(path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Authorization", s.callers["idp"])
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.Config.Handler.ServeHTTP(w, r)
	return w
}

// FuzzStepBody sends any body to a step that calls no connector: the answer is a decision with the claims that came, or a
// 400 or 413 with a message.
func FuzzStepBody(f *testing.F) {
	for _, seed := range []string{
		`{"claims":{}}`, `{"claims":{"email":"a@b.example","city":null}}`, `{"claims":{"extension_X":1.0,"extension_Y":true}}`, ``, `null`, `[]`, `{`, "\uFEFF{\"claims\":{}}",
		`{"claims":{"identities":[{"signInType":"federated","issuer":"i","issuerAssignedId":"1"}]},"uiLocales":"en","clientId":"c"}`,
		`{"claims":{},"claims":{}}`, `{"claims":{"email":"\ud800"}}`, `{"claims":{"email":"<\u2028>"}} `, `{"claims":{},"x":1}`, `{"claims":{}}{}`, `{"uiLocales":1,"claims":{}}`,
		`{"claims":{"extension_0e1a2b3c-0000-4000-8000-00000000abcd_X":"a","extension_X":"b"}}`, `{"claims":{"objectId":"o"}}`, `{"claims":{"step":"s"}}`,
	} {
		f.Add(seed)
	}
	site := build(f, settings{})
	f.Fuzz(func(t *testing.T, body string) {
		got := site.post("/runtime/v1/userFlows/B2X_1_empty/steps/postAttributeCollection", body)
		switch got.Code {
		case http.StatusOK:
			var answer struct {
				Action       apiconn.Action
				Reason       apiconn.DecisionReason
				Claims       json.RawMessage
				InvocationID string
			}
			if err := json.Unmarshal(got.Body.Bytes(), &answer); err != nil || answer.Action != apiconn.Continue || answer.Reason != apiconn.ReasonNoConnector || answer.InvocationID == "" {
				t.Fatalf("%q: %v in %s", body, err, got.Body)
			}
			var request struct{ Claims json.RawMessage }
			if err := json.Unmarshal([]byte(strings.TrimPrefix(body, "\uFEFF")), &request); err != nil {
				t.Fatalf("%q is accepted: %v", body, err)
			}
			sent, err := signup.ParseClaims(request.Claims)
			if err != nil {
				t.Fatalf("%q is accepted: %v", body, err)
			}
			back, err := signup.ParseClaims(answer.Claims)
			if diff := cmp.Diff(sent, back); err != nil || diff != "" {
				t.Fatalf("%q: %v (-sent +got):\n%s", body, err, diff)
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			var e struct {
				Error struct{ Code, Message string }
			}
			if err := json.Unmarshal(got.Body.Bytes(), &e); err != nil || e.Error.Code == "" || e.Error.Message == "" {
				t.Fatalf("%q: %v in %s", body, err, got.Body)
			}
		default:
			t.Fatalf("%q: %d %s", body, got.Code, got.Body)
		}
	})
}

// FuzzKratosBody sends any body to the adapter at a step that calls no connector: Kratos keeps the traits as they are, or
// gets messages with a status that it does not try again.
func FuzzKratosBody(f *testing.F) {
	for _, seed := range []string{
		`{"flow_id":"f","traits":{}}`, `{"flow_id":"f","traits":{"email":"a@b.example","name":{"first":"A"},"x":1,"y":true,"z":null}}`, ``, `[]`, `{"traits":{}}`,
		`{"flow_id":"f","submission":"s","traits":{"name":"A"},"fields":["traits.name","x","traits.a\\.b"],"ui_locales":"en","client_id":"c"}`,
		`{"flow_id":"f","traits":{"name":{"first":"a","first":"b"}}}`, `{"flow_id":"f","traits":{},"identities":[{"signInType":"federated","issuer":"i","issuerAssignedId":"1"}]}`,
		`{"flow_id":"f","traits":{"a":1e400,"b":-0,"c":9223372036854775808,"d":"\ud800"}}`, `{"flow_id":"f","traits":{},"identities":[]},"x":[{}]}`,
	} {
		f.Add(seed)
	}
	site := build(f, settings{})
	f.Fuzz(func(t *testing.T, body string) {
		got := site.post("/runtime/v1/adapters/kratos/B2X_1_empty/postAttributeCollection", body)
		var answer struct {
			Identity *struct{}
			Decision struct{ Action apiconn.Action }
			Messages []struct {
				Pointer  string `json:"instance_ptr"`
				Messages []struct{ Text string }
			}
		}
		if err := json.Unmarshal(got.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%q: %v in %s", body, err, got.Body)
		}
		switch got.Code {
		case http.StatusOK:
			if answer.Identity != nil || answer.Decision.Action != apiconn.Continue {
				t.Fatalf("%q: %s", body, got.Body)
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			if len(answer.Messages) != 2 || len(answer.Messages[0].Messages) != 1 || answer.Messages[0].Pointer != "#/" || strings.HasPrefix(answer.Messages[1].Pointer, "#/") {
				t.Fatalf("%q: %s", body, got.Body)
			}
		default:
			t.Fatalf("%q: %d %s", body, got.Code, got.Body)
		}
	})
}
