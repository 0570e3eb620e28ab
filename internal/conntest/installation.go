package conntest

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/credential"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/seal"
	"github.com/patchbay/patchbay/internal/store"
)

// BaseURL is the public URL of every Installation: nothing listens there.
const BaseURL = "https://patchbay.example:8443"

// Installation is Patchbay without its edges, on a real database: a key ring, a tenant, a local authority with one
// signing key, and a verifier that accepts the authority's tokens.
type Installation struct {
	Path      string // of the database
	Master    seal.MasterKey
	Keys      *seal.Keys
	Store     *store.Store
	Manage    *manage.Service
	Signer    *auth.Signer
	Authority *manage.Authority
	Verifier  *auth.Verifier
	Tenant    apiconn.Tenant
	Operator  auth.Caller // in the tenant
	Clock     *Clock
}

// NewInstallation makes an installation in a temporary directory, on a clock of its own.
func NewInstallation(t testing.TB) *Installation {
	t.Helper()
	i := &Installation{Path: filepath.Join(t.TempDir(), "patchbay.db"), Clock: NewClock()}
	var err error
	if i.Master, err = seal.GenerateMasterKey(seal.Production); err != nil {
		t.Fatal(err)
	}
	if i.Store, err = store.Open(t.Context(), store.Options{Database: i.Path, Now: i.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	i.makeRing(t)
	i.Manage = &manage.Service{Store: i.Store, Sealer: i.Keys.Sealer(), Intake: credential.NewIntake(0), Now: i.Clock.Now}
	i.Signer = auth.NewSigner(i.signingKeys, i.Clock.Now)
	i.Authority = &manage.Authority{Store: i.Store, Signer: i.Signer, Issuer: BaseURL, Now: i.Clock.Now}
	if i.Verifier, err = auth.NewVerifier(auth.Options{Issuers: []auth.Issuer{auth.LocalIssuer(BaseURL, i.Signer)}, Now: i.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Verifier.Close)
	if i.Tenant, err = i.Manage.CreateTenant(t.Context(), auth.Local(), "contoso.example", ""); err != nil {
		t.Fatal(err)
	}
	i.Operator = auth.Local().WithTenant(i.Tenant.ID)
	if _, err := i.Manage.RotateSigningKey(t.Context(), auth.Local(), false); err != nil {
		t.Fatal(err)
	}
	return i
}

// Application registers an application with permissions and returns its client id and a secret.
func (i *Installation) Application(t testing.TB, roles ...auth.Permission) (clientID, secret string) {
	t.Helper()
	app, err := i.Manage.CreateApplication(t.Context(), i.Operator, "Test application", words(roles)...)
	if err != nil {
		t.Fatal(err)
	}
	added, err := i.Manage.AddSecret(t.Context(), i.Operator, app.ClientID, "test", 0)
	if err != nil {
		t.Fatal(err)
	}
	return app.ClientID, added.Secret
}

// makeRing writes the first key ring.
func (i *Installation) makeRing(t testing.TB) {
	t.Helper()
	ring, err := seal.NewRing()
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := ring.Wrap(i.Master)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Store.ReplaceKeyRing(t.Context(), 0, store.KeyRing{Primary: ring.Primary(), Wrapped: wrapped}, nil); err != nil {
		t.Fatal(err)
	}
	i.Keys = seal.NewKeys(i.Master, func(ctx context.Context) (wrapped, earlier []byte, err error) {
		k, _, err := i.Store.KeyRing(ctx)
		return k.Wrapped, k.EarlierRoots, err
	})
}

// signingKeys opens the signing keys, as the program's wiring does.
func (i *Installation) signingKeys(ctx context.Context) ([]auth.LocalKey, error) {
	rows, err := i.Store.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	keys := make([]auth.LocalKey, 0, len(rows))
	for _, row := range rows {
		owner := seal.Owner{ID: apiconn.SigningKeyOwner, Member: apiconn.SigningKeyMember(row.ID), Version: row.Private.Version}
		der, err := i.Keys.Opener().Open(ctx, owner, seal.Box{KeyID: row.Private.KeyID, Ciphertext: row.Private.Ciphertext})
		if err != nil {
			return nil, err
		}
		private, err := auth.ParsePrivateDER(der)
		if err != nil {
			return nil, err
		}
		keys = append(keys, auth.LocalKey{ID: row.ID, Private: private, Certificate: row.Certificate, CreatedAt: row.CreatedAt, RetireAt: row.RetireAt})
	}
	return keys, nil
}

// Clock is a time that a test moves. It is safe for concurrent use.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock starts a clock at the present, in whole seconds.
func NewClock() *Clock { return &Clock{at: time.Now().UTC().Truncate(time.Second)} }

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
