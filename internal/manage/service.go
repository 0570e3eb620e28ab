// Package manage holds the operations of an administrator: each is one exported method whose first line says who may,
// which touches the database once and writes its audit entry in the same transaction.
//
// It seals secrets and never opens one: what leaves it is what a reader may see. The one exception is rotate.go, the
// local command that re-seals under a new key. It knows no HTTP; its errors are apiconn.Errors.
package manage

import (
	"context"
	"errors"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/credential"
	"github.com/patchbay/patchbay/internal/seal"
	"github.com/patchbay/patchbay/internal/store"
)

// AuthenticationGiven is an authenticationConfiguration as a client sent it, so that an edge need not know credential.
type AuthenticationGiven = credential.Given

// AuthenticationShown is an authenticationConfiguration as a reader sees it.
type AuthenticationShown = credential.Shown

// AuthenticationObject is an object inside an AuthenticationShown whose members keep their order.
type AuthenticationObject = credential.Object

// Service carries out an administrator's operations.
type Service struct {
	Store  *store.Store
	Sealer seal.Sealer
	Intake *credential.Intake
	Now    func() time.Time // UTC, truncated to microseconds

	AllowHTTP bool // accept http:// in targetUrl: development only
	// CheckTarget says why a targetUrl can never be called, an address in it being blocked; nil lets every URL pass. A name
	// is judged when it has been resolved, at the call.
	CheckTarget     func(targetURL string) error
	UploadOntoBasic bool          // uploadClientCertificate on a Basic connector replaces instead of failing (contract 8, row 30)
	UnlinkOnDelete  bool          // deleting a connector that user flows use unlinks it there instead of failing (contract 8, row 31)
	OnceFor         time.Duration // how long an Idempotency-Key is remembered; 0: 24 hours

	CallProfile apiconn.CallProfile // of connectors whose call settings name none; "": entra
}

// Precondition is what must hold of a connector or a user flow before it is changed (If-Match). The zero value is always met.
type Precondition struct {
	Versions []int64 // acceptable versions; nil: any
}

// check names the thing in its error.
func (p Precondition) check(thing string, version int64) error {
	if p.Versions == nil {
		return nil
	}
	for _, v := range p.Versions {
		if v == version {
			return nil
		}
	}
	return apiconn.Errorf(apiconn.Stale, "The %s was changed since its ETag was read. Read it again and repeat the change with the new ETag.", thing)
}

// Once is the request for an operation to happen once only, however often it is sent (the Idempotency-Key header).
type Once struct {
	Key  string // the client's, 1 to 255 printable characters; "" for none
	Body []byte // what was sent, to tell a repetition from another request under the same key
}

// oncePurpose is the purpose of the MACs of requests.
const oncePurpose = "idempotency"

// request is what the MAC of o is of.
func (o Once) request(operation string) []byte { return append([]byte(operation+"\x00"), o.Body...) }

// record makes the database's form of o for an operation; nil if there is no key. The body may hold secrets, so only a
// keyed digest of it is kept.
func (s *Service) record(who auth.Caller, operation string, o Once) *store.Once {
	if o.Key == "" {
		return nil
	}
	keep := s.OnceFor
	if keep <= 0 {
		keep = 24 * time.Hour
	}
	return &store.Once{
		TenantID: who.TenantID, AppID: who.AppID, Key: o.Key, Operation: operation,
		MAC:       s.Sealer.MAC(oncePurpose, o.request(operation)),
		ExpiresAt: s.Now().Add(keep),
	}
}

// matching refuses a request whose key was seen before with another. The master key may have been changed since.
func (s *Service) matching(ctx context.Context, operation string, once Once, prior *store.Once) error {
	same, err := s.Sealer.VerifyMAC(ctx, oncePurpose, once.request(operation), prior.MAC)
	if same || err != nil {
		return err
	}
	return &apiconn.Error{
		Kind: apiconn.Conflict, Reason: apiconn.ReasonIdempotencyMismatch, Field: "Idempotency-Key",
		Message: "This Idempotency-Key was used before with another request. Use a new key for a new request.",
	}
}

// repeated answers a request whose key was seen before: with what it made then, or with a refusal if the request is another.
func (s *Service) repeated(ctx context.Context, who auth.Caller, operation string, once Once, prior *store.Once) (ConnectorView, error) {
	if err := s.matching(ctx, operation, once, prior); err != nil {
		return ConnectorView{}, err
	}
	c, err := s.Store.Connector(ctx, who.TenantID, prior.ResultID)
	if err != nil {
		return ConnectorView{}, err
	}
	return s.view(c), nil
}

// maxRefresh is how often a write is tried again because the key ring was rotated under it. Two rotations within one
// write are already beyond belief.
const maxRefresh = 3

// sealing runs write, which seals, again after each rotation of the key ring that overtook it.
func (s *Service) sealing(ctx context.Context, write func() error) error {
	err := write()
	for range maxRefresh {
		if !errors.Is(err, store.ErrStaleKeyRing) {
			return err
		}
		if refreshErr := s.Sealer.Refresh(ctx); refreshErr != nil {
			return refreshErr
		}
		err = write()
	}
	return err
}

// sealFor returns the function that seals a secret member of a connector which will have that version.
func (s *Service) sealFor(ctx context.Context, tenant, id string, version int64) func(string, credential.Secret) (apiconn.Sealed, error) {
	return func(member string, value credential.Secret) (apiconn.Sealed, error) {
		owner := seal.Owner{Tenant: tenant, ID: id, Member: member, Version: version}
		box, err := s.Sealer.Seal(ctx, owner, value.Reveal())
		if err != nil {
			return apiconn.Sealed{}, err
		}
		return apiconn.Sealed{Version: version, KeyID: box.KeyID, Ciphertext: box.Ciphertext}, nil
	}
}
