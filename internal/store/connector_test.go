package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// unsealed is c as reads without secrets give it.
func unsealed(c apiconn.Connector) apiconn.Connector {
	c.Authentication = cloneAuthentication(c.Authentication)
	c.Authentication.Sealed = nil
	return c
}

func (h *house) certificate(t testing.TB, c *apiconn.Connector, version int64, thumbprint string) {
	t.Helper()
	member := apiconn.CertificateMember(thumbprint)
	sealed, err := h.seal(t.Context(), c.TenantID, c.ID, member, version, "key of "+thumbprint)
	if err != nil {
		t.Fatal(err)
	}
	if c.Authentication.Sealed == nil {
		c.Authentication.Sealed = make(map[string]apiconn.Sealed)
	}
	c.Authentication.Sealed[member] = sealed
	c.Authentication.Certificates = append(c.Authentication.Certificates, apiconn.Certificate{
		Thumbprint: thumbprint, Subject: "CN=" + thumbprint, NotBefore: start, NotAfter: start.Add(time.Hour), UploadedAt: start,
	})
}

func TestConnectorComesBack(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		want := h.basic(t, tenantA, "a", "secret")
		want.DisplayName, want.TargetURL = `"quoted" 'name' \ 😀`, "https://example.com/?a=1&b=%20#x"
		h.certificate(t, &want, 1, "T2")
		h.certificate(t, &want, 1, "T1")
		h.create(t, want)
		want.Authentication.Certificates[0].Sequence, want.Authentication.Certificates[1].Sequence = 1, 2

		sealed, err := h.ConnectorSealed(t.Context(), tenantA, "a")
		if diff := cmp.Diff(want, sealed); diff != "" || err != nil {
			t.Errorf("with secrets, error %v (-want +got):\n%s", err, diff)
		}
		got, err := h.Connector(t.Context(), tenantA, "a")
		if diff := cmp.Diff(unsealed(want), got); diff != "" || err != nil {
			t.Errorf("without secrets, error %v (-want +got):\n%s", err, diff)
		}
		listed, err := h.Connectors(t.Context(), tenantA, apiconn.Query{})
		if diff := cmp.Diff([]apiconn.Connector{unsealed(want)}, listed.Items); diff != "" || err != nil {
			t.Errorf("listed, error %v (-want +got):\n%s", err, diff)
		}
	})
}

func TestUpdateKeepsWhatItLeavesAlone(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		created := h.basic(t, tenantA, "a", "the password")
		h.certificate(t, &created, 1, "T1")
		h.create(t, created)
		before, err := h.ConnectorSealed(t.Context(), tenantA, "a")
		if err != nil {
			t.Fatal(err)
		}

		got, prior, err := h.UpdateConnector(t.Context(), tenantA, "a", nil, func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
			if c.Version != 1 || c.Authentication.Sealed["password"].Version != 1 || c.Authentication.Sealed["password"].Ciphertext != nil {
				t.Errorf("apply got version %d and members %v", c.Version, c.Authentication.Sealed)
			}
			c.Authentication.Open["username"] = "another"
			// What an update cannot change:
			c.ID, c.TenantID, c.Version, c.CreatedAt = "b", tenantB, 77, time.Time{}
			audit := entry("update")
			return &audit, nil
		})
		if err != nil || prior != nil {
			t.Fatalf("prior %v, error %v", prior, err)
		}
		want := before
		want.Authentication = cloneAuthentication(before.Authentication)
		want.Version, want.ChangedAt = 2, got.ChangedAt
		want.Authentication.Open["username"] = "another"
		if diff := cmp.Diff(unsealed(want), got); diff != "" {
			t.Errorf("returned (-want +got):\n%s", diff)
		}
		if !got.ChangedAt.After(created.ChangedAt) {
			t.Error("ChangedAt is not newer")
		}
		after, err := h.ConnectorSealed(t.Context(), tenantA, "a")
		if diff := cmp.Diff(want, after); diff != "" || err != nil {
			t.Errorf("stored, error %v (-want +got):\n%s", err, diff)
		}
		if secret, err := h.open(t.Context(), after, "password"); err != nil || secret != "the password" {
			t.Errorf("the secret that was left alone: error %v", err)
		}
	})
}

