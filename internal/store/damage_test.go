package store

import (
	"errors"
	"slices"
	"testing"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/seal"
)

const (
	onlyA    = "tenant_id = '" + tenantA + "' AND owner_id = 'a'"
	password = " AND member = 'password'"
)

// damages are ways to change the password of tenant A's connector a past the store, as somebody with the file could.
func damages(t *testing.T, h *house) map[string]func() {
	t.Helper()
	return map[string]func(){
		"a flipped bit": func() {
			r := h.secretRow(t, onlyA+password)
			r.Sealed.Ciphertext[len(r.Sealed.Ciphertext)/2] ^= 0x10
			h.exec(t, 1, "UPDATE secrets SET ciphertext = $1 WHERE "+onlyA+password, r.Sealed.Ciphertext)
		},
		"a cut": func() {
			r := h.secretRow(t, onlyA+password)
			h.exec(t, 1, "UPDATE secrets SET ciphertext = $1 WHERE "+onlyA+password, r.Sealed.Ciphertext[:len(r.Sealed.Ciphertext)-1])
		},
		"emptied": func() {
			h.exec(t, 1, "UPDATE secrets SET ciphertext = $1 WHERE "+onlyA+password, []byte{})
		},
		"deleted": func() { h.exec(t, 1, "DELETE FROM secrets WHERE "+onlyA+password) },
		"that of another connector": func() {
			h.putBack(t, h.secretRow(t, "tenant_id = '"+tenantA+"' AND owner_id = 'b'"))
		},
		"that of another member": func() { h.putBack(t, h.secretRow(t, onlyA+" AND member <> 'password'")) },
		"that of the same connector's id in another tenant": func() {
			h.putBack(t, h.secretRow(t, "tenant_id = '"+tenantB+"'"))
		},
		"its own from an older version, ciphertext only": func() {
			old := h.secretRow(t, onlyA+password)
			if err := h.setPassword(t.Context(), "a", "newer"); err != nil {
				t.Fatal(err)
			}
			h.exec(t, 1, "UPDATE secrets SET ciphertext = $1 WHERE "+onlyA+password, old.Sealed.Ciphertext)
		},
		"its own from an older version, the whole row": func() {
			old := h.secretRow(t, onlyA+password)
			if err := h.setPassword(t.Context(), "a", "newer"); err != nil {
				t.Fatal(err)
			}
			h.putBack(t, old)
		},
		"another key's id": func() {
			h.exec(t, 1, "UPDATE secrets SET key_id = key_id + 1 WHERE "+onlyA+password)
		},
	}
}

// TestDamagedRowsFailClosed opens a damaged password through the store.
func TestDamagedRowsFailClosed(t *testing.T) {
	t.Parallel()
	for name := range damages(t, nil) {
		t.Run(name, func(t *testing.T) {
			onEachEngine(t, func(t *testing.T, h *house) {
				c := h.basic(t, tenantA, "a", "a's password")
				h.certificate(t, &c, 1, "T1")
				h.create(t, c)
				h.createBasic(t, tenantA, "b", "b's password")
				h.createBasic(t, tenantB, "a", "B's password")
				damages(t, h)[name]()

				damaged, err := h.ConnectorSealed(t.Context(), tenantA, "a")
				if err != nil {
					t.Fatal(err)
				}
				if secret, err := h.open(t.Context(), damaged, "password"); !errors.Is(err, seal.ErrDamaged) || secret != "" {
					t.Errorf("it opened as %d bytes, error %v", len(secret), err)
				}
				if secret, err := h.open(t.Context(), damaged, apiconn.CertificateMember("T1")); err != nil || secret != "key of T1" {
					t.Errorf("the member that was not damaged: error %v", err)
				}
				var bad []string
				for row, err := range h.AllSealed(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					if _, err := h.openRow(t.Context(), row); err != nil {
						bad = append(bad, row.TenantID+" "+row.OwnerID+" "+row.Member)
					}
				}
				if want := []string{tenantA + " a password"}; !slices.Equal(bad, want) {
					t.Errorf("verifying found %v, want %v", bad, want)
				}
			})
		})
	}
}

// secretRow reads a row of secrets past the store.
func (h *house) secretRow(t *testing.T, where string) SealedRow {
	t.Helper()
	r, err := scanSealed(h.raw(t).QueryRowContext(t.Context(), "SELECT "+sealedColumns+" FROM secrets WHERE "+where))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// putBack writes all that a row has into the row of a's password.
func (h *house) putBack(t *testing.T, r SealedRow) {
	t.Helper()
	h.exec(t, 1, "UPDATE secrets SET version = $1, key_id = $2, ciphertext = $3 WHERE "+onlyA+password,
		r.Sealed.Version, int64(r.Sealed.KeyID), r.Sealed.Ciphertext)
}

// TestAllSealedFindsEverything has more connectors than one of its pages.
func TestAllSealedFindsEverything(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		want := 0
		for _, tenant := range []string{tenantA, tenantB} {
			for i := range verifyPage*3/4 + 1 {
				h.createBasic(t, tenant, number(i), "secret")
				want++
			}
		}
		h.create(t, apiconn.Connector{TenantID: tenantA, ID: "without secrets"})
		h.addSigningKey(t, "k")
		want++
		got := make(map[string]bool)
		rows := 0
		for row, err := range h.AllSealed(t.Context()) {
			rows++
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.openRow(t.Context(), row); err != nil {
				t.Error(err)
			}
			got[row.TenantID+"/"+row.OwnerID+"/"+row.Member] = true
		}
		if len(got) != want || rows != want {
			t.Errorf("%d values in %d rows, want %d", len(got), rows, want)
		}
		for range h.AllSealed(t.Context()) {
			break // leaving early must not leave a transaction open
		}
		if n := h.read.db.Stats().InUse; n != 0 {
			t.Errorf("%d connections are still in use", n)
		}
	})
}
