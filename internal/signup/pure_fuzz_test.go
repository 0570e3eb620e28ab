package signup

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// FuzzJudge: whatever comes back, there is one of the four actions and a reason of the table; Continue comes of HTTP 200
// and ValidationError of 400 only; the same answer is judged alike again; and the claims can go into the next request.
func FuzzJudge(f *testing.F) {
	for _, archive := range answerArchives(f) {
		for _, file := range archive.Files {
			if name, isAnswer := strings.CutSuffix(file.Name, ".answer"); isAnswer {
				if c := parseAnswerCase(f, name, string(file.Data)); len(c.answer.Body) < 4096 {
					f.Add(uint8(slices.IndexFunc(apiconn.Steps, func(s apiconn.Step) bool { return s.Name == c.step.Name })), c.answer.Status, c.answer.ContentType, c.answer.Body, AppendClaims(nil, c.sent))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, place uint8, status int, contentType string, body, claims []byte) {
		step := apiconn.Steps[int(place)%len(apiconn.Steps)]
		sent, err := ParseClaims(claims)
		if err != nil {
			sent = nil
		}
		if _, err := Encode(step, apiconn.B2X, extensionsAppOfTests, Request{Claims: sent}); err != nil {
			sent = nil // it would not have been sent
		}
		a := Answer{Status: status, ContentType: contentType, Body: slices.Clone(body)}
		v := Judge(step, sent, extensionsAppOfTests, a)
		facts, known := apiconn.ReasonByName(v.Reason)
		failed := v.Action == apiconn.Failed
		switch {
		case !known || failed != (facts.Effect == apiconn.Fails) || facts.Effect == apiconn.Noted:
			t.Errorf("%s with the reason %q", v.Action, v.Reason)
		case !failed && !slices.Contains(step.Answers, v.Action):
			t.Errorf("%s at %s", v.Action, step.Name)
		case !failed && v.Action == apiconn.ValidationError != (status == 400), !failed && status != 200 && status != 400:
			t.Errorf("%s with HTTP %d", v.Action, status)
		case (v.Claims != nil) != (v.Action == apiconn.Continue), (v.UserMessage != "") != (v.Action == apiconn.ShowBlockPage || v.Action == apiconn.ValidationError):
			t.Errorf("%s has claims %v, message %q", v.Action, v.Claims != nil, v.UserMessage)
		case !strings.HasSuffix(v.Detail, ".") || !utf8.ValidString(v.Detail) || len(v.Detail) > 1000 || strings.ContainsAny(v.Detail, "\n\r\x00"):
			t.Errorf("detail %q", v.Detail)
		case len(v.Notes) > MaxNotes:
			t.Errorf("%d notes", len(v.Notes))
		}
		for _, n := range v.Notes {
			if facts, known := apiconn.ReasonByName(n.Reason); !known || facts.Effect != apiconn.Noted || !utf8.ValidString(n.Claim) {
				t.Errorf("note %+v", n)
			}
		}
		if !bytes.Equal(a.Body, body) {
			t.Error("the body was changed")
		}
		if diff := cmp.Diff(v, Judge(step, sent, extensionsAppOfTests, a)); diff != "" {
			t.Errorf("judged again (-first +second):\n%s", diff)
		}
		checkMerged(t, step, sent, v)
	})
}

// checkMerged: the claims of a decision can be kept and read back, and sent at the next step.
func checkMerged(t *testing.T, step apiconn.Step, sent apiconn.Claims, v Verdict) {
	t.Helper()
	merged := Merge(sent, v.Claims, extensionsAppOfTests)
	if !reflect.DeepEqual(merged["email"], sent["email"]) || !reflect.DeepEqual(merged["identities"], sent["identities"]) {
		t.Errorf("claims that cannot be set changed")
	}
	again, err := ParseClaims(AppendClaims(nil, merged))
	if err != nil {
		t.Fatalf("the claims of the decision are refused: %v", err)
	}
	if diff := cmp.Diff(merged, again); diff != "" {
		t.Errorf("the claims of the decision (-want +got):\n%s", diff)
	}
	if _, err := Encode(step, apiconn.B2C, extensionsAppOfTests, Request{Claims: merged}); err != nil {
		t.Errorf("the claims of the decision cannot be sent: %v", err)
	}
}

// FuzzEncode: whatever a caller says, it is refused with a sentence, or what goes out is a flat JSON object without null
// and empty values, in which every claim stands with its value under its canonical name, and which reads back as itself.
func FuzzEncode(f *testing.F) {
	f.Add([]byte(`{"email":"e","identities":[{"signInType":"federated","issuer":"i","issuerAssignedId":"a"}],"extension_A":"<&>","extension_N":1.0}`), "en-US", "93fd07aa-333c-409d-955d-96008fd08dd9", true, uint8(0))
	f.Add([]byte(`{"objectId":"o","city":"","extension_5F0C3B8E-9A55-4A41-8A0E-4F1D0F7A1C11_A":false}`), "", "", false, uint8(2))
	f.Add([]byte(`{"extension_A":"x","extension_5f0c3b8e9a554a418a0e4f1d0f7a1c11_A":"y"}`), "\xff", "\x00", true, uint8(1))
	f.Add([]byte(`{"city":"\ud83d\ude00\u2028\u0000\"\\\/","identities":[],"state":null,"ui_locales":"de"}`), "de", "", false, uint8(0))
	f.Fuzz(func(t *testing.T, raw []byte, locales, client string, b2c bool, place uint8) {
		claims, err := ParseClaims(raw)
		if err != nil {
			checkInvalid(t, err)
			return
		}
		kind := apiconn.B2X
		if b2c {
			kind = apiconn.B2C
		}
		body, err := Encode(apiconn.Steps[int(place)%len(apiconn.Steps)], kind, extensionsAppOfTests, Request{Claims: claims, UILocales: locales, ClientID: client})
		if err != nil {
			checkInvalid(t, err)
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) || bytes.Contains(body, []byte(`\u003c`)) {
			t.Fatalf("%q became %q", raw, body)
		}
		var members map[string]any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&members); err != nil {
			t.Fatal(err)
		}
		for name, value := range members {
			if list, isList := value.([]any); value == nil || value == "" || isList && len(list) == 0 {
				t.Errorf("%q became %q: %s has no value", raw, body, name)
			}
		}
		_, hasStep := members[claimStep]
		if _, hasClient := members[claimClientID]; hasStep != b2c || hasClient != (b2c && client != "") {
			t.Errorf("%q became %q", raw, body)
		}
		delete(members, claimStep)
		delete(members, claimClientID)
		again, err := ParseClaims(mustJSON(t, members))
		if err != nil {
			t.Fatalf("%q became %q, which is refused: %v", raw, body, err)
		}
		want := apiconn.Claims{}
		for name, value := range claims {
			if hasValue(value) {
				want[canonicalClaim(name, extensionsAppOfTests)] = value
			}
		}
		if locales != "" {
			want[claimUILocales] = locales
		}
		if diff := cmp.Diff(want, again); diff != "" {
			t.Errorf("%q became %q (-want +got):\n%s", raw, body, diff)
		}
	})
}

// FuzzParseClaims compares with encoding/json: what is accepted is accepted there, too, and reads back as it was written.
func FuzzParseClaims(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` {"email" : "e" , "city":null}`, `{"identities":[{"signInType":"a","issuer":"b","issuerAssignedId":"c"}]}`, `{"extension_N":1e3,"extension_M":-0}`,
		`{"city":"a","city":"b"}`, `{"city":"\ud800"}`, `{"city":"` + "\xff" + `"}`, `[]`, `{"city":"x"} x`, `{"city":01}`, `{"a":[[[[{}]]]]}`, `{"extension_A":1.5}`, "",
		`{"extension_B":true,"extension_11111111-2222-3333-4444-555555555555_B":"x","ui_locales":"en"}`, `{"city":"\u0063\\u0063\/"}`, `{"city":tru}`, `{"city" "x"}`, `{"":""}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := slices.Clone(raw)
		claims, err := ParseClaims(raw)
		if !bytes.Equal(before, raw) {
			t.Error("the input was changed")
		}
		if err != nil {
			checkInvalid(t, err)
			return
		}
		if !json.Valid(raw) {
			t.Fatalf("%q is accepted", raw)
		}
		text := AppendClaims(nil, claims)
		again, err := ParseClaims(text)
		if err != nil {
			t.Fatalf("%q was read as %q, which is refused: %v", raw, text, err)
		}
		if diff := cmp.Diff(claims, again); diff != "" {
			t.Errorf("%q was read as %q (-first +second):\n%s", raw, text, diff)
		}
	})
}

// checkInvalid: every refusal is the caller's fault and says so in short sentences on one line.
func checkInvalid(t *testing.T, err error) {
	t.Helper()
	e := apiconn.AsError(err)
	if e.Kind != apiconn.Invalid || e.Field == "" || !utf8.ValidString(e.Message) || !strings.HasSuffix(e.Message, ".") || len(e.Message) > 1000 || strings.ContainsAny(e.Message+e.Field, "\n\r\x00") {
		t.Errorf("refused with %#v", e)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
