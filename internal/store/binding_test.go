package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

func TestStepBinding(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		c := h.basic(t, tenantA, "a", "a's password")
		for _, thumbprint := range []string{"T2", "T1", "T3"} { // not in the order of their names
			h.certificate(t, &c, 1, thumbprint)
		}
		h.create(t, c)
		h.exec(t, 1, "DELETE FROM secrets WHERE tenant_id = $1 AND member = $2", tenantA, apiconn.CertificateMember("T3"))
		h.createBasic(t, tenantA, "b", "b's password")
		f := flow(tenantA, "f", "a")
		f.ConnectorIDs["preTokenIssuance"] = "b"
		h.createFlow(t, f)
		settings, err := h.UpdateCallSettings(t.Context(), tenantA, "a", setCalls(func(s *apiconn.CallSettings) { s.Attempts = 5 }))
		if err != nil {
			t.Fatal(err)
		}

		got, err := h.StepBinding(t.Context(), tenantA, apiconn.B2X, "f", "postFederationSignup")
		if diff := cmp.Diff(f, got.Flow); diff != "" || err != nil || !got.Linked {
			t.Fatalf("linked %t, error %v, flow (-want +got):\n%s", got.Linked, err, diff)
		}
		if diff := cmp.Diff(settings, got.Settings); diff != "" {
			t.Errorf("settings (-want +got):\n%s", diff)
		}
		want, err := h.ConnectorSealed(t.Context(), tenantA, "a")
		if diff := cmp.Diff(want, got.Connector); diff != "" || err != nil || len(want.Authentication.Certificates) != 3 {
			t.Errorf("error %v, the connector (-by itself +bound):\n%s", err, diff)
		}
		for member, want := range map[string]string{"password": "a's password", apiconn.CertificateMember("T1"): "key of T1", apiconn.CertificateMember("T2"): "key of T2"} {
			if secret, err := h.open(t.Context(), got.Connector, member); secret != want || err != nil {
				t.Errorf("the member %s did not open to what it was: error %v", member, err)
			}
		}

		got, err = h.StepBinding(t.Context(), tenantA, apiconn.B2X, "f", "preTokenIssuance")
		if want := (apiconn.CallSettings{TenantID: tenantA, ConnectorID: "b"}); err != nil || got.Connector.ID != "b" || !cmp.Equal(want, got.Settings) {
			t.Errorf("the connector %q without settings has %+v, error %v", got.Connector.ID, got.Settings, err)
		}
		got, err = h.StepBinding(t.Context(), tenantA, apiconn.B2X, "f", "postAttributeCollection")
		if diff := cmp.Diff(apiconn.Binding{Flow: f}, got); diff != "" || err != nil {
			t.Errorf("a step that calls none, error %v (-want +got):\n%s", err, diff)
		}
		_, err = h.StepBinding(t.Context(), tenantA, apiconn.B2C, "f", "postFederationSignup") // of the other kind
		wantKind(t, err, apiconn.NotFound)
		if n := h.read.db.Stats().InUse; n != 0 {
			t.Errorf("%d connections are still in use", n)
		}
	})
}

// TestStepBindingIsOfOneMoment: while a connector, its secret and its link change, a step never sees halves of two states.
func TestStepBindingIsOfOneMoment(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "1")
		h.createFlow(t, flow(tenantA, "f", "a"))
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for n := 2; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := h.UpdateConnector(t.Context(), tenantA, "a", nil, func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
					sealed, err := h.seal(t.Context(), tenantA, "a", "password", c.Version+1, "password of "+number(n))
					c.DisplayName, c.Authentication.Sealed["password"] = number(n), sealed
					return &apiconn.AuditEntry{}, err
				}); err != nil {
					t.Error(err)
					return
				}
				connector := "a"
				if n%3 == 0 {
					connector = ""
				}
				if _, err := h.UpdateUserFlow(t.Context(), tenantA, apiconn.B2X, "f", link("postFederationSignup", connector)); err != nil {
					t.Error(err)
					return
				}
			}
		})
		linked, versions := 0, make(map[int64]bool)
		for begin := time.Now(); !t.Failed() && (linked < 300 || len(versions) < 3) && time.Since(begin) < time.Minute; {
			b, err := h.StepBinding(t.Context(), tenantA, apiconn.B2X, "f", "postFederationSignup")
			if err != nil || b.Linked != (b.Flow.ConnectorIDs["postFederationSignup"] == "a") {
				t.Errorf("%+v, error %v", b, err)
			}
			if !b.Linked {
				continue
			}
			linked++
			versions[b.Connector.Version] = true
			secret, err := h.open(t.Context(), b.Connector, "password")
			if err != nil || b.Connector.Version > 1 && secret != "password of "+b.Connector.DisplayName {
				t.Errorf("version %d has the secret of another: error %v", b.Connector.Version, err)
			}
		}
		close(stop)
		wg.Wait()
		if len(versions) < 3 {
			t.Errorf("only %d versions were seen: nothing changed meanwhile", len(versions))
		}
	})
}

