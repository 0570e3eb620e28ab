package bench

import (
	"testing"

	"github.com/patchbay/patchbay/internal/conntest/pgtest"
)

// engine is what the program keeps its data in.
type engine struct {
	name string
	// database makes an empty one and returns its setting, or nothing for the file in the data directory.
	database func(b *testing.B) []string
}

// engines are all there are. Both make a commit wait for the disk.
func engines(b *testing.B) []engine {
	b.Helper()
	var server *pgtest.Server
	return []engine{
		{"sqlite", func(*testing.B) []string { return nil }},
		{"postgres", func(b *testing.B) []string {
			b.Helper()
			if server == nil {
				server = startPostgres(b)
			}
			return []string{"PATCHBAY_DATABASE=" + server.New(b)}
		}},
	}
}

// startPostgres starts a server on this machine, with PostgreSQL's own settings and above all fsync, without which the
// tests of the program do.
func startPostgres(b *testing.B) *pgtest.Server {
	b.Helper()
	server := pgtest.Start(b)
	keepWhatIsAcknowledged(b, server.Super(b, server.New(b)))
	return server
}
