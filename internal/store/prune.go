package store

import (
	"context"
	"time"
)

// pruneBatch is how many rows one transaction deletes, so that other writers wait for some milliseconds only: deleting a
// receipt of the usual size takes about 60 microseconds.
const pruneBatch = 200

// prune runs a constant text that deletes up to $2 rows of before the time $1, again and again until it finds no more,
// each time in a transaction of its own.
func (s *Store) prune(ctx context.Context, doing, text string, before time.Time) (deleted int64, err error) {
	for {
		var n int64
		err := s.write(ctx, everyTenant, doing, func(ctx context.Context, db *statements) (err error) {
			n, err = db.exec(ctx, text, before.UnixMicro(), pruneBatch)
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
