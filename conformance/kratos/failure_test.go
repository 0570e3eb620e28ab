package conformance

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/conformance/harness"
)

// general is what a user reads when a step could not be decided; the reason is not for him.
const general = "Your sign-up could not be checked. Please try again later."

func (s *suite) failed(t *testing.T) {
	form := s.usual.open(t, "api")
	var receipt string
	t.Run("nobody is registered while the target is down", func(t *testing.T) {
		s.aim(t, "https://"+nobodyListens(t)+"/approve")
		receipt = s.wantMessage(t, form.send(t, person("down@example.com")), idFailed, general)
		s.wantNobody(t, s.usual, "down@example.com")
	})
	t.Run("the receipt says why", func(t *testing.T) {
		var got struct {
			ID     string `json:"id"`
			Action string `json:"action"`
			Reason string `json:"reason"`
		}
		s.do(t, http.MethodGet, "/runtime/v1/invocations/"+receipt, nil, http.StatusOK, &got)
		if got.ID != receipt || got.Action != "Failed" || got.Reason != "connect_refused" {
			t.Errorf("the receipt %s says %+v", receipt, got)
		}
	})
	t.Run("Kratos' log names reason and receipt", func(t *testing.T) {
		log := s.usual.Log.String()
		if !strings.Contains(log, "patchbay: Failed, connect_refused") || !strings.Contains(log, "receipt "+receipt) {
			t.Error("neither is in the log")
		}
	})
	t.Run("the same form registers the user when the target is up again", func(t *testing.T) {
		s.target.answers(always(http.StatusOK, continued))
		s.wantRegistered(t, form.send(t, person("down@example.com")))
		s.wantTraits(t, "down@example.com", person("down@example.com"))
	})
	for _, odd := range []struct {
		title, email string
		status       int
		body         string
	}{
		{"a target that answers HTML lets nobody in", "html@example.com", http.StatusOK, "<html>Sign in</html>"},
		{"a target that answers 503 lets nobody in, and Kratos does not ask again", "busy@example.com", http.StatusServiceUnavailable, ""},
		{"a target that answers 400 of its own kind lets nobody in", "odd@example.com", http.StatusBadRequest, `{"error":"city"}`},
	} {
		t.Run(odd.title, func(t *testing.T) {
			s.target.answers(always(odd.status, odd.body))
			s.wantMessage(t, s.usual.open(t, "api").send(t, person(odd.email)), idFailed, general)
			s.wantNobody(t, s.usual, odd.email)
			s.wantAsked(t, 1)
		})
	}
}

func (s *suite) once(t *testing.T) {
	t.Run("Kratos' own repetition after a broken connection gets the decision that was made", func(t *testing.T) {
		s.target.answers(func(map[string]any) (int, string) {
			s.tunnel.cutNext() // what Patchbay says next is its answer
			return http.StatusOK, `{"version":"1.0.0","action":"Continue","city":"Genève"}`
		})
		s.wantRegistered(t, s.usual.open(t, "api").send(t, person("once@example.com")))
		want := person("once@example.com")
		want["city"] = "Genève"
		s.wantTraits(t, "once@example.com", want)
		if cuts := s.tunnel.howOften(); cuts != 1 {
			t.Errorf("the connection was cut %d times, want once", cuts)
		}
		if n := len(s.target.requests()); n != 1 {
			t.Errorf("the target was asked %d times, want once", n)
		}
	})
	t.Run("a repetition while the connector still thinks waits for the same decision", func(t *testing.T) {
		s.target.answers(func(map[string]any) (int, string) {
			select {
			case <-s.tunnel.cutNow(): // Kratos is back
			case <-time.After(harness.ReadyWithin):
			}
			return http.StatusOK, `{"version":"1.0.0","action":"ShowBlockPage","userMessage":"Once is enough."}`
		})
		s.wantMessage(t, s.usual.open(t, "api").send(t, person("impatient@example.com")), idBlocked, "Once is enough.")
		s.wantNobody(t, s.usual, "impatient@example.com")
		if n := len(s.target.requests()); n != 1 {
			t.Errorf("the target was asked %d times, want once", n)
		}
	})
}

func (s *suite) hook(t *testing.T) {
	t.Run("a hook with a wrong secret registers nobody, and the user is told nothing of it", func(t *testing.T) {
		s.target.answers(always(http.StatusOK, continued))
		// A status that Kratos' client repeats would end without a form.
		s.wantMessage(t, s.stranger.open(t, "api").send(t, person("stranger@example.com")), idRefused, general)
		s.wantNobody(t, s.stranger, "stranger@example.com")
		s.wantAsked(t, 0)
	})
	t.Run("Kratos' log says what is wrong with the hook", func(t *testing.T) {
		if log := s.stranger.Log.String(); !strings.Contains(log, "patchbay: InvalidAuthenticationToken") {
			t.Error("it does not")
		}
	})
}

// nobodyListens is an address at which connections are refused.
func nobodyListens(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