// TestSnapshotsDoNotWaitForEachOther: every connection is in a snapshot that goes on while others wait for a connection
// to prepare what is new. With SQLite: PostgreSQL's driver prepares on the connection that it has.
func TestSnapshotsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, newFile(t))
		h.createBasic(t, tenantA, "a", "secret")
		h.createFlow(t, flow(tenantA, "f", "a"))
		ctx := t.Context()
		read := func(ctx context.Context, db *statements) error {
			_, err := readUserFlow(ctx, db, tenantA, apiconn.B2X, "f")
			return err
		}
		if err := h.snapshot(ctx, everyTenant, read); err != nil { // from here on it is known
			t.Fatal(err)
		}
		gate := make(chan struct{})
		var wg sync.WaitGroup
		for range h.read.db.Stats().MaxOpenConnections {
			wg.Go(func() {
				if err := h.snapshot(ctx, everyTenant, func(ctx context.Context, db *statements) error {
					<-gate
					_, err := readCallSettings(ctx, db, tenantA, "a") // which is new
					return errors.Join(err, read(ctx, db))
				}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		for _, tenant := range []string{tenantA, tenantB} {
			wg.Go(func() {
				if err := h.read.kept.queryRow(ctx, "SELECT 1, $1", tenant).Scan(new(int), new(string)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // these wait for a connection
		if n := h.read.db.Stats().WaitCount; n < 2 {
			t.Errorf("%d wait for a connection, want 2", n)
		}
		close(gate)
		wg.Wait()
	})
}

func TestCredentialStates(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		var refs [][2]string
		for i := range refBatch + 1 {
			h.createBasic(t, tenantA, number(i), "secret")
			refs = append(refs, [2]string{tenantA, number(i)})
		}
		twin := h.basic(t, tenantB, number(0), "secret")
		h.certificate(t, &twin, 1, "T1")
		h.certificate(t, &twin, 1, "T2")
		h.create(t, twin)
		settings, err := h.UpdateCallSettings(t.Context(), tenantA, number(0), setCalls(func(s *apiconn.CallSettings) { s.Attempts = 5 }))
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, [2]string{tenantB, number(0)}, [2]string{tenantB, number(1)}, [2]string{tenantA, "gone"}, [2]string{tenantA, number(0)})
		states, err := h.CredentialStates(t.Context(), refs)
		if err != nil || len(states) != refBatch+2 {
			t.Fatalf("%d states, want %d; error %v", len(states), refBatch+2, err)
		}
		first, last := states[[2]string{tenantA, number(0)}], states[[2]string{tenantA, number(refBatch)}]
		if diff := cmp.Diff(settings, first.Settings); diff != "" || first.Connector.ID != number(0) || last.Settings.Version != 0 || last.Settings.ConnectorID != number(refBatch) {
			t.Errorf("settings (-want +got):\n%s\nand those of one without: %+v", diff, last.Settings)
		}
		b := states[[2]string{tenantB, number(0)}].Connector
		if len(b.Authentication.Certificates) != 2 || b.Authentication.Certificates[0].Thumbprint != "T1" || b.Version != 1 {
			t.Errorf("the twin is %+v", b)
		}
		want := map[string]apiconn.Sealed{
			"password": {Version: 1}, apiconn.CertificateMember("T1"): {Version: 1}, apiconn.CertificateMember("T2"): {Version: 1},
		}
		if diff := cmp.Diff(want, b.Authentication.Sealed); diff != "" {
			t.Errorf("its sealed members (-want +got):\n%s", diff)
		}
		if none, err := h.CredentialStates(t.Context(), nil); len(none) != 0 || err != nil {
			t.Errorf("of none: %v, error %v", none, err)
		}
	})
}

// TestCredentialStatesUseTheIndex: the sweeper asks every few seconds and must not read every connector there is.
func TestCredentialStatesUseTheIndex(t *testing.T) {
	t.Parallel()
	h := newHouse(t, newFile(t))
	for _, text := range []string{
		"SELECT " + connectorRowColumns + " FROM connectors" + connectorRowJoin + " WHERE (c.tenant_id, c.id) IN (VALUES ($1, $2), ($3, $4))",
		"SELECT version FROM call_settings WHERE (tenant_id, connector_id) IN (VALUES ($1, $2), ($3, $4))",
	} {
		rows, err := h.read.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, "a", "b", "c", "d")
		plan, err := collect(rows, err, func(row scanner) (step string, err error) {
			var a, b, c int
			return step, row.Scan(&a, &b, &c, &step)
		})
		if err != nil {
			t.Fatal(err)
		}
		if steps := strings.Join(plan, "; "); !strings.HasPrefix(steps, "SEARCH ") || strings.Contains(steps, "SCAN c") {
			t.Errorf("the plan is %q, want a search", steps)
		}
	}
}

func TestExpiringCertificates(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		day := func(n int) time.Time { return start.AddDate(0, 0, n) }
		// connector makes one with certificates from and until the given days, oldest upload first.
		connector := func(tenant, id string, validity ...[2]int) {
			c := h.basic(t, tenant, id, "secret")
			for i, v := range validity {
				h.certificate(t, &c, 1, number(i))
				k := &c.Authentication.Certificates[i]
				k.NotBefore, k.NotAfter = day(v[0]), day(v[1])
			}
			h.create(t, c)
		}
		connector(tenantA, "basic")
		connector(tenantA, "fresh", [2]int{-1, 100})
		connector(tenantA, "ends", [2]int{-100, -50}, [2]int{-1, 10})
		connector(tenantA, "replaced", [2]int{-1, 10}, [2]int{-1, 100})
		connector(tenantA, "newest ends first", [2]int{-1, 100}, [2]int{-1, 10})
		connector(tenantA, "not begun", [2]int{5, 10})
		connector(tenantA, "ended", [2]int{-9, -5}, [2]int{-9, -7}, [2]int{5, 100})
		connector(tenantA, "ends now", [2]int{-9, 0})
		connector(tenantB, "ends", [2]int{-1, 10})
		find := func(tenant string, before time.Time) string {
			t.Helper()
			found, err := h.ExpiringCertificates(t.Context(), tenant, start, before)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range found {
				if e.DisplayName != "name of "+e.ConnectorID {
					t.Errorf("the connector %s has the name %q", e.ConnectorID, e.DisplayName)
				}
				got = append(got, e.TenantID[:1]+" "+e.ConnectorID+" "+strings.TrimLeft(e.Certificate.Thumbprint, "0"))
			}
			return strings.Join(got, ", ")
		}
		const inA = "1 ended 1, 1 ends 1, 1 ends now , 1 newest ends first 1"
		for label, c := range map[string]struct {
			tenant string
			before time.Time
			want   string
		}{
			"within 60 days":          {tenantA, day(60), inA},
			"of all tenants":          {"", day(60), inA + ", 2 ends "},
			"of the other":            {tenantB, day(60), "2 ends "},
			"at the very end":         {tenantA, day(10), "1 ended 1, 1 ends now "},
			"one microsecond later":   {tenantA, day(10).Add(time.Microsecond), inA},
			"what has ended already":  {tenantA, start, "1 ended 1"},
			"of a tenant without any": {"none", day(60), ""},
		} {
			if got := find(c.tenant, c.before); got != c.want {
				t.Errorf("%s: %q, want %q", label, got, c.want)
			}
		}
	})
}
