package manage_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/credential"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/seal"
	"github.com/patchbay/patchbay/internal/store"
)

// text is a pointer to s, for a patch.
func text(s string) *string { return &s }

// given is a Basic configuration with those members, name and value in turn.
func given(members ...string) *manage.AuthenticationGiven {
	g := &manage.AuthenticationGiven{Type: "microsoft.graph.basicAuthentication", Members: map[string]any{}}
	for i := 0; i+1 < len(members); i += 2 {
		g.Members[members[i]] = members[i+1]
	}
	return g
}

// full is a patch with everything that a new connector needs.
func full(name string) manage.ConnectorPatch {
	return manage.ConnectorPatch{DisplayName: text(name), TargetURL: text("https://api.contoso.example/" + name), Authentication: given("username", "u", "password", "p")}
}

// newConnector makes one and returns its id.
func newConnector(t *testing.T, i *conntest.Installation, patch manage.ConnectorPatch) string {
	t.Helper()
	view, err := i.Manage.CreateConnector(t.Context(), i.Operator, patch, manage.Once{})
	if err != nil {
		t.Fatal(err)
	}
	return view.ID
}

// sealed returns a connector as it lies in the database.
func sealed(t *testing.T, i *conntest.Installation, id string) apiconn.Connector {
	t.Helper()
	c, err := i.Store.ConnectorSealed(t.Context(), i.Tenant.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// entries are the audit entries about connectors, newest first.
func entries(t *testing.T, i *conntest.Installation) []apiconn.AuditEntry {
	t.Helper()
	page, err := i.Manage.ListAuditEntries(t.Context(), i.Operator, apiconn.Query{
		Where: &apiconn.Condition{Op: apiconn.Eq, Property: "category", Values: []string{"ResourceManagement"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return page.Items
}

// TestOnlyWhoMay: each operation asks first, before it looks at what is asked.
func TestOnlyWhoMay(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	m := i.Manage
	id := newConnector(t, i, full("a"))
	read, write, audit := auth.APIConnectorsReadAll, auth.APIConnectorsReadWriteAll, auth.AuditLogReadAll
	operations := map[string]struct {
		may []auth.Permission
		run func(ctx context.Context, who auth.Caller) error
	}{
		"list": {[]auth.Permission{read, write}, func(ctx context.Context, who auth.Caller) error {
			_, err := m.ListConnectors(ctx, who, apiconn.Query{})
			return err
		}},
		"count": {[]auth.Permission{read, write}, func(ctx context.Context, who auth.Caller) error {
			_, err := m.CountConnectors(ctx, who, nil)
			return err
		}},
		"get": {[]auth.Permission{read, write}, func(ctx context.Context, who auth.Caller) error {
			_, err := m.GetConnector(ctx, who, id)
			return err
		}},
		"create": {[]auth.Permission{write}, func(ctx context.Context, who auth.Caller) error {
			_, err := m.CreateConnector(ctx, who, manage.ConnectorPatch{}, manage.Once{})
			return err
		}},
		"update": {[]auth.Permission{write}, func(ctx context.Context, who auth.Caller) error {
			_, err := m.UpdateConnector(ctx, who, id, manage.ConnectorPatch{DisplayName: text("")}, manage.Precondition{})
			return err
		}},
		"upload": {[]auth.Permission{write}, func(ctx context.Context, who auth.Caller) error {
			_, err := m.UploadClientCertificate(ctx, who, id, manage.AuthenticationGiven{}, manage.Precondition{}, manage.Once{})
			return err
		}},
		"delete": {[]auth.Permission{write}, func(ctx context.Context, who auth.Caller) error {
			return m.DeleteConnector(ctx, who, "none", manage.Precondition{})
		}},
		"list audit": {[]auth.Permission{audit}, func(ctx context.Context, who auth.Caller) error {
			_, err := m.ListAuditEntries(ctx, who, apiconn.Query{})
			return err
		}},
		"get audit": {[]auth.Permission{audit}, func(ctx context.Context, who auth.Caller) error {
			_, err := m.GetAuditEntry(ctx, who, "none")
			return err
		}},
	}
	for name, op := range operations {
		for _, facts := range auth.Permissions() {
			may := false
			for _, p := range op.may {
				may = may || p == facts.Permission
			}
			err := op.run(t.Context(), i.Operator.Limit(facts.Permission))
			if refused := err != nil && apiconn.KindOf(err) == apiconn.Forbidden; refused == may {
				t.Errorf("%s with %s: %v", name, facts.Permission, err)
			}
		}
		wantKind(t, op.run(t.Context(), i.Operator.Limit()), apiconn.Forbidden)
	}
}

// TestAuditOfChanges: one entry per change, naming what changed and masking secrets; none where nothing changed.
func TestAuditOfChanges(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	ctx := apiconn.WithRequestID(t.Context(), "the request")
	id := newConnector(t, i, manage.ConnectorPatch{
		DisplayName: text("One"), TargetURL: text("https://api.contoso.example/?code=key1&x"), Authentication: given("username", "u", "password", "secret1"),
	})
	const configuration = "authenticationConfiguration/"
	steps := []struct {
		name  string
		patch manage.ConnectorPatch
		want  []apiconn.Modified // nil: no entry
	}{
		{"nothing", manage.ConnectorPatch{}, nil},
		{"the same again", manage.ConnectorPatch{DisplayName: text("One"), TargetURL: text("https://api.contoso.example/?code=key1&x"), Authentication: given("username", "u", "password", credential.Mask)}, nil},
		{"name", manage.ConnectorPatch{DisplayName: text("Two")}, []apiconn.Modified{{Property: "displayName", Old: "One", New: "Two"}}},
		{"key of the URL", manage.ConnectorPatch{TargetURL: text("https://api.contoso.example/?code=key2&x")}, []apiconn.Modified{
			{Property: "targetUrl", Old: "https://api.contoso.example/?code=******&******", New: "https://api.contoso.example/?code=******&******"},
		}},
		{"user name", manage.ConnectorPatch{Authentication: given("username", "v")}, []apiconn.Modified{{Property: configuration + "username", Old: "u", New: "v"}}},
		{"password", manage.ConnectorPatch{Authentication: given("password", "secret2")}, []apiconn.Modified{{Property: configuration + "password", Old: credential.Mask, New: credential.Mask}}},
		{"the same password", manage.ConnectorPatch{Authentication: given("password", "secret2")}, []apiconn.Modified{{Property: configuration + "password", Old: credential.Mask, New: credential.Mask}}},
		{"all", manage.ConnectorPatch{DisplayName: text("Three"), TargetURL: text("https://api.contoso.example/"), Authentication: given("username", "w", "password", "secret3")}, []apiconn.Modified{
			{Property: "displayName", Old: "Two", New: "Three"},
			{Property: "targetUrl", Old: "https://api.contoso.example/?code=******&******", New: "https://api.contoso.example/"},
			{Property: configuration + "password", Old: credential.Mask, New: credential.Mask},
			{Property: configuration + "username", Old: "v", New: "w"},
		}},
	}
	for _, step := range steps {
		before := entries(t, i)
		version := sealed(t, i, id).Version
		i.Clock.Advance(time.Second)
		view, err := i.Manage.UpdateConnector(ctx, i.Operator, id, step.patch, manage.Precondition{})
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		after := entries(t, i)
		if step.want == nil {
			if len(after) != len(before) || view.Version != version {
				t.Errorf("%s: %d entries more, version %d after %d", step.name, len(after)-len(before), view.Version, version)
			}
			continue
		}
		if len(after) != len(before)+1 || view.Version != version+1 {
			t.Errorf("%s: %d entries more, version %d after %d", step.name, len(after)-len(before), view.Version, version)
			continue
		}
		want := apiconn.AuditEntry{
			TenantID: i.Tenant.ID, ID: after[0].ID, At: i.Clock.Now(), Activity: apiconn.ActivityUpdateConnector, Category: "ResourceManagement",
			Service: "B2C", Operation: "Update", CorrelationID: "the request", Actor: i.Operator.Actor(),
			Targets: []apiconn.AuditTarget{{ID: id, DisplayName: view.DisplayName, Type: "IdentityApiConnector", Modified: step.want}},
		}
		if diff := cmp.Diff(want, after[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
	refused := []manage.ConnectorPatch{
		{DisplayName: text("")}, {TargetURL: text("ftp://x")}, {DisplayName: text("x"), Authentication: given("username", "a:b")}, {Authentication: given("extra", "x")},
	}
	before := entries(t, i)
	for _, patch := range refused {
		_, err := i.Manage.UpdateConnector(ctx, i.Operator, id, patch, manage.Precondition{})
		wantKind(t, err, apiconn.Invalid)
	}
	if after := entries(t, i); len(after) != len(before) {
		t.Errorf("refused changes have %d audit entries", len(after)-len(before))
	}
}

// TestUnmentionedSecretsAreNotTouched: manage could not open them even if it wanted.
func TestUnmentionedSecretsAreNotTouched(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	id := newConnector(t, i, full("a"))
	before := sealed(t, i, id).Authentication.Sealed["password"]
	for _, patch := range []manage.ConnectorPatch{
		{DisplayName: text("b")}, {Authentication: given("username", "v")}, {Authentication: given("username", "w", "password", credential.Mask)},
	} {
		if _, err := i.Manage.UpdateConnector(t.Context(), i.Operator, id, patch, manage.Precondition{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, sealed(t, i, id).Authentication.Sealed["password"]); diff != "" {
			t.Errorf("the password was sealed again:\n%s", diff)
		}
	}
	if _, err := i.Manage.UpdateConnector(t.Context(), i.Operator, id, manage.ConnectorPatch{Authentication: given("password", "new")}, manage.Precondition{}); err != nil {
		t.Fatal(err)
	}
	after := sealed(t, i, id)
	if password := after.Authentication.Sealed["password"]; bytes.Equal(password.Ciphertext, before.Ciphertext) || password.Version != after.Version || after.Authentication.Open["username"] != "w" {
		t.Errorf("a new password: version %d of %d, username %q", password.Version, after.Version, after.Authentication.Open["username"])
	}
	if got := open(t, i, after, "password"); got != "new" {
		t.Error("another password is sealed than was given")
	}
}

// open opens a secret as the sign-up flow will.
func open(t *testing.T, i *conntest.Installation, c apiconn.Connector, member string) string {
	t.Helper()
	s := c.Authentication.Sealed[member]
	owner := seal.Owner{Tenant: c.TenantID, ID: c.ID, Member: member, Version: s.Version}
	secret, err := i.Keys.Opener().Open(t.Context(), owner, seal.Box{KeyID: s.KeyID, Ciphertext: s.Ciphertext})
	if err != nil {
		t.Fatal(err)
	}
	return string(secret)
}

func TestPrecondition(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	m, ctx, who := i.Manage, t.Context(), i.Operator
	id := newConnector(t, i, full("a"))
	patch := manage.ConnectorPatch{DisplayName: text("b")}
	for _, versions := range [][]int64{{}, {2}, {0, 2, 3}} {
		stale := manage.Precondition{Versions: versions}
		_, err := m.UpdateConnector(ctx, who, id, patch, stale)
		wantKind(t, err, apiconn.Stale)
		_, err = m.UpdateConnector(ctx, who, id, manage.ConnectorPatch{}, stale)
		wantKind(t, err, apiconn.Stale)
		wantKind(t, m.DeleteConnector(ctx, who, id, stale), apiconn.Stale)
		wantKind(t, m.DeleteConnector(ctx, who, "none", stale), apiconn.NotFound)
	}
	if c := sealed(t, i, id); c.Version != 1 || c.DisplayName != "a" || len(entries(t, i)) != 1 {
		t.Errorf("version %d, %q, %d audit entries", c.Version, c.DisplayName, len(entries(t, i)))
	}
	if _, err := m.UpdateConnector(ctx, who, id, patch, manage.Precondition{Versions: []int64{7, 1}}); err != nil {
		t.Error(err)
	}
	if err := m.DeleteConnector(ctx, who, id, manage.Precondition{Versions: []int64{2}}); err != nil {
		t.Error(err)
	}
	if _, err := m.GetConnector(ctx, who, id); apiconn.KindOf(err) != apiconn.NotFound {
		t.Errorf("after the deletion: %v", err)
	}
}

// TestKeyRingRotatedUnderAWrite: a process that still has the old ring in memory seals again under the new key, for every
// operation that seals, and the caller does not notice.
func TestKeyRingRotatedUnderAWrite(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	m, ctx, who := i.Manage, t.Context(), i.Operator
	other := seal.NewKeys(i.Master, func(ctx context.Context) (wrapped, earlier []byte, err error) {
		k, _, err := i.Store.KeyRing(ctx)
		return k.Wrapped, k.EarlierRoots, err
	})
	id := newConnector(t, i, full("a"))
	writes := map[string]func() error{
		"create": func() error { _, err := m.CreateConnector(ctx, who, full("b"), manage.Once{Key: "k"}); return err },
		"update": func() error {
			_, err := m.UpdateConnector(ctx, who, id, manage.ConnectorPatch{Authentication: given("password", "new")}, manage.Precondition{})
			return err
		},
		"replace": func() error {
			_, err := m.UpdateConnector(ctx, who, id, manage.ConnectorPatch{Authentication: certificateGiven(t)}, manage.Precondition{})
			return err
		},
		"upload": func() error {
			_, err := m.UploadClientCertificate(ctx, who, id, *certificateGiven(t), manage.Precondition{}, manage.Once{})
			return err
		},
	}
	for _, name := range []string{"create", "update", "replace", "upload"} {
		rotation := manage.KeyRotation{Store: i.Store, Keys: other, Master: i.Master}
		if _, err := rotation.Rotate(ctx, who); err != nil {
			t.Fatal(err)
		}
		if err := writes[name](); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ring, _, err := i.Store.KeyRing(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for member, s := range sealed(t, i, id).Authentication.Sealed {
		if s.KeyID != ring.Primary {
			t.Errorf("%s is sealed under key %d, the primary one is %d", member, s.KeyID, ring.Primary)
		}
	}
}

// TestKeyRingThatStaysStale: the write gives up with a fault instead of trying for ever, and nothing is written.
func TestKeyRingThatStaysStale(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	old, _, err := i.Store.KeyRing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	loads := 0
	stuck := seal.NewKeys(i.Master, func(context.Context) (wrapped, earlier []byte, err error) { loads++; return old.Wrapped, nil, nil })
	if _, err := (manage.KeyRotation{Store: i.Store, Keys: i.Keys, Master: i.Master}).Rotate(t.Context(), i.Operator); err != nil {
		t.Fatal(err)
	}
	m := *i.Manage
	m.Sealer = stuck.Sealer()
	_, err = m.CreateConnector(t.Context(), i.Operator, full("a"), manage.Once{})
	if !errors.Is(err, store.ErrStaleKeyRing) || apiconn.KindOf(err) != apiconn.Internal {
		t.Errorf("%v", err)
	}
	if loads < 2 || loads > 5 {
		t.Errorf("the ring was loaded %d times", loads)
	}
	if n, err := m.CountConnectors(t.Context(), i.Operator, nil); n != 0 || err != nil {
		t.Errorf("%d connectors, %v", n, err)
	}
}
