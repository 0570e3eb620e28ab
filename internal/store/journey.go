package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Journey returns the record of a journey's step that has not expired at now; nil if there is none.
func (s *Store) Journey(ctx context.Context, tenant, key string, now time.Time) (*apiconn.Journey, error) {
	j, err := lookup(ctx, s, tenant, "read a journey", func(ctx context.Context, db *statements) (*apiconn.Journey, error) {
		return findJourney(ctx, db, tenant, key)
	})
	if err != nil {
		return nil, err
	}
	if j == nil || !j.ExpiresAt.After(now) {
		return nil, nil
	}
	return j, nil
}

func findJourney(ctx context.Context, db *statements, tenant, key string) (*apiconn.Journey, error) {
	j := apiconn.Journey{TenantID: tenant, Key: key}
	var expires int64
	err := db.queryRow(ctx, "SELECT mac, invocation_id, sealed, expires_at FROM journeys WHERE tenant_id = $1 AND key = $2",
		tenant, key).Scan(&j.MAC, &j.InvocationID, &j.Sealed, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	j.ExpiresAt = toTime(expires)
	return &j, nil
}

// claimJourney returns the record that j repeats, or writes j as that of an invocation and returns nil. A record that has
// expired is replaced.
func claimJourney(ctx context.Context, db *statements, tenant, invocation string, j apiconn.Journey, now time.Time) (*apiconn.Journey, error) {
	n, err := db.exec(ctx, "INSERT INTO journeys (tenant_id, key, mac, invocation_id, sealed, expires_at) VALUES ($1, $2, $3, $4, $5, $6) "+
		"ON CONFLICT (tenant_id, key) DO UPDATE SET mac = excluded.mac, invocation_id = excluded.invocation_id, sealed = excluded.sealed, "+
		"expires_at = excluded.expires_at WHERE journeys.expires_at <= $7",
		tenant, j.Key, blob(j.MAC), invocation, blob(j.Sealed), j.ExpiresAt.UnixMicro(), now.UnixMicro())
	if err != nil || n > 0 {
		return nil, err
	}
	prior, err := findJourney(ctx, db, tenant, j.Key)
	if err == nil && prior == nil {
		err = errors.New("the record of a journey vanished while it was being read")
	}
	return prior, err
}

// PruneJourneys deletes all tenants' records that have expired at now and returns how many. It works in small
// transactions: after an error, what is deleted stays deleted.
func (s *Store) PruneJourneys(ctx context.Context, now time.Time) (int64, error) {
	return s.prune(ctx, "delete expired journeys", "journeys", "tenant_id, key", "expires_at <=", now)
}
