package store

import (
	"context"
	"database/sql"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// userFlows says what user flows can be filtered and sorted by. kind is no property of Graph's: each kind is a collection.
var userFlows = resource{
	name: "identityUserFlow",
	properties: map[string]property{
		"id":           {expression: "id"},
		"userFlowType": {expression: "user_flow_type"},
		"kind":         {expression: "kind"},
	},
}

const (
	userFlowColumns = "tenant_id, kind, id, user_flow_type, user_flow_type_version, language_customization, default_language, " +
		"version, created_at, changed_at"
	// A row per binding, or one without any. One statement, so that a flow and its bindings are always of the same version.
	userFlowRowColumns = "f.tenant_id, f.kind, f.id, f.user_flow_type, f.user_flow_type_version, f.language_customization, " +
		"f.default_language, f.version, f.created_at, f.changed_at, b.step, b.connector_id"
	userFlowRowJoin = " f LEFT JOIN user_flow_bindings b ON b.tenant_id = f.tenant_id AND b.kind = f.kind AND b.flow_id = f.id"
)

// ofKind narrows a filter to one kind of flow.
func ofKind(kind apiconn.UserFlowKind, where *apiconn.Condition) *apiconn.Condition {
	is := &apiconn.Condition{Op: apiconn.Eq, Property: "kind", Values: []string{string(kind)}}
	if where == nil {
		return is
	}
	return &apiconn.Condition{Op: apiconn.And, Args: []*apiconn.Condition{is, where}}
}

// UserFlows lists a tenant's user flows of a kind with their connectors. Filter and order know id and userFlowType;
// without an order they come by id.
func (s *Store) UserFlows(ctx context.Context, tenant string, kind apiconn.UserFlowKind, ask apiconn.Query) (apiconn.Page[apiconn.UserFlow], error) {
	q := &query{dialect: s.dialect, resource: userFlows}
	ask.Where = ofKind(kind, ask.Where)
	limit, terms, err := q.rows(userFlowColumns, "user_flows", tenant, ask)
	if err != nil {
		return apiconn.Page[apiconn.UserFlow]{}, err
	}
	text := "SELECT " + userFlowRowColumns + " FROM (" + q.text.String() + ")" + userFlowRowJoin +
		" ORDER BY " + orderBy(terms, "f.") + ", b.step"
	found, err := lookup(ctx, s, tenant, "list user flows", func(ctx context.Context, db *statements) ([]apiconn.UserFlow, error) {
		return readUserFlows(db.queryOnce(ctx, text, q.args...))
	})
	if err != nil {
		return apiconn.Page[apiconn.UserFlow]{}, err
	}
	return page(found, limit, ask.Order, userFlowPosition), nil
}

func userFlowPosition(f apiconn.UserFlow, property string) string {
	if property == "userFlowType" {
		return f.Type
	}
	return f.ID
}

// CountUserFlows counts a tenant's user flows of a kind that match where; nil matches all.
func (s *Store) CountUserFlows(ctx context.Context, tenant string, kind apiconn.UserFlowKind, where *apiconn.Condition) (int64, error) {
	return s.count(ctx, userFlows, "user_flows", tenant, ofKind(kind, where))
}

// UserFlow returns a user flow with its connectors' ids. NotFound if the tenant has no such flow of that kind.
func (s *Store) UserFlow(ctx context.Context, tenant string, kind apiconn.UserFlowKind, id string) (apiconn.UserFlow, error) {
	return lookup(ctx, s, tenant, "read a user flow", func(ctx context.Context, db *statements) (apiconn.UserFlow, error) {
		return readUserFlow(ctx, db, tenant, kind, id)
	})
}

// UserFlowConnectors returns a user flow and its connectors by step, all of one moment, without sealed members. NotFound
// if the tenant has no such flow of that kind.
func (s *Store) UserFlowConnectors(ctx context.Context, tenant string, kind apiconn.UserFlowKind, id string) (f apiconn.UserFlow, bound map[string]apiconn.Connector, err error) {
	err = s.snapshot(ctx, tenant, func(ctx context.Context, db *statements) (err error) {
		if f, err = readUserFlow(ctx, db, tenant, kind, id); err != nil {
			return err
		}
		bound = make(map[string]apiconn.Connector, len(f.ConnectorIDs))
		for step, connector := range f.ConnectorIDs {
			c, err := readConnector(ctx, db, tenant, connector)
			if err != nil {
				return err
			}
			c.Authentication.Sealed = nil
			bound[step] = c
		}
		return nil
	})
	if err != nil {
		return apiconn.UserFlow{}, nil, s.fail("read a user flow with its connectors", err)
	}
	return f, bound, nil
}

func readUserFlow(ctx context.Context, db *statements, tenant string, kind apiconn.UserFlowKind, id string) (apiconn.UserFlow, error) {
	found, err := readUserFlows(db.query(ctx, "SELECT "+userFlowRowColumns+" FROM user_flows"+userFlowRowJoin+
		" WHERE f.tenant_id = $1 AND f.kind = $2 AND f.id = $3", tenant, string(kind), id))
	if err != nil {
		return apiconn.UserFlow{}, err
	}
	if len(found) == 0 {
		return apiconn.UserFlow{}, notFound(id)
	}
	return found[0], nil
}

// readUserFlowsOf reads the flows that a connector is linked to, by kind and id.
func readUserFlowsOf(ctx context.Context, db *statements, tenant, connector string) ([]apiconn.UserFlow, error) {
	return readUserFlows(db.query(ctx, "SELECT "+userFlowRowColumns+" FROM user_flows"+userFlowRowJoin+
		" WHERE f.tenant_id = $1 AND (f.kind, f.id) IN (SELECT kind, flow_id FROM user_flow_bindings WHERE tenant_id = $1 AND connector_id = $2)"+
		" ORDER BY f.kind, f.id", tenant, connector))
}

// userFlowRow is a row of userFlowRowColumns; the binding is null for a flow without any.
type userFlowRow struct {
	tenant, kind, id, flowType, language, step, connector sql.NullString
	typeVersion                                           sql.Null[float32]
	customization, version, created, changed              sql.NullInt64
}

func (r *userFlowRow) fields() []any {
	return []any{
		&r.tenant, &r.kind, &r.id, &r.flowType, &r.typeVersion, &r.customization, &r.language, &r.version, &r.created, &r.changed,
		&r.step, &r.connector,
	}
}

// addTo appends the flow that the row is of, unless it is the last one already, and adds the row's binding to it.
func (r *userFlowRow) addTo(found []apiconn.UserFlow) []apiconn.UserFlow {
	kind := apiconn.UserFlowKind(r.kind.String)
	if n := len(found); n == 0 || found[n-1].ID != r.id.String || found[n-1].Kind != kind {
		found = append(found, apiconn.UserFlow{
			TenantID: r.tenant.String, Kind: kind, ID: r.id.String, Type: r.flowType.String, TypeVersion: r.typeVersion.V,
			LanguageCustomization: r.customization.Int64 != 0, DefaultLanguage: r.language.String, ConnectorIDs: map[string]string{},
			Version: r.version.Int64, CreatedAt: toTime(r.created.Int64), ChangedAt: toTime(r.changed.Int64),
		})
	}
	if r.step.Valid {
		found[len(found)-1].ConnectorIDs[r.step.String] = r.connector.String
	}
	return found
}

// readUserFlows reads rows of userFlowRowColumns in which a flow's rows follow one another.
func readUserFlows(rows *sql.Rows, err error) (found []apiconn.UserFlow, _ error) {
	err = scanAll(rows, err, func(row scanner) error {
		var r userFlowRow
		err := row.Scan(r.fields()...)
		if err == nil {
			found = r.addTo(found)
		}
		return err
	})
	return found, err
}
