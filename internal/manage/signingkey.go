package manage

import (
	"context"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/seal"
)

// RotateSigningKey makes a new signing key for the local authority and retires the others, and returns the new kid. A
// running service follows within a second. Tokens of the old keys stay good until they have all expired, or end at once
// with revokeOld. It may be stopped at any moment and repeated.
func (s *Service) RotateSigningKey(ctx context.Context, who auth.Caller, revokeOld bool) (string, error) {
	if err := who.Require(auth.Operator); err != nil {
		return "", err
	}
	key, err := auth.NewLocalKey(s.Now())
	if err != nil {
		return "", err
	}
	if err := s.addSigningKey(ctx, key); err != nil {
		return "", err
	}
	retireAt := s.Now()
	if !revokeOld {
		retireAt = retireAt.Add(tokenLife + auth.DefaultClockSkew)
	}
	keys, err := s.Store.SigningKeys(ctx)
	if err != nil {
		return "", err
	}
	for _, old := range keys {
		if old.ID == key.ID || !old.RetireAt.IsZero() && !old.RetireAt.After(retireAt) {
			continue
		}
		if err := s.Store.RetireSigningKey(ctx, old.ID, retireAt); err != nil && apiconn.KindOf(err) != apiconn.NotFound {
			return "", err
		}
	}
	return key.ID, nil
}

// addSigningKey seals the private half and writes the key.
func (s *Service) addSigningKey(ctx context.Context, key auth.LocalKey) error {
	private, err := key.PrivateDER()
	if err != nil {
		return err
	}
	public, err := key.Public()
	if err != nil {
		return err
	}
	jwk, err := public.JWK()
	if err != nil {
		return err
	}
	const version = 1 // a signing key never changes
	owner := seal.Owner{ID: apiconn.SigningKeyOwner, Member: apiconn.SigningKeyMember(key.ID), Version: version}
	return s.sealing(ctx, func() error {
		box, err := s.Sealer.Seal(ctx, owner, private)
		if err != nil {
			return err
		}
		return s.Store.AddSigningKey(ctx, apiconn.SigningKey{
			ID: key.ID, PublicJWK: jwk, Certificate: key.Certificate, CreatedAt: key.CreatedAt,
			Private: apiconn.Sealed{Version: version, KeyID: box.KeyID, Ciphertext: box.Ciphertext},
		})
	})
}
