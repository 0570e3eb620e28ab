package store

import (
	"context"
	"strings"
	"time"
)

// pruneBatch is how many rows one transaction deletes, so that other writers wait for some milliseconds only: deleting a
// receipt of the usual size takes about 60 microseconds.
const pruneBatch = 200

// prune deletes the rows of a table that are due at a time (a column and how it compares), by their primary key, again and again
// until it finds no more, each time in a transaction of its own. Where several transactions go on at once, it leaves rows that
// somebody is about to change to the next time: it works in no tenant's lane, and to wait there for one could be to wait for each other.
func (s *Store) prune(ctx context.Context, doing, table, key, due string, at time.Time) (deleted int64, err error) {
	column, _, _ := strings.Cut(due, " ")
	text := "DELETE FROM " + table + " WHERE (" + key + ") IN (SELECT " + key + " FROM " + table + " WHERE " + due + " $1 ORDER BY " +
		column + " LIMIT $2" + s.dialect.skip + ")"
	for {
		var n int64
		err := s.write(ctx, everyTenant, doing, func(ctx context.Context, db *statements) (err error) {
			n, err = db.exec(ctx, text, at.UnixMicro(), pruneBatch)
			return err
		})
		if err != nil {
			return deleted, err
		}
		deleted += n
		if n < pruneBatch {
			return deleted, nil
		}
	}
}
