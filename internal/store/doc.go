// Package store is the database: connectors, audit entries, applications, keys, and everything else that must outlive
// the process.
//
// It is the only room that speaks SQL. Each statement has one text for every engine ($N parameters, RETURNING, ON
// CONFLICT, row values; no LIKE; times as integer microseconds); what differs between engines is in dialect.go and in
// migrations/. Text columns compare and sort by code point: SQLite's BINARY, COLLATE "C" in PostgreSQL's migrations.
//
// Writes go through one goroutine that commits many callers' changes at once (group.go); reads have connections of their
// own and never wait for a writer. A caller that was told of success will find its change after a crash.
//
// The store keeps rules that only a transaction can keep (versions, idempotency records, the key ring's primary key, an
// audit entry with its change) and no others: it knows no HTTP and no permissions, opens no secret, and logs nothing but
// migrations.
package store
