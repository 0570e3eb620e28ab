package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// rereadAfter is how old the signing keys in memory may be: the delay with which a key that another process (the
// rotation command) made or revoked takes effect.
const rereadAfter = time.Second

// errNoSigningKey means that every key is retired or none was ever made.
var errNoSigningKey = errors.New("the local authority has no signing key in use; make one with 'patchbay key rotate-signing'")

// Signer holds the signing keys of the local authority: it signs with the newest and is the key source of the local
// [Issuer]. The keys are re-read when they are a second old. It is safe for concurrent use.
type Signer struct {
	load func(context.Context) ([]LocalKey, error)
	now  func() time.Time

	mu   sync.Mutex // held by the one who re-reads
	ring atomic.Pointer[signingRing]
}

// signingRing is one reading of the keys.
type signingRing struct {
	keys   []LocalKey
	public *keySet
	readAt time.Time
}

// NewSigner makes a Signer over keys that load returns, opened. Load is called at most once a second and should
// remember what it opened. A nil now is time.Now.
func NewSigner(load func(context.Context) ([]LocalKey, error), now func() time.Time) *Signer {
	if now == nil {
		now = time.Now
	}
	return &Signer{load: load, now: now}
}

// Sign returns the claims as a JWT in compact form, signed RS256 with the newest key in use; the header carries typ,
// kid and x5t as Entra's tokens do (contract section 4.3).
func (s *Signer) Sign(ctx context.Context, claims map[string]any) (string, error) {
	ring, err := s.read(ctx)
	if err != nil {
		return "", err
	}
	key, err := ring.newest()
	if err != nil {
		return "", err
	}
	public, err := key.Public()
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	header := jws.NewHeaders()
	for name, value := range map[string]string{
		jws.TypeKey: "JWT", jws.KeyIDKey: key.ID, jws.X509CertThumbprintKey: public.CertificateThumbprint(),
	} {
		if err := header.Set(name, value); err != nil {
			return "", fmt.Errorf("set header %s: %w", name, err)
		}
	}
	token, err := jws.Sign(payload, jws.WithKey(jwa.RS256(), key.Private, jws.WithProtectedHeaders(header)))
	if err != nil {
		return "", fmt.Errorf("sign a token with key %s: %w", key.ID, err)
	}
	return string(token), nil
}

// PublicKeys returns the keys whose tokens are accepted at present: what the JWKS publishes.
func (s *Signer) PublicKeys(ctx context.Context) ([]PublicKey, error) {
	ring, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var published []PublicKey
	for _, k := range ring.keys {
		if !k.RetireAt.IsZero() && !s.now().Before(k.RetireAt) {
			continue
		}
		p, err := k.Public()
		if err != nil {
			return nil, err
		}
		published = append(published, p)
	}
	return published, nil
}

// current implements keySource.
func (s *Signer) current(ctx context.Context) (*keySet, error) {
	ring, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	return ring.public, nil
}

// renewed implements keySource. The keys are never older than a second, so there is nothing to hurry.
func (s *Signer) renewed(ctx context.Context) (*keySet, error) { return s.current(ctx) }

// read returns the keys, at most rereadAfter old. It fails closed: without the database no key is valid.
func (s *Signer) read(ctx context.Context) (*signingRing, error) {
	if ring := s.fresh(); ring != nil {
		return ring, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ring := s.fresh(); ring != nil {
		return ring, nil
	}
	readAt := s.now() // before the reading: a change during it is seen by the next
	keys, err := s.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the signing keys: %w", err)
	}
	verification := make([]verificationKey, 0, len(keys))
	for _, k := range keys {
		public, err := k.Public()
		if err != nil {
			return nil, err
		}
		verification = append(verification, verificationKey{
			id: k.ID, public: public.RSA, algorithm: jwa.RS256().String(), retireAt: k.RetireAt,
		})
	}
	var prior *keySet
	if old := s.ring.Load(); old != nil {
		prior = old.public
	}
	set, err := newKeySet(prior, verification)
	if err != nil {
		return nil, err
	}
	ring := &signingRing{keys: keys, public: set, readAt: readAt}
	s.ring.Store(ring)
	return ring, nil
}

// fresh returns the present reading, or nil if it is too old, there is none, or the clock was set back.
func (s *Signer) fresh() *signingRing {
	ring := s.ring.Load()
	if ring == nil {
		return nil
	}
	if age := s.now().Sub(ring.readAt); age < 0 || age >= rereadAfter {
		return nil
	}
	return ring
}

// newest returns the most recent key that has no retirement set.
func (r *signingRing) newest() (LocalKey, error) {
	best := -1
	for i, k := range r.keys {
		if k.RetireAt.IsZero() && (best < 0 || k.CreatedAt.After(r.keys[best].CreatedAt)) {
			best = i
		}
	}
	if best < 0 {
		return LocalKey{}, errNoSigningKey
	}
	return r.keys[best], nil
}
