package conformance

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The ids of Patchbay's messages in Kratos' forms.
const (
	idValidation = 9000001
	idBlocked    = 9000002
	idFailed     = 9000003
	idRefused    = 9000004
)

// person is what somebody types.
func person(email string) map[string]any {
	return map[string]any{
		"email": email, "name": map[string]any{"first": "Rosa", "last": "Keller"}, "city": "zurich",
		"plan": "basic", "member": false, "points": 7.0, "weight": 1.5, "interests": []any{"chess", "tea"},
	}
}

const continued = `{"version":"1.0.0","action":"Continue"}`

func (s *suite) allowed(t *testing.T) {
	t.Run("a user is registered with the claims that the connector returned", func(t *testing.T) {
		s.target.answers(always(http.StatusOK, `{"version":"1.0.0","action":"Continue","city":"Zürich","surname":"Keller-Frey",
			"extension_plan":"gold","extension_member":true,"extension_points":12}`))
		s.wantRegistered(t, s.usual.open(t, "api").send(t, person("allowed@example.com")))
		want := person("allowed@example.com")
		want["name"].(map[string]any)["last"] = "Keller-Frey"
		want["city"], want["plan"], want["member"], want["points"] = "Zürich", "gold", true, 12.0
		s.wantTraits(t, "allowed@example.com", want)
	})
	t.Run("the connector saw the claims by their documented names", func(t *testing.T) {
		requests := s.target.requests()
		if len(requests) != 1 {
			t.Fatalf("the target was asked %d times, want once", len(requests))
		}
		r := requests[0]
		if r.username != connectorUser || r.password != connectorPassword {
			t.Error("the target saw another user name or password than the connector's")
		}
		custom := regexp.MustCompile(`^extension_[0-9a-f]{32}_`)
		got := map[string]any{}
		for name, value := range r.claims {
			got[custom.ReplaceAllString(name, "extension_<app>_")] = value
		}
		want := map[string]any{
			"email": "allowed@example.com", "givenName": "Rosa", "surname": "Keller", "city": "zurich", "ui_locales": "de-CH",
			"extension_<app>_plan": "basic", "extension_<app>_member": false, "extension_<app>_points": 7.0,
		}
		for _, service := range []string{"step", "client_id"} {
			delete(got, service) // whether they are there is the contract of the kind of flow, not of this adapter
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the target saw %v, want %v", got, want)
		}
	})
	t.Run("traits that the connector does not speak of stay as they are", func(t *testing.T) {
		s.target.answers(always(http.StatusOK, continued))
		s.wantRegistered(t, s.usual.open(t, "api").send(t, person("untouched@example.com")))
		s.wantTraits(t, "untouched@example.com", person("untouched@example.com"))
	})
	t.Run("claims without a trait in the identity schema are ignored", func(t *testing.T) {
		s.target.answers(always(http.StatusOK, `{"version":"1.0.0","action":"Continue","jobTitle":"Chief","extension_shoe":"43","extension_interests":"go"}`))
		s.wantRegistered(t, s.usual.open(t, "api").send(t, person("ignored@example.com")))
		s.wantTraits(t, "ignored@example.com", person("ignored@example.com"))
	})
	t.Run("the e-mail address is not overwritten", func(t *testing.T) {
		s.target.answers(always(http.StatusOK, `{"version":"1.0.0","action":"Continue","email":"other@example.com"}`))
		s.wantRegistered(t, s.usual.open(t, "api").send(t, person("mine@example.com")))
		s.wantTraits(t, "mine@example.com", person("mine@example.com"))
		s.wantNobody(t, s.usual, "other@example.com")
	})
	t.Run("a claim for a trait that was left empty fills it in", func(t *testing.T) {
		s.target.answers(always(http.StatusOK, `{"version":"1.0.0","action":"Continue","givenName":"Ida","city":"Bern","extension_points":1}`))
		s.wantRegistered(t, s.usual.open(t, "api").send(t, map[string]any{"email": "empty@example.com"}))
		s.wantTraits(t, "empty@example.com", map[string]any{
			"email": "empty@example.com", "name": map[string]any{"first": "Ida"}, "city": "Bern", "points": 1.0,
		})
	})
	t.Run("a claim of a type that the identity schema does not accept is an error at its field", func(t *testing.T) {
		s.target.answers(always(http.StatusOK, `{"version":"1.0.0","action":"Continue","extension_points":"many"}`))
		o := s.usual.open(t, "api").send(t, map[string]any{"email": "type@example.com"})
		if o.status != http.StatusBadRequest || len(o.fields) != 1 || len(o.fields["traits.points"]) != 1 {
			t.Errorf("Kratos answered %d with the messages %v and %v", o.status, o.messages, o.fields)
		}
		s.wantNobody(t, s.usual, "type@example.com")
	})
	t.Run("a user with a browser is registered, too", func(t *testing.T) {
		s.target.answers(always(http.StatusOK, `{"version":"1.0.0","action":"Continue","city":"Basel"}`))
		s.wantRegistered(t, s.usual.open(t, "browser").send(t, person("browser@example.com")))
		want := person("browser@example.com")
		want["city"] = "Basel"
		s.wantTraits(t, "browser@example.com", want)
	})
	t.Run("a step without a connector lets everybody in", func(t *testing.T) {
		s.target.answers(always(http.StatusInternalServerError, ``))
		s.unlink(t)
		defer s.link(t)
		s.wantRegistered(t, s.usual.open(t, "api").send(t, person("unlinked@example.com")))
		s.wantTraits(t, "unlinked@example.com", person("unlinked@example.com"))
		s.wantAsked(t, 0)
	})
}

