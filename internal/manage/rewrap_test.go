package manage_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/seal"
)

func TestRewrapChangesTheMasterKeyOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	master := newRing(t, path)
	h := openHouse(t, path, master)
	id := h.create(t, "connector", "a-password")
	next, err := seal.GenerateMasterKey(seal.Production)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.rotation.Rewrap(t.Context(), h.operator, next); err != nil {
		t.Fatal(err)
	}
	if got, _, err := openHouse(t, path, next).password(t, id); err != nil || got != "a-password" {
		t.Errorf("under the new master key: %q, %v", got, err)
	}
	if _, _, err := openHouse(t, path, master).password(t, id); !errors.Is(err, seal.ErrRing) {
		t.Errorf("under the old master key: %v", err)
	}
}

// TestRewrapKeepsWhatHappenedOnce: a request from before a change of the master key is recognised after it, and so is another one
// under its key. If what was carried does not open, it is refused as another one, and nothing else is the matter.
func TestRewrapKeepsWhatHappenedOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	h := openHouse(t, path, newRing(t, path))
	connector, flow := h.once(t, "body")
	for range 2 {
		next, err := seal.GenerateMasterKey(seal.Production)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.rotation.Rewrap(t.Context(), h.operator, next); err != nil {
			t.Fatal(err)
		}
		h = openHouse(t, path, next)
		if c, f := h.once(t, "body"); c == nil || *c != *connector || f == nil || *f != *flow {
			t.Errorf("made again: %v and %v, at first %s and %s", c, f, *connector, *flow)
		}
		if c, f := h.once(t, "other body"); c != nil || f != nil {
			t.Errorf("made of another request: %v and %v", c, f)
		}
		if _, err := h.rotation.Rotate(t.Context(), h.operator); err != nil {
			t.Fatal(err)
		}
		if lost, err := h.rotation.EarlierLost(t.Context(), h.operator); lost || err != nil {
			t.Errorf("what was carried is lost: %v, %v", lost, err)
		}
	}
	tamper(t, path, "UPDATE key_ring SET earlier_roots = substr(earlier_roots, 2)")
	h = openHouse(t, path, h.rotation.Master)
	if lost, err := h.rotation.EarlierLost(t.Context(), h.operator); !lost || err != nil {
		t.Errorf("after the damage it is lost: %v, %v", lost, err)
	}
	if c, f := h.once(t, "body"); c != nil || f != nil {
		t.Errorf("after the damage: %v and %v", c, f)
	}
	if _, damaged, err := h.rotation.Verify(t.Context(), h.operator); damaged != nil || err != nil {
		t.Errorf("after the damage verify finds %v, %v", damaged, err)
	}
	h.create(t, "new", "a-password")
}

// once makes a connector and a user flow under two Idempotency-Keys, and returns their ids; nil for what is refused because the
// key was used with another request.
func (h *house) once(t *testing.T, body string) (connector, flow *string) {
	t.Helper()
	name, url := "once", "https://api.example/check"
	c, err := h.CreateConnector(t.Context(), h.operator, manage.ConnectorPatch{
		DisplayName: &name, TargetURL: &url, Authentication: basic("a-password"),
	}, manage.Once{Key: "connector", Body: []byte(body)})
	if err == nil {
		connector = &c.ID
	} else {
		wantReason(t, err, apiconn.ReasonIdempotencyMismatch)
	}
	id, kind, version := "once", "signUpOrSignIn", float32(1)
	f, err := h.CreateUserFlow(t.Context(), h.operator, apiconn.B2X, manage.UserFlowGiven{ID: &id, Type: &kind, TypeVersion: &version}, manage.Once{Key: "flow", Body: []byte(body)})
	if err == nil {
		flow = &f.ID
	} else {
		wantReason(t, err, apiconn.ReasonIdempotencyMismatch)
	}
	return connector, flow
}
