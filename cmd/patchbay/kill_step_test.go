package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestKill9BetweenAnswerAndCommit runs steps of eight journeys at a time against an endpoint that never answers the same
// twice, kills the program with SIGKILL the moment the endpoint has answered one of them, starts it again and repeats
// every journey twice: no journey ever hears of two decisions, and the endpoint never sees two invocation ids for one.
func TestKill9BetweenAnswerAndCommit(t *testing.T) {
	t.Parallel()
	s := &victim{dir: filepath.Join(t.TempDir(), "dev"), listen: freePort(t)}
	s.start(t)
	s.connect(t)
	endpoint := newFickleEndpoint(t)
	s.bindFickle(t, endpoint)
	first, cut, twice := 0, 0, 0
	for round := range *killRounds {
		var journeys []string
		for i := range 8 {
			journeys = append(journeys, fmt.Sprintf("journey-%d-%d", round, i))
		}
		heard := s.strike(t, endpoint, journeys)
		first, cut = first+len(heard), cut+len(journeys)-len(heard)
		s.start(t)
		for _, key := range journeys {
			for range 2 {
				again, err := s.takeStep(t.Context(), key)
				if err != nil {
					t.Fatal(err)
				}
				if before, known := heard[key]; known && before != again {
					t.Errorf("%s was decided as %s and then as %s", key, before, again)
				}
				heard[key] = again
			}
		}
		twice += endpoint.check(t)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	s.kill(t)
	if twice == 0 {
		t.Error("no journey was ever called for twice: the kills never came between an answer and its commit")
	}
	t.Logf("%d kills, %d decisions heard before one, %d cut off, %d journeys called for again with the same id", *killRounds, first, cut, twice)
}

// fickleEndpoint answers every call with another number.
type fickleEndpoint struct {
	*httptest.Server

	mu    sync.Mutex
	calls int
	ids   map[string]map[string]int // journey, told by its email → invocation id → how often
	left  int                       // answers until strike
	hit   func()
}

func newFickleEndpoint(t *testing.T) *fickleEndpoint {
	t.Helper()
	e := &fickleEndpoint{ids: map[string]map[string]int{}}
	e.Server = httptest.NewUnstartedServer(e)
	e.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // a caller that was killed is no news
	e.StartTLS()
	t.Cleanup(e.Close)
	return e
}

func (e *fickleEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var claims struct{ Email string }
	_ = json.NewDecoder(r.Body).Decode(&claims) // a cut-off request has no email, and check finds it
	e.mu.Lock()
	e.calls++
	number := e.calls
	if e.ids[claims.Email] == nil {
		e.ids[claims.Email] = map[string]int{}
	}
	e.ids[claims.Email][r.Header.Get("Patchbay-Invocation-Id")]++
	e.left--
	strike := e.left == 0
	hit := e.hit
	e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"version":"1.0.0","action":"Continue","extension_Number":"%d"}`, number)
	_ = http.NewResponseController(w).Flush() // the program may be gone already
	if strike {
		hit()
	}
}

// aim makes the endpoint call hit once, behind its nth answer from now on.
func (e *fickleEndpoint) aim(n int, hit func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.left, e.hit = n, hit
}

// check makes sure that each journey has one invocation id, forgets them, and returns how many were called for again.
func (e *fickleEndpoint) check(t *testing.T) (again int) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for journey, ids := range e.ids {
		if len(ids) != 1 || journey == "" {
			t.Errorf("the endpoint saw these invocation ids for %q: %v", journey, ids)
		}
		for _, n := range ids {
			if n > 1 {
				again++
			}
		}
	}
	clear(e.ids)
	return again
}

// bindFickle makes a connector for the endpoint and a user flow that calls it.
func (s *victim) bindFickle(t *testing.T, e *fickleEndpoint) {
	t.Helper()
	var made struct{ ID string }
	s.ask(t, http.MethodPost, connectorsPath, "application/json", strings.ReplaceAll(state(0), "https://api.example/0", e.URL), &made)
	root, err := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw})))
	if err != nil {
		t.Fatal(err)
	}
	var settings, flow map[string]any
	s.ask(t, http.MethodPatch, "/runtime/v1/connectors/"+made.ID+"/callSettings", "application/json", `{"trustedRoots":`+string(root)+`}`, &settings)
	s.ask(t, http.MethodPost, "/v1.0/identity/b2xUserFlows", "application/json", `{"id":"fickle","userFlowType":"signUpOrSignIn",`+
		`"userFlowTypeVersion":1,"apiConnectorConfiguration":{"postAttributeCollection":{"id":"`+made.ID+`"}}}`, &flow)
}

// strike takes a step of every journey at once and kills the server behind a random one of the endpoint's answers. It
// returns the decisions that were heard of before that.
func (s *victim) strike(t *testing.T, e *fickleEndpoint, journeys []string) map[string]string {
	t.Helper()
	struck := make(chan struct{})
	e.aim(1+rand.IntN(len(journeys)), func() {
		s.kill(t)
		close(struck)
	})
	heard := map[string]string{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, key := range journeys {
		wg.Go(func() {
			decision, err := s.takeStep(t.Context(), key)
			if err != nil {
				return // cut off
			}
			mu.Lock()
			defer mu.Unlock()
			heard[key] = decision
		})
	}
	wg.Wait()
	<-struck
	return heard
}

// takeStep reports the step of a journey and returns the decision as it was answered.
func (s *victim) takeStep(ctx context.Context, key string) (string, error) {
	body := fmt.Sprintf(`{"claims":{"email":"%s@example.com"}}`, key)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.env["PATCHBAY_URL"]+"/runtime/v1/userFlows/B2X_1_fickle/steps/postAttributeCollection", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	answer, err := s.client.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK || !bytes.Contains(text, []byte(`"action":"Continue"`)) {
		return "", fmt.Errorf("%s answered %s: %s", key, answer.Status, text)
	}
	return string(text), nil
}
