package pgtest

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// verifier is what PostgreSQL keeps of a password (RFC 5803), with one iteration instead of thousands: these passwords are
// random, and under the race detector the iterations are most of what a connection costs.
func verifier(password string) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, 1, sha256.Size)
	if err != nil {
		return password // which PostgreSQL makes a verifier of
	}
	key := func(name string) []byte {
		mac := hmac.New(sha256.New, salted)
		mac.Write([]byte(name))
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(key("Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$1:%s$%s:%s", text(salt), text(stored[:]), text(key("Server Key")))
}

// hasten gives the superuser such a verifier, in the place of initdb's.
func (s *Server) hasten() error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.superURL("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "ALTER ROLE "+superuser+" PASSWORD '"+verifier(s.password)+"'")
	return errors.Join(err, conn.Close(ctx))
}
