package store

import (
	"context"
	"database/sql"
	"errors"
)

// Meta returns a fact about the database as a whole, e.g. its purpose; false if it was never set.
func (s *Store) Meta(ctx context.Context, name string) (string, bool, error) {
	var value string
	err := s.read.queryRow(ctx, "SELECT value FROM meta WHERE name = $1", name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, s.fail("read a fact about the database", err)
	}
	return value, true, nil
}

// SetMeta sets a fact about the database. It is not for secrets.
func (s *Store) SetMeta(ctx context.Context, name, value string) error {
	return s.write(ctx, "write a fact about the database", func(ctx context.Context, db *statements) error {
		_, err := db.exec(ctx, "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
		return err
	})
}
