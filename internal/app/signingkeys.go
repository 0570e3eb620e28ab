package app

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"log/slog"
	"sync"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/seal"
	"github.com/patchbay/patchbay/internal/store"
)

// signingKeys opens the signing keys of the local authority for auth.Signer, each row once. They are opened here because
// manage only seals and auth knows no sealed value.
type signingKeys struct {
	store  *store.Store
	opener seal.Opener
	log    *slog.Logger

	mu     sync.Mutex
	opened map[string]openedKey // by kid
}

// openedKey is what became of one row.
type openedKey struct {
	ciphertext []byte         // of the row; another one is opened anew
	key        *auth.LocalKey // nil: it does not open
}

// load returns the keys as the database has them now. A key that does not open is left out, and the log says so once:
// its tokens are refused, those of the others are not.
func (s *signingKeys) load(ctx context.Context) ([]auth.LocalKey, error) {
	rows, err := s.store.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	opened := make(map[string]openedKey, len(rows))
	keys := make([]auth.LocalKey, 0, len(rows))
	for _, row := range rows {
		entry, known := s.opened[row.ID]
		if !known || !bytes.Equal(entry.ciphertext, row.Private.Ciphertext) {
			if entry, err = s.open(ctx, row); err != nil {
				return nil, err
			}
		}
		opened[row.ID] = entry
		if entry.key != nil {
			key := *entry.key
			key.RetireAt = row.RetireAt
			keys = append(keys, key)
		}
	}
	s.opened = opened
	return keys, nil
}

// open opens one row. An error is one that may pass, such as a database that is busy; damage is not.
func (s *signingKeys) open(ctx context.Context, row apiconn.SigningKey) (openedKey, error) {
	entry := openedKey{ciphertext: row.Private.Ciphertext}
	owner := seal.Owner{ID: apiconn.SigningKeyOwner, Member: apiconn.SigningKeyMember(row.ID), Version: row.Private.Version}
	der, err := s.opener.Open(ctx, owner, seal.Box{KeyID: row.Private.KeyID, Ciphertext: row.Private.Ciphertext})
	if err != nil && !errors.Is(err, seal.ErrDamaged) {
		return openedKey{}, err
	}
	defer clear(der)
	if err == nil {
		var private crypto.Signer
		if private, err = auth.ParsePrivateDER(der); err == nil {
			entry.key = &auth.LocalKey{ID: row.ID, Private: private, Certificate: row.Certificate, CreatedAt: row.CreatedAt}
			return entry, nil
		}
	}
	s.log.Error("a signing key does not open; its tokens are refused", "kid", row.ID, "error", err.Error())
	return entry, nil
}
