package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// connectors says what connectors can be filtered and sorted by (contract section 8, row 24).
var connectors = resource{
	name: "identityApiConnector",
	properties: map[string]property{
		"id":          {expression: "id"},
		"displayName": {expression: "display_name"},
		"targetUrl":   {expression: "target_url"},
	},
	searched: []string{"display_name", "target_url"},
}

const connectorColumns = "tenant_id, id, display_name, target_url, authentication, version, created_at, changed_at"

// connectorRow is what a connector with its certificates is read from: a row per certificate, or one without any.
// One statement, so that a connector and its certificates are always of the same version.
const (
	connectorRowColumns = "c.tenant_id, c.id, c.display_name, c.target_url, c.authentication, c.version, c.created_at, " +
		"c.changed_at, k.thumbprint, k.not_before, k.not_after, k.subject, k.sequence, k.uploaded_at"
	connectorRowJoin = " c" + certificatesJoin
	certificatesJoin = " LEFT JOIN certificates k ON k.tenant_id = c.tenant_id AND k.connector_id = c.id"
)

// Connectors lists a tenant's connectors with their certificates and without their sealed members. Filter, order and
// search know id, displayName and targetUrl; without an order they come by id.
func (s *Store) Connectors(ctx context.Context, tenant string, ask apiconn.Query) (apiconn.Page[apiconn.Connector], error) {
	q := &query{dialect: s.dialect, resource: connectors}
	limit, terms, err := q.rows(connectorColumns, "connectors", tenant, ask)
	if err != nil {
		return apiconn.Page[apiconn.Connector]{}, err
	}
	text := "WITH found AS MATERIALIZED (" + q.text.String() + ") SELECT " + connectorRowColumns + " FROM found" + connectorRowJoin +
		" ORDER BY " + orderBy(terms, "c.") + ", k.sequence, k.thumbprint"
	var found []apiconn.Connector
	err = s.lists.run(ctx, tenant, func(ctx context.Context, db *statements) (err error) {
		found, err = readConnectors(db.queryOnce(ctx, text, q.args...))
		return err
	})
	if err != nil {
		return apiconn.Page[apiconn.Connector]{}, s.fail("list connectors", err)
	}
	for i := range found {
		found[i].Authentication.Sealed = nil
	}
	return page(found, limit, ask.Order, connectorPosition), nil
}

func connectorPosition(c apiconn.Connector, property string) string {
	switch property {
	case "displayName":
		return c.DisplayName
	case "targetUrl":
		return c.TargetURL
	default:
		return c.ID
	}
}

// CountConnectors counts a tenant's connectors that match where; nil matches all.
func (s *Store) CountConnectors(ctx context.Context, tenant string, where *apiconn.Condition) (int64, error) {
	return s.count(ctx, connectors, "connectors", tenant, where)
}

// count counts the rows of a resource's table.
func (s *Store) count(ctx context.Context, r resource, table, tenant string, where *apiconn.Condition) (int64, error) {
	q := &query{dialect: s.dialect, resource: r}
	clause, err := q.where(tenant, where, "")
	if err != nil {
		return 0, err
	}
	var counts []int64
	err = s.lists.run(ctx, tenant, func(ctx context.Context, db *statements) error {
		rows, err := db.queryOnce(ctx, "SELECT count(*) FROM "+table+" WHERE "+clause, q.args...)
		counts, err = collect(rows, err, func(row scanner) (n int64, err error) { return n, row.Scan(&n) })
		return err
	})
	if err != nil {
		return 0, s.fail("count "+r.name, err)
	}
	return counts[0], nil
}

// Connector returns a connector with its certificates and without its sealed members. NotFound if the tenant has no
// such connector.
func (s *Store) Connector(ctx context.Context, tenant, id string) (apiconn.Connector, error) {
	c, err := lookup(ctx, s, tenant, "read a connector", func(ctx context.Context, db *statements) (apiconn.Connector, error) {
		return readConnector(ctx, db, tenant, id)
	})
	if err != nil {
		return apiconn.Connector{}, err
	}
	c.Authentication.Sealed = nil
	return c, nil
}

// ConnectorSealed returns a connector with its sealed members, all of the same version of it. A member whose row has gone
// has no ciphertext and does not open. NotFound if the tenant has no such connector.
func (s *Store) ConnectorSealed(ctx context.Context, tenant, id string) (apiconn.Connector, error) {
	var c apiconn.Connector
	err := s.snapshot(ctx, tenant, func(ctx context.Context, db *statements) (err error) {
		if c, err = readConnector(ctx, db, tenant, id); err != nil {
			return err
		}
		return fillSealed(ctx, db, tenant, id, c.Authentication.Sealed)
	})
	if err != nil {
		return apiconn.Connector{}, s.fail("read a connector with its secrets", err)
	}
	return c, nil
}

