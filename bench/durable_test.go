package bench

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// keepWhatIsAcknowledged makes a server wait for the disk at each commit, and returns when it does.
func keepWhatIsAcknowledged(b *testing.B, super string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
	defer cancel()
	for fsync := ""; fsync != "on"; {
		conn, err := pgx.Connect(ctx, super)
		if err != nil {
			b.Fatal(err)
		}
		if fsync == "" {
			for _, text := range []string{"ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()"} {
				if _, err := conn.Exec(ctx, text); err != nil {
					b.Fatal(err)
				}
			}
		}
		if err := conn.QueryRow(ctx, "SHOW fsync").Scan(&fsync); err != nil {
			b.Fatal(err)
		}
		if err := conn.Close(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
