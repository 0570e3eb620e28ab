package manage_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/manage"
)

const federation, attributes = "postFederationSignup", "postAttributeCollection"

// flowGiven is a new user flow whose step postFederationSignup calls a connector, if one is named.
func flowGiven(id, connector string) manage.UserFlowGiven {
	version := float32(1)
	g := manage.UserFlowGiven{ID: &id, Type: text("signUpOrSignIn"), TypeVersion: &version}
	if connector != "" {
		g.ConnectorIDs = map[string]string{federation: connector}
	}
	return g
}

func newFlow(t *testing.T, i *conntest.Installation, id, connector string) apiconn.UserFlow {
	t.Helper()
	f, err := i.Manage.CreateUserFlow(t.Context(), i.Operator, apiconn.B2X, flowGiven(id, connector), manage.Once{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestOnlyWhoMayUserFlows: each operation asks first. What shows or changes a link needs the permission to write, even
// to read it (contract 2.8).
func TestOnlyWhoMayUserFlows(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	m := i.Manage
	read, write := []auth.Permission{auth.IdentityUserFlowReadAll, auth.IdentityUserFlowReadWriteAll}, []auth.Permission{auth.IdentityUserFlowReadWriteAll}
	operations := map[string]struct {
		may []auth.Permission
		run func(ctx context.Context, who auth.Caller) error
	}{
		"list": {read, func(ctx context.Context, who auth.Caller) error {
			_, err := m.ListUserFlows(ctx, who, apiconn.B2X, apiconn.Query{})
			return err
		}},
		"count": {read, func(ctx context.Context, who auth.Caller) error {
			_, err := m.CountUserFlows(ctx, who, apiconn.B2X, nil)
			return err
		}},
		"get": {read, func(ctx context.Context, who auth.Caller) error {
			_, err := m.GetUserFlow(ctx, who, apiconn.B2X, "none")
			return err
		}},
		"create": {write, func(ctx context.Context, who auth.Caller) error {
			_, err := m.CreateUserFlow(ctx, who, apiconn.B2X, manage.UserFlowGiven{}, manage.Once{})
			return err
		}},
		"update": {write, func(ctx context.Context, who auth.Caller) error {
			_, err := m.UpdateUserFlow(ctx, who, apiconn.B2C, "none", manage.UserFlowGiven{}, manage.Precondition{})
			return err
		}},
		"delete": {write, func(ctx context.Context, who auth.Caller) error {
			return m.DeleteUserFlow(ctx, who, apiconn.B2X, "none", manage.Precondition{})
		}},
		"connectors": {write, func(ctx context.Context, who auth.Caller) error {
			_, err := m.LinkedConnectors(ctx, who, apiconn.B2X, "none")
			return err
		}},
		"connector": {write, func(ctx context.Context, who auth.Caller) error {
			_, err := m.LinkedConnector(ctx, who, apiconn.B2X, "none", federation)
			return err
		}},
		"link": {write, func(ctx context.Context, who auth.Caller) error {
			return m.LinkConnector(ctx, who, apiconn.B2X, "none", federation, "a", manage.Precondition{})
		}},
		"unlink": {write, func(ctx context.Context, who auth.Caller) error {
			return m.UnlinkConnector(ctx, who, apiconn.B2X, "none", federation, manage.Precondition{})
		}},
	}
	for name, op := range operations {
		for _, facts := range auth.Permissions() {
			may := facts.Permission == op.may[0] || facts.Permission == op.may[len(op.may)-1]
			err := op.run(t.Context(), i.Operator.Limit(facts.Permission))
			if refused := err != nil && apiconn.KindOf(err) == apiconn.Forbidden; refused == may {
				t.Errorf("%s with %s: %v", name, facts.Permission, err)
			}
		}
	}
}

// TestDeleteOfAConnectorInUse: refused by the names of the flows, or taken out of each with an audit entry of its own.
func TestDeleteOfAConnectorInUse(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	m, ctx, who := i.Manage, t.Context(), i.Operator
	id, other := newConnector(t, i, full("a")), newConnector(t, i, full("b"))
	for n := range 12 {
		newFlow(t, i, fmt.Sprintf("f%02d", n), id)
	}
	err := m.DeleteConnector(ctx, who, id, manage.Precondition{})
	wantKind(t, err, apiconn.Conflict)
	message := apiconn.AsError(err).Message
	if !strings.Contains(message, "'B2X_1_f00', 'B2X_1_f01',") || !strings.Contains(message, "'B2X_1_f09' and 2 more.") {
		t.Errorf("the refusal says %q", message)
	}
	if err := m.LinkConnector(ctx, who, apiconn.B2X, "B2X_1_f00", attributes, other, manage.Precondition{}); err != nil {
		t.Fatal(err)
	}

	m.UnlinkOnDelete = true
	if err := m.DeleteConnector(ctx, who, id, manage.Precondition{}); err != nil {
		t.Fatal(err)
	}
	f, err := m.GetUserFlow(ctx, who, apiconn.B2X, "B2X_1_f00")
	if diff := cmp.Diff(map[string]string{attributes: other}, f.ConnectorIDs); diff != "" || err != nil || f.Version != 3 {
		t.Errorf("version %d, links (-want +got):\n%s, error %v", f.Version, diff, err)
	}
	want, unlinked := []apiconn.Modified{{Property: "apiConnectorConfiguration/" + federation, Old: id}}, map[string]bool{}
	for _, e := range entries(t, i) {
		if e.Activity == apiconn.ActivityUpdateUserFlow && cmp.Equal(want, e.Targets[0].Modified) {
			unlinked[e.Targets[0].ID] = true
		}
	}
	if len(unlinked) != 12 || len(entries(t, i)) != 2+12+1+1+12 {
		t.Errorf("%d flows have an entry that they were unlinked, want 12; %d entries", len(unlinked), len(entries(t, i)))
	}
}

// TestUserFlowChangesOfNothing write nothing; a stale ETag stops every change.
func TestUserFlowChangesOfNothing(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	m, ctx, who := i.Manage, t.Context(), i.Operator
	id := newConnector(t, i, full("a"))
	f := newFlow(t, i, "f", id)
	before := len(entries(t, i))
	stale := manage.Precondition{Versions: []int64{7}}
	for _, err := range []error{
		m.LinkConnector(ctx, who, apiconn.B2X, f.ID, federation, id, manage.Precondition{}),
		m.LinkConnector(ctx, who, apiconn.B2X, f.ID, attributes, "", manage.Precondition{}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	wantKind(t, m.LinkConnector(ctx, who, apiconn.B2X, f.ID, federation, "", stale), apiconn.Stale)
	wantKind(t, m.UnlinkConnector(ctx, who, apiconn.B2X, f.ID, federation, stale), apiconn.Stale)
	wantKind(t, m.DeleteUserFlow(ctx, who, apiconn.B2X, f.ID, stale), apiconn.Stale)
	wantKind(t, m.UnlinkConnector(ctx, who, apiconn.B2X, f.ID, attributes, manage.Precondition{}), apiconn.NotFound)
	got, err := m.GetUserFlow(ctx, who, apiconn.B2X, f.ID)
	if diff := cmp.Diff(f, got); diff != "" || err != nil || len(entries(t, i)) != before {
		t.Errorf("-before +after:\n%s, error %v, %d new audit entries", diff, err, len(entries(t, i))-before)
	}
}
