package store

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/seal"
)

// operation is one or more operations of a store, and what they are called.
type operation struct {
	methods string
	do      func(r round) error
}

// round is one time that everything is done.
type round struct {
	*house
	t *testing.T
	p string // makes names that no other round has
}

// everyOperation does everything that a store can do, so that each statement that it has is run, and leaves rows in every table.
func everyOperation(t *testing.T, h *house, p string) {
	t.Helper()
	for _, o := range operations {
		if err := o.do(round{h, t, p}); err != nil {
			t.Errorf("%s: %v", o.methods, err)
		}
	}
}

// operations are in an order in which later ones find what earlier ones made.
var operations = slices.Concat(connectorOperations, flowOperations, stepOperations, otherOperations, keyOperations)

var connectorOperations = []operation{
	{"CreateConnector", func(r round) error {
		for _, id := range []string{"a", "b", "gone"} {
			c := r.basic(r.t, tenantA, r.p+id, "password of "+r.p+id)
			if id == "b" {
				c.Authentication = apiconn.Authentication{Type: "clientCertificateAuthentication"}
				r.certificate(r.t, &c, 1, "T1")
				r.certificate(r.t, &c, 1, "T2")
			}
			once := &Once{AppID: "app", Key: r.p + id, Operation: "POST /", MAC: []byte{1}, ExpiresAt: soon()}
			if prior, err := r.CreateConnector(r.t.Context(), c, entry("create "+r.p+id), once); prior != nil || err != nil {
				return fmt.Errorf("prior %v, %w", prior, err)
			}
			if prior, err := r.CreateConnector(r.t.Context(), c, entry("create "+r.p+id), once); prior == nil || err != nil {
				return fmt.Errorf("the second time prior %v, %w", prior, err)
			}
		}
		_, err := r.CreateConnector(r.t.Context(), r.basic(r.t, tenantA, r.p+"a", ""), entry(""), nil)
		wantKind(r.t, err, apiconn.Conflict)
		return nil
	}},
	{"UpdateConnector", func(r round) error {
		_, _, err := r.UpdateConnector(r.t.Context(), tenantA, r.p+"a", nil, func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
			sealed, err := r.seal(r.t.Context(), tenantA, r.p+"a", "password", c.Version+1, "new password of "+r.p+"a")
			c.DisplayName, c.Authentication.Sealed["password"] = "neu", sealed
			audit := entry("change")
			return &audit, err
		})
		if err != nil {
			return err
		}
		_, _, err = r.UpdateConnector(r.t.Context(), tenantA, r.p+"b", &Once{AppID: "app", Key: r.p + "change", MAC: []byte{}, ExpiresAt: soon()},
			func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
				delete(c.Authentication.Sealed, apiconn.CertificateMember("T1"))
				c.Authentication.Certificates = slices.DeleteFunc(c.Authentication.Certificates, func(k apiconn.Certificate) bool { return k.Thumbprint == "T1" })
				r.certificate(r.t, c, c.Version+1, "T3")
				audit := entry("change")
				return &audit, nil
			})
		return err
	}},
	{"Connector", func(r round) error {
		_, err := r.Connector(r.t.Context(), tenantA, r.p+"b")
		return err
	}},
	{"ConnectorSealed", func(r round) error {
		c, err := r.ConnectorSealed(r.t.Context(), tenantA, r.p+"a")
		if err != nil {
			return err
		}
		if secret, err := r.open(r.t.Context(), c, "password"); err != nil || secret != "new password of "+r.p+"a" {
			return fmt.Errorf("the password is %q, %w", secret, err)
		}
		return nil
	}},
	{"Connectors CountConnectors", func(r round) error {
		for _, ask := range []apiconn.Query{
			{Search: "neu", Limit: 1},
			{Where: cond("displayName", apiconn.Eq, "neu"), Order: []apiconn.Order{{Property: "displayName"}}, Skip: 1},
			{Where: both(apiconn.Or, cond("displayName", apiconn.Contains, "eu"), cond("targetUrl", apiconn.StartsWith, "https"))},
			{Order: []apiconn.Order{{Property: "displayName"}}, After: []string{"a", "b"}},
			{Order: []apiconn.Order{{Property: "targetUrl", Descending: true}, {Property: "id"}}, After: []string{"z", ""}},
		} {
			if _, err := r.Connectors(r.t.Context(), tenantA, ask); err != nil {
				return err
			}
			if _, err := r.CountConnectors(r.t.Context(), tenantA, ask.Where); err != nil {
				return err
			}
		}
		return nil
	}},
	{"ExpiringCertificates", func(r round) error {
		found, err := r.ExpiringCertificates(r.t.Context(), "", start, start.Add(24*time.Hour))
		if err == nil && len(found) == 0 {
			err = errors.New("none was found")
		}
		return err
	}},
	{"DeleteConnector", func(r round) error {
		return r.DeleteConnector(r.t.Context(), tenantA, r.p+"gone", deleting("delete"))
	}},
}

