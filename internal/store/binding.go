package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// bindingColumns are what a row of stepBinding has of the flow, of the connector and of its settings.
const bindingColumns = userFlowRowColumns + ", " + connectorRowColumns + ", s.settings, s.version, s.changed_at"

// stepBinding finds all that StepBinding returns by one statement, so that it is of one moment: a row for each binding of the
// flow, where that of the step ($4) has its connector too, once for each certificate; and a row for each sealed value of that
// connector, which has nothing else. Joined, certificates and sealed values would make a row of every pair.
var stepBinding = "SELECT " + bindingColumns + ", NULL AS member, NULL AS key_id, NULL AS ciphertext FROM user_flows" + userFlowRowJoin +
	" LEFT JOIN connectors c ON c.tenant_id = b.tenant_id AND c.id = b.connector_id AND b.step = $4" +
	certificatesJoin +
	" LEFT JOIN call_settings s ON s.tenant_id = c.tenant_id AND s.connector_id = c.id" +
	" WHERE f.tenant_id = $1 AND f.kind = $2 AND f.id = $3 " +
	"UNION ALL SELECT " + strings.Repeat("NULL, ", 1+strings.Count(bindingColumns, ",")) + "x.member, x.key_id, x.ciphertext" +
	" FROM user_flow_bindings b JOIN secrets x ON x.tenant_id = b.tenant_id AND x.owner_id = b.connector_id" +
	" WHERE b.tenant_id = $1 AND b.kind = $2 AND b.flow_id = $3 AND b.step = $4 " +
	"ORDER BY sequence, thumbprint"

// StepBinding returns everything that a step of a user flow needs to know, all of one moment: the flow and, if the step
// calls a connector, that connector with its sealed members and its call settings. A member whose row has gone has no
// ciphertext and does not open. NotFound if the tenant has no such flow of that kind.
func (s *Store) StepBinding(ctx context.Context, tenant string, kind apiconn.UserFlowKind, flow, step string) (apiconn.Binding, error) {
	return lookup(ctx, s, tenant, "read what a step calls", func(ctx context.Context, db *statements) (apiconn.Binding, error) {
		rows, err := db.query(ctx, stepBinding, tenant, string(kind), flow, step)
		return readBinding(rows, err, flow)
	})
}

// readBinding reads the rows of stepBinding for a flow.
func readBinding(rows *sql.Rows, err error, flow string) (b apiconn.Binding, _ error) {
	var flows []apiconn.UserFlow
	var connectors []apiconn.Connector
	var settings callSettingsRow
	sealed := make(map[string]apiconn.Sealed)
	if err := scanAll(rows, err, func(row scanner) (err error) {
		var f userFlowRow
		var c connectorRow
		var s callSettingsRow
		var member sql.NullString
		var key sql.Null[uint32]
		var ciphertext []byte
		if err := row.Scan(slices.Concat(f.fields(), c.fields(), s.fields(), []any{&member, &key, &ciphertext})...); err != nil {
			return err
		}
		if member.Valid {
			sealed[member.String] = apiconn.Sealed{KeyID: key.V, Ciphertext: ciphertext}
			return nil
		}
		flows = f.addTo(flows)
		if c.id.Valid {
			settings = s
			connectors, err = c.addTo(connectors)
		}
		return err
	}); err != nil {
		return apiconn.Binding{}, err
	}
	if len(flows) == 0 {
		return apiconn.Binding{}, notFound(flow)
	}
	b.Flow = flows[0]
	if b.Linked = len(connectors) > 0; !b.Linked {
		return b, nil
	}
	b.Connector = connectors[0]
	for member, found := range sealed {
		fillMember(b.Connector.Authentication.Sealed, member, found)
	}
	b.Settings, err = settings.of(b.Connector.TenantID, b.Connector.ID)
	return b, err
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
