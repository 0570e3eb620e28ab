package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Once records that a request with an Idempotency-Key was carried out. (TenantID, AppID, Key) is unique.
type Once struct {
	TenantID, AppID, Key string    // a method that takes a tenant works in that one, whatever TenantID says
	Operation            string    // what was asked for, e.g. POST and the path
	MAC                  []byte    // of the request, to recognise the key coming again with another body
	ResultID             string    // what it made or changed; the store fills it in
	ExpiresAt            time.Time // from then on the record does not count
}

// claimOnce returns the record that once repeats, or writes once and returns nil. A nil once does nothing.
func claimOnce(ctx context.Context, db *statements, once *Once, tenant, resultID string, now time.Time) (*Once, error) {
	prior, err := findOnce(ctx, db, once, tenant, now)
	if prior != nil || err != nil {
		return prior, err
	}
	return nil, insertOnce(ctx, db, once, tenant, resultID, now)
}

func findOnce(ctx context.Context, db *statements, once *Once, tenant string, now time.Time) (*Once, error) {
	if once == nil {
		return nil, nil
	}
	prior := Once{TenantID: tenant, AppID: once.AppID, Key: once.Key}
	var expires int64
	err := db.queryRow(ctx, "SELECT operation, mac, result_id, expires_at FROM idempotency_records "+
		"WHERE tenant_id = $1 AND app_id = $2 AND idempotency_key = $3 AND expires_at > $4",
		tenant, once.AppID, once.Key, now.UnixMicro()).Scan(&prior.Operation, &prior.MAC, &prior.ResultID, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	prior.ExpiresAt = toTime(expires)
	return &prior, nil
}

// insertOnce writes the record, in the place of one that has expired if there is any.
func insertOnce(ctx context.Context, db *statements, once *Once, tenant, resultID string, now time.Time) error {
	if once == nil {
		return nil
	}
	if _, err := db.exec(ctx, "DELETE FROM idempotency_records WHERE tenant_id = $1 AND app_id = $2 AND idempotency_key = $3 AND expires_at <= $4",
		tenant, once.AppID, once.Key, now.UnixMicro()); err != nil {
		return err
	}
	_, err := db.exec(ctx, "INSERT INTO idempotency_records (tenant_id, app_id, idempotency_key, operation, mac, result_id, "+
		"expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		tenant, once.AppID, once.Key, once.Operation, blob(once.MAC), resultID, once.ExpiresAt.UnixMicro())
	return err
}

// PruneOnce deletes all tenants' records that have expired at now and returns how many. It works in small transactions:
// after an error, what is deleted stays deleted.
func (s *Store) PruneOnce(ctx context.Context, now time.Time) (int64, error) {
	return s.prune(ctx, "delete expired idempotency records", "idempotency_records",
		"tenant_id, app_id, idempotency_key", "expires_at <=", now)
}

// unique names a taken key as a Conflict; other errors stay.
func (s *Store) unique(err error, format string, args ...any) error {
	if s.dialect.classify(err) != faultUnique {
		return err
	}
	return apiconn.Errorf(apiconn.Conflict, format, args...).Because(err)
}