var flowOperations = []operation{
	{"CreateUserFlow", func(r round) error {
		r.createFlow(r.t, flow(tenantA, r.p+"f", r.p+"a"))
		r.createFlow(r.t, flow(tenantA, r.p+"g", r.p+"b"))
		_, err := r.CreateUserFlow(r.t.Context(), flow(tenantA, r.p+"f", r.p+"a"), entry(""), nil)
		wantKind(r.t, err, apiconn.Conflict)
		return nil
	}},
	{"UpdateUserFlow", func(r round) error {
		for _, connector := range []string{r.p + "b", ""} {
			if _, err := r.UpdateUserFlow(r.t.Context(), tenantA, apiconn.B2X, r.p+"f", link("postAttributeCollection", connector)); err != nil {
				return err
			}
		}
		return nil
	}},
	{"UserFlow UserFlows CountUserFlows UserFlowConnectors", func(r round) error {
		_, err := r.UserFlow(r.t.Context(), tenantA, apiconn.B2X, r.p+"f")
		_, listErr := r.UserFlows(r.t.Context(), tenantA, apiconn.B2X, apiconn.Query{Where: cond("id", apiconn.Eq, r.p+"f")})
		_, countErr := r.CountUserFlows(r.t.Context(), tenantA, apiconn.B2X, nil)
		_, _, boundErr := r.UserFlowConnectors(r.t.Context(), tenantA, apiconn.B2X, r.p+"f")
		return errors.Join(err, listErr, countErr, boundErr)
	}},
	{"DeleteUserFlow", func(r round) error {
		return r.DeleteUserFlow(r.t.Context(), tenantA, apiconn.B2X, r.p+"g", func(apiconn.UserFlow) (apiconn.AuditEntry, error) { return entry(""), nil })
	}},
}

var stepOperations = []operation{
	{"UpdateCallSettings CallSettings", func(r round) error {
		_, err := r.UpdateCallSettings(r.t.Context(), tenantA, r.p+"a", setCalls(func(c *apiconn.CallSettings) { c.Attempts = 3 }))
		got, readErr := r.CallSettings(r.t.Context(), tenantA, r.p+"a")
		if got.Attempts != 3 {
			return fmt.Errorf("the settings are %+v, %w", got, errors.Join(err, readErr))
		}
		return nil
	}},
	{"StepBinding CredentialStates", func(r round) error {
		b, err := r.StepBinding(r.t.Context(), tenantA, apiconn.B2X, r.p+"f", "postFederationSignup")
		if err != nil || !b.Linked || b.Settings.Attempts != 3 {
			return fmt.Errorf("the binding is %+v, %w", b, err)
		}
		states, err := r.CredentialStates(r.t.Context(), [][2]string{{tenantA, r.p + "a"}, {tenantA, r.p + "b"}, {tenantB, r.p + "a"}})
		if err == nil && len(states) != 2 {
			err = fmt.Errorf("%d states", len(states))
		}
		return err
	}},
	{"RecordInvocation Journey", func(r round) error {
		inv := fullInvocation(tenantA, r.p+"i")
		if prior, err := r.RecordInvocation(r.t.Context(), inv, r.journey(r.t, r.p+"k", inv, "decision", soon())); prior != nil || err != nil {
			return fmt.Errorf("prior %v, %w", prior, err)
		}
		r.record(r.t, invocation(tenantB, r.p+"i", start))
		j, err := r.Journey(r.t.Context(), tenantA, r.p+"k", time.Now())
		if err != nil || j == nil {
			return fmt.Errorf("journey %v, %w", j, err)
		}
		_, err = r.decision(r.t, j)
		return err
	}},
	{"Invocation Invocations", func(r round) error {
		_, err := r.Invocation(r.t.Context(), tenantA, r.p+"i")
		_, listErr := r.Invocations(r.t.Context(), tenantA, apiconn.Query{Where: cond("connectorId", apiconn.Eq, "a"), Limit: 1})
		return errors.Join(err, listErr)
	}},
}

