package app

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/patchbay/patchbay/internal/conntest/pgtest"
)

// TestRepetitionsOutliveRewrap: what was decided and made before changes of the master key is answered after them as it was then,
// to the same request, and to another one under the same key it is refused. What is new is decided as ever.
func TestRepetitionsOutliveRewrap(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "patchbay.db"), "postgres": pgtest.New(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClusterOn(t, database, 1)
			flows, connectors := "/runtime/v1/userFlows/"+c.flow+"/steps/postFederationSignup", "/v1.0/identity/apiConnectors"
			connector := func(name string) string {
				return `{"displayName":"` + name + `","targetUrl":"https://example.com/","authenticationConfiguration":` + basicMembers("p") + `}`
			}
			token := c.token(0)
			var decisions, made []string
			for change := range 3 {
				if change > 0 {
					c.stop()
					key := filepath.Join(t.TempDir(), "new.key")
					if err := c.openLocal().Rewrap(t.Context(), key, ""); err != nil {
						t.Fatal(err)
					}
					c.given = append(c.given, "master_key_file="+key)
					c.start()
				}
				called := c.target.calls.Load()
				for i := range decisions {
					if again := c.step(0, token, fmt.Sprint("journey", i)); again != decisions[i] {
						t.Errorf("the decision from after %d changes is after %d another: %s and %s", i, change, decisions[i], again)
					}
					status, body := c.send(0, http.MethodPost, flows, token, fmt.Sprint("journey", i), `{"claims":{"email":"other@example.com"}}`)
					if status != http.StatusUnprocessableEntity {
						t.Errorf("another step under the key of that from after %d changes: %d %s", i, status, body)
					}
					if again := idIn(c.must(http.StatusCreated, 0, http.MethodPost, connectors, token, fmt.Sprint("once", i), connector("c"))); again != made[i] {
						t.Errorf("the connector from after %d changes is after %d another: %s and %s", i, change, made[i], again)
					}
					if status, body := c.send(0, http.MethodPost, connectors, token, fmt.Sprint("once", i), connector("d")); status != http.StatusUnprocessableEntity {
						t.Errorf("another connector under the key of that from after %d changes: %d %s", i, status, body)
					}
				}
				if n := c.target.calls.Load() - called; n > 0 {
					t.Errorf("after %d changes the endpoint was called %d times more", change, n)
				}
				decisions = append(decisions, c.step(0, token, fmt.Sprint("journey", change)))
				made = append(made, idIn(c.must(http.StatusCreated, 0, http.MethodPost, connectors, token, fmt.Sprint("once", change), connector("c"))))
			}
			if n := c.target.calls.Load(); n != 3 {
				t.Errorf("the endpoint was called %d times, want 3", n)
			}
		})
	}
}
