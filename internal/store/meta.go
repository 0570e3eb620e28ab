package store

import (
	"context"
)

// Meta returns a fact about the database as a whole, e.g. its purpose; false if it was never set.
func (s *Store) Meta(ctx context.Context, name string) (string, bool, error) {
	found, err := lookup(ctx, s, everyTenant, "read a fact about the database", func(ctx context.Context, db *statements) ([]string, error) {
		rows, err := db.query(ctx, "SELECT value FROM meta WHERE name = $1", name)
		return collect(rows, err, func(row scanner) (value string, err error) { return value, row.Scan(&value) })
	})
	if err != nil || len(found) == 0 {
		return "", false, err
	}
	return found[0], true, nil
}

// SetMeta sets a fact about the database. It is not for secrets.
func (s *Store) SetMeta(ctx context.Context, name, value string) error {
	return s.write(ctx, everyTenant, "write a fact about the database", func(ctx context.Context, db *statements) error {
		_, err := db.exec(ctx, "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
		return err
	})
}