func TestUpdateReplacesMembersAndCertificates(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		created := h.basic(t, tenantA, "a", "old password")
		h.certificate(t, &created, 1, "T1")
		h.certificate(t, &created, 1, "T2")
		h.create(t, created)

		got, _, err := h.UpdateConnector(t.Context(), tenantA, "a", nil, func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
			sealed, err := h.seal(t.Context(), tenantA, "a", "password", c.Version+1, "new password")
			if err != nil {
				return nil, err
			}
			c.Authentication.Sealed["password"] = sealed
			delete(c.Authentication.Sealed, apiconn.CertificateMember("T1"))
			c.Authentication.Certificates = c.Authentication.Certificates[1:]
			h.certificate(t, c, c.Version+1, "T0")
			audit := entry("update")
			return &audit, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		for _, k := range got.Authentication.Certificates {
			order = append(order, k.Thumbprint+" "+decimal(k.Sequence))
		}
		if diff := cmp.Diff([]string{"T2 2", "T0 3"}, order); diff != "" {
			t.Errorf("certificates and sequences (-want +got):\n%s", diff)
		}
		after, err := h.ConnectorSealed(t.Context(), tenantA, "a")
		if err != nil {
			t.Fatal(err)
		}
		secrets := make(map[string]string)
		for member := range after.Authentication.Sealed {
			if secrets[member], err = h.open(t.Context(), after, member); err != nil {
				t.Error(err)
			}
		}
		want := map[string]string{"password": "new password", "certificate/T2": "key of T2", "certificate/T0": "key of T0"}
		if diff := cmp.Diff(want, secrets); diff != "" {
			t.Errorf("secrets (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(got.Authentication.Certificates, after.Authentication.Certificates); diff != "" {
			t.Errorf("returned and stored certificates differ:\n%s", diff)
		}
		var rows int
		if err := h.raw(t).QueryRowContext(t.Context(), "SELECT count(*) FROM secrets").Scan(&rows); err != nil || rows != 3 {
			t.Errorf("%d rows of secrets, want 3; error %v", rows, err)
		}
	})
}

// TestUpdateThatChangesNothing returns no audit entry.
func TestUpdateThatChangesNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		want := unsealed(h.createBasic(t, tenantA, "a", "secret"))
		got, _, err := h.UpdateConnector(t.Context(), tenantA, "a", nil, func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
			c.DisplayName = "not written"
			clear(c.Authentication.Open)
			return nil, nil
		})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("returned, error %v (-want +got):\n%s", err, diff)
		}
		stored, err := h.Connector(t.Context(), tenantA, "a")
		if diff := cmp.Diff(want, stored); diff != "" || err != nil {
			t.Errorf("stored, error %v (-want +got):\n%s", err, diff)
		}
		if n, err := h.CountAuditEntries(t.Context(), tenantA, nil); n != 1 || err != nil {
			t.Errorf("%d audit entries, want that of the creation; error %v", n, err)
		}
	})
}

// TestUpdateRefusesWrongSealing: a member that could not be opened afterwards is a fault of the caller.
func TestUpdateRefusesWrongSealing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		for name, change := range map[string]func(map[string]apiconn.Sealed){
			"the stored version": func(m map[string]apiconn.Sealed) {
				m["password"], _ = h.seal(t.Context(), tenantA, "a", "password", 1, "x")
			},
			"a new one of no ciphertext":  func(m map[string]apiconn.Sealed) { m["other"] = apiconn.Sealed{Version: 2} },
			"an old one of a new version": func(m map[string]apiconn.Sealed) { m["password"] = apiconn.Sealed{Version: 2} },
		} {
			_, _, err := h.UpdateConnector(t.Context(), tenantA, "a", nil, func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
				change(c.Authentication.Sealed)
				audit := entry("")
				return &audit, nil
			})
			if apiconn.KindOf(err) != apiconn.Internal || err == nil {
				t.Errorf("%s: got %v, want an internal error", name, err)
			}
		}
		if c, err := h.Connector(t.Context(), tenantA, "a"); err != nil || c.Version != 1 {
			t.Errorf("the connector is at version %d, error %v", c.Version, err)
		}
	})
}

func TestDeleteConnectorLeavesNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		c := h.basic(t, tenantA, "a", "secret")
		h.certificate(t, &c, 1, "T1")
		h.create(t, c)
		other := h.createBasic(t, tenantA, "b", "secret")
		refuse := apiconn.Errorf(apiconn.Stale, "changed")
		if err := h.DeleteConnector(t.Context(), tenantA, "a", func(apiconn.Connector, []apiconn.UserFlow) ([]apiconn.AuditEntry, error) {
			return nil, refuse
		}); apiconn.KindOf(err) != apiconn.Stale {
			t.Errorf("refused by check: got %v", err)
		}
		if _, err := h.Connector(t.Context(), tenantA, "a"); err != nil {
			t.Errorf("after check refused: %v", err)
		}
		deletion := func(got apiconn.Connector, users []apiconn.UserFlow) ([]apiconn.AuditEntry, error) {
			if got.DisplayName != c.DisplayName || got.Authentication.Sealed != nil || len(users) > 0 {
				t.Errorf("check got %+v", got)
			}
			return []apiconn.AuditEntry{entry("delete")}, nil
		}
		if err := h.DeleteConnector(t.Context(), tenantA, "a", deletion); err != nil {
			t.Fatal(err)
		}
		wantKind(t, h.DeleteConnector(t.Context(), tenantA, "a", deletion), apiconn.NotFound)
		_, err := h.ConnectorSealed(t.Context(), tenantA, "a")
		wantKind(t, err, apiconn.NotFound)
		const message = "Resource 'a' does not exist or one of its queried reference-property objects are not present."
		if got := apiconn.AsError(err).Message; got != message {
			t.Errorf("message %q", got)
		}
		for table, want := range map[string]int{"connectors": 1, "certificates": 0, "secrets": 1, "audit_entries": 3} {
			var n int
			if err := h.raw(t).QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != want {
				t.Errorf("%d rows in %s, want %d; error %v", n, table, want, err)
			}
		}
		if _, err := h.Connector(t.Context(), tenantA, other.ID); err != nil {
			t.Errorf("the other connector: %v", err)
		}
	})
}

func TestCreateConnectorTwice(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		c := h.createBasic(t, tenantA, "a", "secret")
		_, err := h.CreateConnector(t.Context(), c, entry("again"), nil)
		wantKind(t, err, apiconn.Conflict)
		h.createBasic(t, tenantB, "a", "secret")
		if n, err := h.CountAuditEntries(t.Context(), tenantA, nil); n != 1 || err != nil {
			t.Errorf("%d audit entries, want 1; error %v", n, err)
		}
	})
}

// TestOnce repeats requests with an Idempotency-Key.
func TestOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		once := &Once{TenantID: tenantA, AppID: "app", Key: "key", Operation: "POST", MAC: []byte{1, 2}, ExpiresAt: toTime(time.Now().Add(time.Hour).UnixMicro())}
		if prior, err := h.CreateConnector(t.Context(), h.basic(t, tenantA, "a", "secret"), entry("a"), once); prior != nil || err != nil {
			t.Fatalf("the first time: prior %v, error %v", prior, err)
		}
		want := *once
		want.ResultID = "a"
		prior, err := h.CreateConnector(t.Context(), h.basic(t, tenantA, "b", "secret"), entry("b"), once)
		if diff := cmp.Diff(&want, prior); diff != "" || err != nil {
			t.Errorf("again, error %v (-want +got):\n%s", err, diff)
		}
		_, prior, err = h.UpdateConnector(t.Context(), tenantA, "a", once, rename("not done"))
		if diff := cmp.Diff(&want, prior); diff != "" || err != nil {
			t.Errorf("again by an update, error %v (-want +got):\n%s", err, diff)
		}
		if n, err := h.CountConnectors(t.Context(), tenantA, nil); n != 1 || err != nil {
			t.Errorf("%d connectors, want 1; error %v", n, err)
		}
		for name, other := range map[string]Once{
			"another key":         {TenantID: tenantA, AppID: "app", Key: "key 2", ExpiresAt: once.ExpiresAt},
			"another application": {TenantID: tenantA, AppID: "app 2", Key: "key", ExpiresAt: once.ExpiresAt},
		} {
			if _, prior, err := h.UpdateConnector(t.Context(), tenantA, "a", &other, rename(name)); prior != nil || err != nil {
				t.Errorf("%s: prior %v, error %v", name, prior, err)
			}
		}
		if _, prior, err = h.UpdateConnector(t.Context(), tenantA, "a", &Once{AppID: "app", Key: "key 2"}, rename("x")); prior == nil || err != nil {
			t.Errorf("an update's own record: prior %v, error %v", prior, err)
		}

		h.exec(t, 3, "UPDATE idempotency_records SET expires_at = 1")
		if prior, err := h.CreateConnector(t.Context(), h.basic(t, tenantA, "c", "secret"), entry("c"), once); prior != nil || err != nil {
			t.Errorf("after it expired: prior %v, error %v", prior, err)
		}
		if n, err := h.PruneOnce(t.Context(), once.ExpiresAt); n != 3 || err != nil { // the newest took the place of its own older one
			t.Errorf("%d records left, want 3; error %v", n, err)
		}
	})
}