func (s *suite) blocked(t *testing.T) {
	const text = "Ihre Anfrage wird geprüft."
	check := func(title, kind, email string) {
		t.Run(title, func(t *testing.T) {
			s.target.answers(always(http.StatusOK, `{"version":"1.0.0","action":"ShowBlockPage","userMessage":"`+text+`"}`))
			s.wantMessage(t, s.usual.open(t, kind).send(t, person(email)), idBlocked, text)
			s.wantNobody(t, s.usual, email)
			s.wantAsked(t, 1)
		})
	}
	check("a blocked user is told why and is not registered", "api", "blocked@example.com")
	check("a blocked user with a browser is told why and is not registered", "browser", "blocked-too@example.com")
}

func (s *suite) corrected(t *testing.T) {
	const text = "Write the city with a capital letter."
	strict := func(claims map[string]any) (int, string) {
		if city, _ := claims["city"].(string); strings.ToLower(city) == city {
			return http.StatusBadRequest, `{"version":"1.0.0","status":400,"action":"ValidationError","userMessage":"` + text + `"}`
		}
		return http.StatusOK, continued
	}
	traits := person("corrected@example.com")
	form := s.usual.open(t, "api")
	s.target.answers(strict)
	t.Run("a ValidationError stands above the form, which keeps what was typed", func(t *testing.T) {
		o := form.send(t, traits)
		s.wantMessage(t, o, idValidation, text)
		if len(o.fields) > 0 || o.values["traits.city"] != "zurich" || o.values["traits.name.first"] != "Rosa" {
			t.Errorf("the form has the messages %v and the values %v", o.fields, o.values)
		}
		s.wantNobody(t, s.usual, "corrected@example.com")
	})
	t.Run("the corrected form registers the user", func(t *testing.T) {
		traits["city"] = "Zurich"
		s.wantRegistered(t, form.send(t, traits))
		s.wantTraits(t, "corrected@example.com", traits)
		s.wantAsked(t, 2)
	})
	t.Run("a ValidationError stands at the field that the hook's URL names", func(t *testing.T) {
		form := s.atCity.open(t, "browser")
		o := form.send(t, person("field@example.com"))
		at := o.fields["traits.city"]
		if o.status != http.StatusBadRequest || len(o.messages) > 0 || len(o.fields) != 1 || len(at) != 1 || at[0].Text != text || at[0].ID != idValidation {
			t.Fatalf("Kratos answered %d with the messages %v and %v", o.status, o.messages, o.fields)
		}
		traits := person("field@example.com")
		traits["city"] = "Chur"
		s.wantRegistered(t, form.send(t, traits))
	})
}

// wantRegistered checks that Kratos made an identity.
func (s *suite) wantRegistered(t *testing.T, o outcome) {
	t.Helper()
	if o.status != http.StatusOK || o.identity == "" {
		t.Fatalf("Kratos answered %d, want an identity: %s", o.status, o.text)
	}
}

// wantTraits checks what the identity with the e-mail address has afterwards.
func (s *suite) wantTraits(t *testing.T, email string, want map[string]any) {
	t.Helper()
	if got := s.usual.traits(t, email); !reflect.DeepEqual(got, want) {
		t.Errorf("the traits of the identity are\n%v, want\n%v", got, want)
	}
}

// wantNobody checks that there is no identity with the e-mail address.
func (s *suite) wantNobody(t *testing.T, k *kratos, email string) {
	t.Helper()
	if got := k.traits(t, email); got != nil {
		t.Errorf("there is an identity with %v", got)
	}
}

// wantMessage checks that Kratos shows the form again with one message of Patchbay's above it, which names its receipt. It
// returns the receipt's id.
func (s *suite) wantMessage(t *testing.T, o outcome, id int, text string) string {
	t.Helper()
	if o.status != http.StatusBadRequest || o.identity != "" || len(o.messages) != 1 {
		t.Fatalf("Kratos answered %d, want the form with one message: %s", o.status, o.text)
	}
	m := o.messages[0]
	if m.ID != id || m.Text != text || m.Type != "error" {
		t.Errorf("the message is %d %q (%s), want %d %q (error)", m.ID, m.Text, m.Type, id, text)
	}
	if names := slices.Collect(func(yield func(string) bool) {
		for name := range o.values {
			if !strings.HasPrefix(name, "traits.") && name != "csrf_token" && name != "method" && name != "password" && name != "screen" && !yield(name) {
				return
			}
		}
	}); len(names) > 0 {
		t.Errorf("the form has the strange inputs %q", names)
	}
	var context struct {
		ReceiptID string `json:"receipt_id"`
	}
	if len(m.Context) > 0 {
		if err := json.Unmarshal(m.Context, &context); err != nil {
			t.Errorf("the message's context: %v", err)
		}
	}
	return context.ReceiptID
}

// wantAsked checks how many invocations the target saw since its answer was set.
func (s *suite) wantAsked(t *testing.T, want int) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range s.target.requests() {
		seen[r.invocation] = true
	}
	if len(seen) != want {
		t.Errorf("the target saw %d invocations, want %d", len(seen), want)
	}
}
