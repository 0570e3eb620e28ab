package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// auditEntries says what audit entries can be filtered and sorted by: the properties of directoryAudit (contract
// section 6). result is always the same and is no column.
var auditEntries = resource{
	name: "directoryAudit",
	properties: map[string]property{
		"id":                  {expression: "id"},
		"activityDateTime":    {expression: "at", time: true},
		"activityDisplayName": {expression: "activity"},
		"category":            {expression: "category"},
		"operationType":       {expression: "operation"},
		"correlationId":       {expression: "correlation_id", nullable: true},
		"result":              {expression: "CAST('success' AS TEXT)"},
		"loggedByService":     {expression: "service"},

		"initiatedBy/app/appId":              {expression: "actor_app_id", nullable: true},
		"initiatedBy/app/displayName":        {expression: "actor_app_name", nullable: true},
		"initiatedBy/app/servicePrincipalId": {expression: "actor_service_principal_id", nullable: true},
		"initiatedBy/user/id":                {expression: "actor_user_id", nullable: true},
		"initiatedBy/user/displayName":       {expression: "actor_user_name", nullable: true},
		"initiatedBy/user/userPrincipalName": {expression: "actor_user_principal_name", nullable: true},
		"initiatedBy/user/ipAddress":         {expression: "actor_ip_address", nullable: true},
	},
}

const auditColumns = "tenant_id, id, at, activity, category, service, operation, correlation_id, actor_app_id, actor_app_name, " +
	"actor_service_principal_id, actor_user_id, actor_user_name, actor_user_principal_name, actor_ip_address, targets, details"

// insertAudit writes an entry of tenant. An entry without an id gets one, without a time it is of now.
func insertAudit(ctx context.Context, db *statements, tenant string, a apiconn.AuditEntry, now time.Time) error {
	if a.ID == "" {
		id, err := uuid.NewRandom()
		if err != nil {
			return fmt.Errorf("make an audit entry's id: %w", err)
		}
		a.ID = id.String()
	}
	if a.At.IsZero() {
		a.At = now
	}
	targets, err := encodeList(a.Targets)
	if err != nil {
		return err
	}
	details, err := encodeList(a.Details)
	if err != nil {
		return err
	}
	_, err = db.exec(ctx, "INSERT INTO audit_entries ("+auditColumns+") "+
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
		tenant, a.ID, a.At.UnixMicro(), a.Activity, a.Category, a.Service, a.Operation, a.CorrelationID, a.Actor.AppID, a.Actor.AppName,
		a.Actor.ServicePrincipalID, a.Actor.UserID, a.Actor.UserName, a.Actor.UserPrincipalName, a.Actor.IPAddress, targets, details)
	if err != nil {
		return fmt.Errorf("write an audit entry: %w", err)
	}
	return nil
}

// AuditEntries lists a tenant's audit entries; without an order the newest come first.
func (s *Store) AuditEntries(ctx context.Context, tenant string, ask apiconn.Query) (apiconn.Page[apiconn.AuditEntry], error) {
	if len(ask.Order) == 0 {
		ask.Order = []apiconn.Order{{Property: "activityDateTime", Descending: true}}
	}
	for _, o := range ask.Order {
		if _, ok := auditPositions[o.Property]; !ok {
			return apiconn.Page[apiconn.AuditEntry]{}, apiconn.Invalidf("$orderby",
				"The property '%s' is not supported in $orderby. Use activityDateTime.", o.Property)
		}
	}
	q := &query{dialect: s.dialect, resource: auditEntries}
	limit, terms, err := q.rows(auditColumns, "audit_entries", tenant, ask)
	if err != nil {
		return apiconn.Page[apiconn.AuditEntry]{}, err
	}
	text := "WITH found AS MATERIALIZED (" + q.text.String() + ") SELECT " + auditColumns + " FROM found ORDER BY " + orderBy(terms, "")
	var found []apiconn.AuditEntry
	err = s.lists.run(ctx, tenant, func(ctx context.Context, db *statements) error {
		rows, err := db.queryOnce(ctx, text, q.args...)
		found, err = collect(rows, err, scanAudit)
		return err
	})
	if err != nil {
		return apiconn.Page[apiconn.AuditEntry]{}, s.fail("list audit entries", err)
	}
	return page(found, limit, ask.Order, func(a apiconn.AuditEntry, property string) string {
		return auditPositions[property](a)
	}), nil
}

