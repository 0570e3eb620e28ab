package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// StepBinding returns everything that a step of a user flow needs to know, all of one moment: the flow and, if the step
// calls a connector, that connector with its sealed members and its call settings. A member whose row has gone has no
// ciphertext and does not open. NotFound if the tenant has no such flow of that kind.
func (s *Store) StepBinding(ctx context.Context, tenant string, kind apiconn.UserFlowKind, flow, step string) (apiconn.Binding, error) {
	var b apiconn.Binding
	err := s.snapshot(ctx, tenant, func(ctx context.Context, db *statements) (err error) {
		if b.Flow, err = readUserFlow(ctx, db, tenant, kind, flow); err != nil {
			return err
		}
		connector := b.Flow.ConnectorIDs[step]
		if b.Linked = connector != ""; !b.Linked {
			return nil
		}
		if b.Connector, err = readConnector(ctx, db, tenant, connector); err != nil {
			return err
		}
		if err = fillSealed(ctx, db, tenant, connector, b.Connector.Authentication.Sealed); err != nil {
			return err
		}
		b.Settings, err = readCallSettings(ctx, db, tenant, connector)
		return err
	})
	if err != nil {
		return apiconn.Binding{}, s.fail("read what a step calls", err)
	}
	return b, nil
}

// refBatch is how many connectors one statement of CredentialStates looks up.
const refBatch = 200

// CredentialStates returns what the named connectors, given by tenant and id, have now: certificates, the versions of
// their sealed members without ciphertext, and call settings. A connector that is gone is not in the answer. Flow and
// Linked are not set.
func (s *Store) CredentialStates(ctx context.Context, refs [][2]string) (map[[2]string]apiconn.Binding, error) {
	states := make(map[[2]string]apiconn.Binding, len(refs))
	for len(refs) > 0 {
		n := min(len(refs), refBatch)
		if err := s.credentialStates(ctx, refs[:n], states); err != nil {
			return nil, s.fail("read the state of credentials", err)
		}
		refs = refs[n:]
	}
	return states, nil
}

func (s *Store) credentialStates(ctx context.Context, refs [][2]string, states map[[2]string]apiconn.Binding) error {
	var rows []string
	var args []any
	for i, ref := range refs {
		rows = append(rows, fmt.Sprintf("($%d, $%d)", 2*i+1, 2*i+2))
		args = append(args, ref[0], ref[1])
	}
	wanted := " IN (VALUES " + strings.Join(rows, ", ") + ")"
	return s.snapshot(ctx, everyTenant, func(ctx context.Context, db *statements) error {
		found, err := readConnectors(db.queryOnce(ctx, "SELECT "+connectorRowColumns+" FROM connectors"+connectorRowJoin+
			" WHERE (c.tenant_id, c.id)"+wanted+" ORDER BY c.tenant_id, c.id, k.sequence, k.thumbprint", args...))
		if err != nil {
			return err
		}
		for _, c := range found {
			states[[2]string{c.TenantID, c.ID}] = apiconn.Binding{
				Connector: c, Settings: apiconn.CallSettings{TenantID: c.TenantID, ConnectorID: c.ID},
			}
		}
		set, err := db.queryOnce(ctx, "SELECT tenant_id, connector_id, settings, version, changed_at FROM call_settings "+
			"WHERE (tenant_id, connector_id)"+wanted, args...)
		all, err := collect(set, err, scanCallSettings)
		for _, settings := range all {
			ref := [2]string{settings.TenantID, settings.ConnectorID}
			b := states[ref]
			b.Settings = settings
			states[ref] = b
		}
		return err
	})
}

const (
	expiringOfAll = "SELECT " + connectorRowColumns + " FROM connectors" + connectorRowJoin +
		" WHERE (c.tenant_id, c.id) IN (SELECT tenant_id, connector_id FROM certificates WHERE not_after < $1)" +
		" ORDER BY c.tenant_id, c.id, k.sequence, k.thumbprint"
	expiringOfTenant = "SELECT " + connectorRowColumns + " FROM connectors" + connectorRowJoin +
		" WHERE c.tenant_id = $2 AND c.id IN (SELECT connector_id FROM certificates WHERE tenant_id = $2 AND not_after < $1)" +
		" ORDER BY c.tenant_id, c.id, k.sequence, k.thumbprint"
)

// ExpiringCertificates returns, for each connector with certificates, the one that it uses at now if that ends before
// then, or, if it has none to use, the most recently uploaded of those that have ended. tenant "" means all tenants.
// They come by tenant and connector.
func (s *Store) ExpiringCertificates(ctx context.Context, tenant string, now, before time.Time) ([]apiconn.ExpiringCertificate, error) {
	scope := tenant
	if tenant == "" {
		scope = everyTenant
	}
	// Two texts: one for both would read the certificates of all tenants for each.
	text, args := expiringOfAll, []any{before.UnixMicro()}
	if tenant != "" {
		text, args = expiringOfTenant, append(args, tenant)
	}
	found, err := lookup(ctx, s, scope, "find certificates that end", func(ctx context.Context, db *statements) ([]apiconn.Connector, error) {
		return readConnectors(db.query(ctx, text, args...))
	})
	if err != nil {
		return nil, err
	}
	var expiring []apiconn.ExpiringCertificate
	for _, c := range found {
		if i := certificateInUse(c.Authentication, now); i >= 0 && c.Authentication.Certificates[i].NotAfter.Before(before) {
			expiring = append(expiring, apiconn.ExpiringCertificate{
				TenantID: c.TenantID, ConnectorID: c.ID, DisplayName: c.DisplayName, Certificate: c.Authentication.Certificates[i],
			})
		}
	}
	return expiring, nil
}

// certificateInUse returns the index of the certificate that counts for a warning; -1 if none has begun.
func certificateInUse(a apiconn.Authentication, now time.Time) int {
	if i := a.ActiveCertificate(now); i >= 0 {
		return i
	}
	last := -1
	for i, k := range a.Certificates {
		if k.NotAfter.Before(now) && (last < 0 || k.Sequence > a.Certificates[last].Sequence) {
			last = i
		}
	}
	return last
}
