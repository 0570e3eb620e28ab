package store

import (
	"context"
	"fmt"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// invocations says what receipts can be filtered and sorted by.
var invocations = resource{
	name: "invocation",
	properties: map[string]property{
		"id":              {expression: "id"},
		"createdDateTime": {expression: "at", time: true},
		"userFlowId":      {expression: "flow_id"},
		"step":            {expression: "step"},
		"connectorId":     {expression: "connector_id", nullable: true},
		"action":          {expression: "action"},
		"reason":          {expression: "reason"},
		"appId":           {expression: "app_id", nullable: true},
		"correlationId":   {expression: "correlation_id", nullable: true},
	},
}

const invocationColumns = "tenant_id, id, at, flow_id, step, app_id, correlation_id, connector_id, action, reason, facts"

// RecordInvocation writes a receipt and, if j is not nil, the record of its journey, both or neither. If the journey has
// a record that has not expired, nothing is written and that record is returned as prior: whoever comes first decides.
//
// The record belongs to the receipt: its tenant and invocation are the receipt's. Times and durations are kept in whole
// microseconds. Conflict if the receipt's id is taken.
func (s *Store) RecordInvocation(ctx context.Context, inv apiconn.Invocation, j *apiconn.Journey) (prior *apiconn.Journey, err error) {
	facts, err := encodeFacts(inv)
	if err != nil {
		return nil, err
	}
	var found *apiconn.Journey
	err = s.write(ctx, inv.TenantID, "record an invocation", func(ctx context.Context, db *statements) (err error) {
		if j != nil {
			if found, err = claimJourney(ctx, db, inv.TenantID, inv.ID, *j, s.now()); found != nil || err != nil {
				return err
			}
		}
		_, err = db.exec(ctx, "INSERT INTO invocations ("+invocationColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
			inv.TenantID, inv.ID, inv.At.UnixMicro(), inv.FlowID, inv.Step, inv.AppID, inv.CorrelationID, inv.ConnectorID,
			string(inv.Action), string(inv.Reason), facts)
		return s.unique(err, "An invocation with the id '%s' exists already.", inv.ID)
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Invocation returns one receipt. NotFound if the tenant has no such receipt.
func (s *Store) Invocation(ctx context.Context, tenant, id string) (apiconn.Invocation, error) {
	return lookup(ctx, s, tenant, "read an invocation", func(ctx context.Context, db *statements) (apiconn.Invocation, error) {
		rows, err := db.query(ctx, "SELECT "+invocationColumns+" FROM invocations WHERE tenant_id = $1 AND id = $2", tenant, id)
		return one(id, rows, err, scanInvocation)
	})
}

// Invocations lists a tenant's receipts; without an order the newest come first. Filter and order know id,
// createdDateTime, userFlowId, step, connectorId, action, reason, appId and correlationId.
func (s *Store) Invocations(ctx context.Context, tenant string, ask apiconn.Query) (apiconn.Page[apiconn.Invocation], error) {
	if len(ask.Order) == 0 {
		ask.Order = []apiconn.Order{{Property: "createdDateTime", Descending: true}}
	}
	q := &query{dialect: s.dialect, resource: invocations}
	limit, terms, err := q.rows(invocationColumns, "invocations", tenant, ask)
	if err != nil {
		return apiconn.Page[apiconn.Invocation]{}, err
	}
	text := "WITH found AS MATERIALIZED (" + q.text.String() + ") SELECT " + invocationColumns + " FROM found ORDER BY " + orderBy(terms, "")
	var found []apiconn.Invocation
	err = s.lists.run(ctx, tenant, func(ctx context.Context, db *statements) error {
		rows, err := db.queryOnce(ctx, text, q.args...)
		found, err = collect(rows, err, scanInvocation)
		return err
	})
	if err != nil {
		return apiconn.Page[apiconn.Invocation]{}, s.fail("list invocations", err)
	}
	return page(found, limit, ask.Order, func(i apiconn.Invocation, property string) string {
		return invocationPositions[property](i)
	}), nil
}

// invocationPositions has the value of each property as Query.After takes it.
var invocationPositions = map[string]func(apiconn.Invocation) string{
	"id":              func(i apiconn.Invocation) string { return i.ID },
	"createdDateTime": func(i apiconn.Invocation) string { return decimal(i.At.UnixMicro()) },
	"userFlowId":      func(i apiconn.Invocation) string { return i.FlowID },
	"step":            func(i apiconn.Invocation) string { return i.Step },
	"connectorId":     func(i apiconn.Invocation) string { return i.ConnectorID },
	"action":          func(i apiconn.Invocation) string { return string(i.Action) },
	"reason":          func(i apiconn.Invocation) string { return string(i.Reason) },
	"appId":           func(i apiconn.Invocation) string { return i.AppID },
	"correlationId":   func(i apiconn.Invocation) string { return i.CorrelationID },
}

// PruneInvocations deletes all tenants' receipts from before a time and returns how many. It works in small transactions:
// after an error, what is deleted stays deleted.
func (s *Store) PruneInvocations(ctx context.Context, before time.Time) (int64, error) {
	return s.prune(ctx, "delete old invocations", "invocations", "tenant_id, at, id", "at <", before)
}

func scanInvocation(row scanner) (i apiconn.Invocation, err error) {
	var at int64
	var facts []byte
	if err := row.Scan(&i.TenantID, &i.ID, &at, &i.FlowID, &i.Step, &i.AppID, &i.CorrelationID, &i.ConnectorID,
		&i.Action, &i.Reason, &facts); err != nil {
		return apiconn.Invocation{}, err
	}
	i.At = toTime(at)
	if err := decodeFacts(facts, &i); err != nil {
		return apiconn.Invocation{}, fmt.Errorf("invocation %s of tenant %s: %w", i.ID, i.TenantID, err)
	}
	return i, nil
}
