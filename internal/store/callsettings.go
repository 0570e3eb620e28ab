package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// CallSettings returns how a connector is called: the zero settings with Version 0 if nothing was ever set. NotFound if
// the tenant has no such connector.
func (s *Store) CallSettings(ctx context.Context, tenant, connector string) (apiconn.CallSettings, error) {
	return lookup(ctx, s, tenant, "read call settings", func(ctx context.Context, db *statements) (apiconn.CallSettings, error) {
		rows, err := db.query(ctx, "SELECT c.tenant_id, c.id, s.settings, s.version, s.changed_at FROM connectors c "+
			"LEFT JOIN call_settings s ON s.tenant_id = c.tenant_id AND s.connector_id = c.id WHERE c.tenant_id = $1 AND c.id = $2", tenant, connector)
		return one(connector, rows, err, scanCallSettings)
	})
}

// UpdateCallSettings reads a connector's call settings, lets apply change them, and writes them back with their audit
// entry, all in one transaction. It returns them as they are afterwards. apply also gets the connector, without sealed
// members; the connector itself and its version do not change. Tenant and connector cannot be changed; the store sets
// Version and ChangedAt. apply must not call the store and must be quick: other writers wait for it.
//
// A nil audit entry without an error means that nothing changed: nothing is written. An error of apply is returned as it
// is. NotFound if the tenant has no such connector.
func (s *Store) UpdateCallSettings(ctx context.Context, tenant, connector string,
	apply func(settings *apiconn.CallSettings, c apiconn.Connector) (*apiconn.AuditEntry, error),
) (result apiconn.CallSettings, err error) {
	err = s.write(ctx, tenant, "update call settings", func(ctx context.Context, db *statements) error {
		c, err := readConnector(ctx, db, tenant, connector)
		if err != nil {
			return err
		}
		c.Authentication.Sealed = nil
		stored, err := readCallSettings(ctx, db, tenant, connector)
		if err != nil {
			return err
		}
		changed := stored
		changed.PinnedKeys = slices.Clone(stored.PinnedKeys)
		audit, err := apply(&changed, c)
		if err != nil {
			return err
		}
		if audit == nil {
			result = stored
			return nil
		}
		now := s.now()
		changed.TenantID, changed.ConnectorID = tenant, connector
		changed.Version, changed.ChangedAt = stored.Version+1, now
		text, err := encodeCallSettings(changed)
		if err != nil {
			return err
		}
		if _, err := db.exec(ctx, "INSERT INTO call_settings (tenant_id, connector_id, settings, version, changed_at) VALUES ($1, $2, $3, $4, $5) "+
			"ON CONFLICT (tenant_id, connector_id) DO UPDATE SET settings = excluded.settings, version = excluded.version, "+
			"changed_at = excluded.changed_at", tenant, connector, text, changed.Version, now.UnixMicro()); err != nil {
			return err
		}
		result = changed
		return insertAudit(ctx, db, tenant, *audit, now)
	})
	if err != nil {
		return apiconn.CallSettings{}, err
	}
	return result, nil
}

// readCallSettings reads the settings of a connector that is there.
func readCallSettings(ctx context.Context, db *statements, tenant, connector string) (apiconn.CallSettings, error) {
	settings, err := scanCallSettings(db.queryRow(ctx, "SELECT tenant_id, connector_id, settings, version, changed_at FROM call_settings "+
		"WHERE tenant_id = $1 AND connector_id = $2", tenant, connector))
	if errors.Is(err, sql.ErrNoRows) {
		return apiconn.CallSettings{TenantID: tenant, ConnectorID: connector}, nil
	}
	return settings, err
}

// scanCallSettings reads a row whose last three columns are null if nothing was ever set.
func scanCallSettings(row scanner) (apiconn.CallSettings, error) {
	var tenant, connector string
	var r callSettingsRow
	if err := row.Scan(append([]any{&tenant, &connector}, r.fields()...)...); err != nil {
		return apiconn.CallSettings{}, err
	}
	return r.of(tenant, connector)
}

// callSettingsRow is what a row says of a connector's settings, null if nothing was ever set.
type callSettingsRow struct {
	text             sql.NullString
	version, changed sql.NullInt64
}

func (r *callSettingsRow) fields() []any { return []any{&r.text, &r.version, &r.changed} }

// of makes the settings of a connector of it.
func (r *callSettingsRow) of(tenant, connector string) (apiconn.CallSettings, error) {
	settings := apiconn.CallSettings{}
	if r.text.Valid {
		var form callSettingsForm
		if err := json.Unmarshal([]byte(r.text.String), &form); err != nil {
			return apiconn.CallSettings{}, fmt.Errorf("decode the call settings of connector %s of tenant %s: %w", connector, tenant, err)
		}
		settings = form.settings()
		settings.Version, settings.ChangedAt = r.version.Int64, toTime(r.changed.Int64)
	}
	settings.TenantID, settings.ConnectorID = tenant, connector
	return settings, nil
}

// callSettingsForm is the JSON of column settings.
type callSettingsForm struct {
	Profile         apiconn.CallProfile `json:"profile,omitempty"`
	Budget          micros              `json:"budget,omitempty"`
	AttemptTimeout  micros              `json:"attemptTimeout,omitempty"`
	Attempts        int                 `json:"attempts,omitempty"`
	TrustedRoots    string              `json:"trustedRoots,omitempty"`
	PinnedKeys      []string            `json:"pinnedKeys,omitempty"`
	LateCertificate bool                `json:"lateCertificate,omitempty"`
	MaxConcurrent   int                 `json:"maxConcurrent,omitempty"`
}

func encodeCallSettings(s apiconn.CallSettings) (string, error) {
	text, err := json.Marshal(callSettingsForm{
		Profile: s.Profile, Budget: toMicros(s.Budget), AttemptTimeout: toMicros(s.AttemptTimeout), Attempts: s.Attempts,
		TrustedRoots: s.TrustedRoots, PinnedKeys: s.PinnedKeys, LateCertificate: s.LateCertificate, MaxConcurrent: s.MaxConcurrent,
	})
	if err != nil {
		return "", fmt.Errorf("encode call settings: %w", err)
	}
	return string(text), nil
}

func (f callSettingsForm) settings() apiconn.CallSettings {
	return apiconn.CallSettings{
		Profile: f.Profile, Budget: f.Budget.duration(), AttemptTimeout: f.AttemptTimeout.duration(), Attempts: f.Attempts,
		TrustedRoots: f.TrustedRoots, PinnedKeys: f.PinnedKeys, LateCertificate: f.LateCertificate, MaxConcurrent: f.MaxConcurrent,
	}
}

// micros is a duration, or a time since 1970, as JSON has it: whole microseconds.
type micros int64

func toMicros(d time.Duration) micros { return micros(d.Microseconds()) }

func (m micros) duration() time.Duration { return time.Duration(m) * time.Microsecond }

// instant gives 0 for the zero time, which is older than what any certificate in use says.
func instant(t time.Time) micros {
	if t.IsZero() {
		return 0
	}
	return micros(t.UnixMicro())
}

func (m micros) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return toTime(int64(m))
}