// auditPositions has the properties that entries can be sorted by, and their values as Query.After takes them.
var auditPositions = map[string]func(apiconn.AuditEntry) string{
	"id":                  func(a apiconn.AuditEntry) string { return a.ID },
	"activityDateTime":    func(a apiconn.AuditEntry) string { return decimal(a.At.UnixMicro()) },
	"activityDisplayName": func(a apiconn.AuditEntry) string { return a.Activity },
	"category":            func(a apiconn.AuditEntry) string { return a.Category },
	"loggedByService":     func(a apiconn.AuditEntry) string { return a.Service },
	"operationType":       func(a apiconn.AuditEntry) string { return a.Operation },
	"correlationId":       func(a apiconn.AuditEntry) string { return a.CorrelationID },
}

// CountAuditEntries counts a tenant's audit entries that match where; nil matches all.
func (s *Store) CountAuditEntries(ctx context.Context, tenant string, where *apiconn.Condition) (int64, error) {
	return s.count(ctx, auditEntries, "audit_entries", tenant, where)
}

// AuditEntry returns one audit entry. NotFound if the tenant has no such entry.
func (s *Store) AuditEntry(ctx context.Context, tenant, id string) (apiconn.AuditEntry, error) {
	return lookup(ctx, s, tenant, "read an audit entry", func(ctx context.Context, db *statements) (apiconn.AuditEntry, error) {
		rows, err := db.query(ctx, "SELECT "+auditColumns+" FROM audit_entries WHERE tenant_id = $1 AND id = $2", tenant, id)
		return one(id, rows, err, scanAudit)
	})
}

// PruneAudit deletes all tenants' entries from before a time and returns how many. It works in small transactions: after
// an error, what is deleted stays deleted.
func (s *Store) PruneAudit(ctx context.Context, before time.Time) (int64, error) {
	return s.prune(ctx, "delete old audit entries", "audit_entries", "tenant_id, at, id", "at <", before)
}

func scanAudit(row scanner) (a apiconn.AuditEntry, err error) {
	var at int64
	var targets, details []byte
	if err := row.Scan(&a.TenantID, &a.ID, &at, &a.Activity, &a.Category, &a.Service, &a.Operation, &a.CorrelationID, &a.Actor.AppID,
		&a.Actor.AppName, &a.Actor.ServicePrincipalID, &a.Actor.UserID, &a.Actor.UserName, &a.Actor.UserPrincipalName,
		&a.Actor.IPAddress, &targets, &details); err != nil {
		return apiconn.AuditEntry{}, err
	}
	a.At = toTime(at)
	if a.Targets, err = decodeList[apiconn.AuditTarget](targets); err != nil {
		return apiconn.AuditEntry{}, err
	}
	if a.Details, err = decodeList[apiconn.KeyValue](details); err != nil {
		return apiconn.AuditEntry{}, err
	}
	return a, nil
}

// encodeList and decodeList keep small lists that nothing filters by as JSON, by the names of their Go fields: renaming
// a field needs a migration. An empty list is null in both.
func encodeList[T any](list []T) (string, error) {
	text, err := json.Marshal(list)
	if err != nil {
		return "", fmt.Errorf("encode a list for the database: %w", err)
	}
	return string(text), nil
}

func decodeList[T any](text []byte) (list []T, err error) {
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("decode a list of the database: %w", err)
	}
	return list, nil
}