// readConnector reads one connector; its Sealed members have versions and no ciphertext.
func readConnector(ctx context.Context, db *statements, tenant, id string) (apiconn.Connector, error) {
	found, err := readConnectors(db.query(ctx, "SELECT "+connectorRowColumns+" FROM connectors"+connectorRowJoin+
		" WHERE c.tenant_id = $1 AND c.id = $2 ORDER BY k.sequence, k.thumbprint", tenant, id))
	if err != nil {
		return apiconn.Connector{}, err
	}
	if len(found) == 0 {
		return apiconn.Connector{}, notFound(id)
	}
	return found[0], nil
}

// notFound has Graph's own words (contract 3.1).
func notFound(id string) error {
	return apiconn.Errorf(apiconn.NotFound,
		"Resource '%s' does not exist or one of its queried reference-property objects are not present.", id)
}

// connectorRow is a row of connectorRowColumns; the certificate is null for a connector without any.
type connectorRow struct {
	tenant, id, name, url, thumbprint, subject                           sql.NullString
	authentication                                                       []byte
	version, created, changed, notBefore, notAfter, sequence, uploadedAt sql.NullInt64
}

func (r *connectorRow) fields() []any {
	return []any{
		&r.tenant, &r.id, &r.name, &r.url, &r.authentication, &r.version, &r.created, &r.changed,
		&r.thumbprint, &r.notBefore, &r.notAfter, &r.subject, &r.sequence, &r.uploadedAt,
	}
}

// addTo appends the connector that the row is of, unless it is the last one already, and adds the row's certificate to it.
func (r *connectorRow) addTo(found []apiconn.Connector) ([]apiconn.Connector, error) {
	if n := len(found); n == 0 || found[n-1].ID != r.id.String || found[n-1].TenantID != r.tenant.String {
		authentication, err := decodeAuthentication(r.authentication)
		if err != nil {
			return nil, fmt.Errorf("connector %s of tenant %s: %w", r.id.String, r.tenant.String, err)
		}
		found = append(found, apiconn.Connector{
			TenantID: r.tenant.String, ID: r.id.String, DisplayName: r.name.String, TargetURL: r.url.String, Authentication: authentication,
			Version: r.version.Int64, CreatedAt: toTime(r.created.Int64), ChangedAt: toTime(r.changed.Int64),
		})
	}
	if r.thumbprint.Valid {
		a := &found[len(found)-1].Authentication
		a.Certificates = append(a.Certificates, apiconn.Certificate{
			Thumbprint: r.thumbprint.String, Subject: r.subject.String, Sequence: r.sequence.Int64,
			NotBefore: toTime(r.notBefore.Int64), NotAfter: toTime(r.notAfter.Int64), UploadedAt: toTime(r.uploadedAt.Int64),
		})
	}
	return found, nil
}

// readConnectors reads rows of connectorRowColumns in which a connector's rows follow one another.
func readConnectors(rows *sql.Rows, err error) (found []apiconn.Connector, _ error) {
	err = scanAll(rows, err, func(row scanner) (err error) {
		var r connectorRow
		if err := row.Scan(r.fields()...); err != nil {
			return err
		}
		found, err = r.addTo(found)
		return err
	})
	return found, err
}

// authenticationForm is the JSON of column authentication.
//
// Sealed has the version at which each sealed member was sealed. It is this version that a member is opened with, not
// the one in its own row: a row put back from an older version of the connector does not open.
type authenticationForm struct {
	Type   string            `json:"type"`
	Open   map[string]string `json:"open,omitempty"`
	Sealed map[string]int64  `json:"sealed,omitempty"`
}

func encodeAuthentication(a apiconn.Authentication) (string, error) {
	form := authenticationForm{Type: a.Type, Open: a.Open, Sealed: make(map[string]int64, len(a.Sealed))}
	for member, sealed := range a.Sealed {
		form.Sealed[member] = sealed.Version
	}
	text, err := json.Marshal(form)
	if err != nil {
		return "", fmt.Errorf("encode an authentication configuration: %w", err)
	}
	return string(text), nil
}

func decodeAuthentication(text []byte) (apiconn.Authentication, error) {
	var form authenticationForm
	if err := json.Unmarshal(text, &form); err != nil {
		return apiconn.Authentication{}, fmt.Errorf("decode an authentication configuration: %w", err)
	}
	a := apiconn.Authentication{Type: form.Type, Open: form.Open, Sealed: make(map[string]apiconn.Sealed, len(form.Sealed))}
	for member, version := range form.Sealed {
		a.Sealed[member] = apiconn.Sealed{Version: version}
	}
	return a, nil
}