var otherOperations = []operation{
	{"CreateTenant Tenants TenantByIDOrName", func(r round) error {
		err := r.CreateTenant(r.t.Context(), apiconn.Tenant{ID: r.p + "tenant", Name: r.p + "contoso.example"})
		_, listErr := r.Tenants(r.t.Context())
		_, oneErr := r.TenantByIDOrName(r.t.Context(), r.p+"contoso.example")
		return errors.Join(err, listErr, oneErr)
	}},
	{"CreateApplication UpdateApplication Application Applications DeleteApplication", func(r round) error {
		app := apiconn.Application{
			TenantID: tenantA, ClientID: r.p + "app", ObjectID: "o", DisplayName: "App", Roles: []string{"r"},
			Credentials: []apiconn.ApplicationCredential{{ID: "1", Kind: apiconn.CredentialSecret, Salt: []byte{1}, Hash: []byte{2}}},
		}
		gone := app
		gone.ClientID = r.p + "gone"
		if err := errors.Join(r.CreateApplication(r.t.Context(), app, entry("")), r.CreateApplication(r.t.Context(), gone, entry(""))); err != nil {
			return err
		}
		err := r.UpdateApplication(r.t.Context(), tenantA, r.p+"app", func(a *apiconn.Application) (*apiconn.AuditEntry, error) {
			a.DisplayName = "Neu"
			audit := entry("")
			return &audit, nil
		})
		_, oneErr := r.Application(r.t.Context(), tenantA, r.p+"app")
		_, listErr := r.Applications(r.t.Context(), tenantA)
		return errors.Join(err, oneErr, listErr, r.DeleteApplication(r.t.Context(), tenantA, r.p+"gone",
			func(apiconn.Application) (apiconn.AuditEntry, error) { return entry(""), nil }))
	}},
	{"AuditEntries CountAuditEntries AuditEntry", func(r round) error {
		page, err := r.AuditEntries(r.t.Context(), tenantA, apiconn.Query{Where: cond("correlationId", apiconn.Eq, "change"), Limit: 1})
		if err != nil || len(page.Items) != 1 {
			return fmt.Errorf("%d entries, %w", len(page.Items), err)
		}
		_, countErr := r.CountAuditEntries(r.t.Context(), tenantA, nil)
		_, oneErr := r.AuditEntry(r.t.Context(), tenantA, page.Items[0].ID)
		return errors.Join(countErr, oneErr)
	}},
	{"PruneAudit PruneInvocations PruneJourneys PruneOnce", func(r round) error {
		longAgo := time.Unix(1, 0)
		_, auditErr := r.PruneAudit(r.t.Context(), longAgo)
		_, invocationErr := r.PruneInvocations(r.t.Context(), longAgo)
		_, journeyErr := r.PruneJourneys(r.t.Context(), longAgo)
		_, onceErr := r.PruneOnce(r.t.Context(), longAgo)
		return errors.Join(auditErr, invocationErr, journeyErr, onceErr)
	}},
	{"SetMeta Meta", func(r round) error {
		err := errors.Join(r.SetMeta(r.t.Context(), r.p+"fact", "1"), r.SetMeta(r.t.Context(), r.p+"fact", "2"))
		if value, ok, readErr := r.Meta(r.t.Context(), r.p+"fact"); value != "2" || !ok || readErr != nil {
			return fmt.Errorf("the fact is %q, %w", value, errors.Join(err, readErr))
		}
		return err
	}},
	{"Ping", func(r round) error { return r.Ping(r.t.Context()) }},
}

var keyOperations = []operation{
	{"AddSigningKey RetireSigningKey DeleteSigningKeys SigningKeys", func(r round) error {
		r.addSigningKey(r.t, r.p+"1")
		r.addSigningKey(r.t, r.p+"2")
		err := r.RetireSigningKey(r.t.Context(), r.p+"1", start)
		n, deleteErr := r.DeleteSigningKeys(r.t.Context(), start.Add(time.Hour))
		if n != 1 {
			return fmt.Errorf("%d keys were deleted, %w", n, errors.Join(err, deleteErr))
		}
		_, err = r.SigningKeys(r.t.Context())
		return err
	}},
	{"RewrapKeyRing", func(r round) error {
		stored, _, err := r.KeyRing(r.t.Context())
		if err != nil {
			return err
		}
		earlier, err := masterOf(r.t, earlierKey).CarryRoots(r.master, nil)
		if err != nil {
			return err
		}
		return r.RewrapKeyRing(r.t.Context(), stored.Version, stored.Wrapped, earlier)
	}},
	{"KeyRing ReplaceKeyRing SealedUnderOtherKeys Reseal AllSealed", func(r round) error {
		primary, old := r.rotate(r.t)
		rows, err := r.SealedUnderOtherKeys(r.t.Context(), primary, nil, 10_000)
		if err != nil || len(rows) == 0 {
			return fmt.Errorf("%d rows are under the old key, %w", len(rows), err)
		}
		if n, err := r.Reseal(r.t.Context(), r.resealed(r.t, rows)); err != nil || n != int64(len(rows)) {
			return fmt.Errorf("%d of %d rows were sealed again, %w", n, len(rows), err)
		}
		stored, _, err := r.KeyRing(r.t.Context())
		if err != nil {
			return err
		}
		ring, err := seal.OpenRing(r.master, stored.Wrapped)
		if err != nil {
			return err
		}
		if ring, err = ring.DropOldKeys(); err != nil {
			return err
		}
		r.replaceRing(r.t, stored.Version, ring, old)
		for row, err := range r.AllSealed(r.t.Context()) {
			if err != nil {
				return err
			}
			if _, err := r.openRow(r.t.Context(), row); err != nil {
				return fmt.Errorf("%s %s: %w", row.OwnerID, row.Member, err)
			}
		}
		return nil
	}},
}

// TestEveryOperationIsOne keeps operations complete: a method that is added to Store needs a place there.
func TestEveryOperationIsOne(t *testing.T) {
	t.Parallel()
	var done []string
	for _, o := range operations {
		done = append(done, strings.Fields(o.methods)...)
	}
	typ := reflect.TypeFor[*Store]()
	for i := range typ.NumMethod() {
		if name := typ.Method(i).Name; name != "Close" && !slices.Contains(done, name) {
			t.Errorf("no operation of operations_test.go does %s", name)
		}
	}
}

// TestEveryOperationFillsEveryTable: what the tests of copies and of older schemas say of the operations' rows, they say of all
// tables.
func TestEveryOperationFillsEveryTable(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		everyOperation(t, h, "")
		raw := h.raw(t)
		tables, _, err := h.dialect.catalog.readTables(t.Context(), raw)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, table := range tables {
			names = append(names, table.name)
		}
		if diff := cmp.Diff(tablesOfMigrations(t, h.dialect), names); diff != "" {
			t.Errorf("the tables (-migrations +catalog):\n%s", diff)
		}
		for _, table := range tables {
			var has bool
			if err := raw.QueryRowContext(t.Context(), "SELECT EXISTS (SELECT 1 FROM "+quoted(table.name)+")").Scan(&has); err != nil || !has {
				t.Errorf("the table %s is empty, error %v", table.name, err)
			}
		}
	})
}

// tablesOfMigrations are the tables that the migrations' texts make.
func tablesOfMigrations(t *testing.T, d dialect) (names []string) {
	t.Helper()
	files, err := d.files()
	if err != nil {
		t.Fatal(err)
	}
	all, err := fs.Glob(files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		text, err := fs.ReadFile(files, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`).FindAllSubmatch(text, -1) {
			names = append(names, string(found[1]))
		}
	}
	slices.Sort(names)
	return names
}
