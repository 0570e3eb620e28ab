package auth_test

import (
	"context"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

const base = "https://localhost:8443"

// keyStore is where signing keys are loaded from.
type keyStore struct {
	mu    sync.Mutex
	keys  []auth.LocalKey
	loads int
	err   error
}

func (s *keyStore) load(context.Context) ([]auth.LocalKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	return append([]auth.LocalKey(nil), s.keys...), s.err
}

func (s *keyStore) set(keys ...auth.LocalKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
}

// twoKeys makes an older and a newer key; RSA keys take their time, so tests share them.
var twoKeys = sync.OnceValues(func() ([2]auth.LocalKey, error) {
	var keys [2]auth.LocalKey
	for n := range keys {
		k, err := auth.NewLocalKey(newClock().now().Add(time.Duration(n) * time.Hour))
		if err != nil {
			return keys, err
		}
		keys[n] = k
	}
	return keys, nil
})

func localKeys(t testing.TB) (older, newer auth.LocalKey) {
	t.Helper()
	keys, err := twoKeys()
	if err != nil {
		t.Fatal(err)
	}
	return keys[0], keys[1]
}

// localClaims are those of a valid token of the local authority.
func localClaims(c *clock, roles ...string) map[string]any {
	return map[string]any{
		"aud": "https://graph.microsoft.com", "iss": auth.LocalIssuerURL(base, tenant), "tid": tenant,
		"iat": c.now().Unix(), "nbf": c.now().Unix(), "exp": c.now().Add(time.Hour).Unix(),
		"appid": "a", "oid": "o", "sub": "o", "idtyp": "app", "roles": roles,
	}
}

func sign(t testing.TB, s *auth.Signer, claims map[string]any) string {
	t.Helper()
	token, err := s.Sign(t.Context(), claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestSignerHeaderAndKeyChoice(t *testing.T) {
	t.Parallel()
	c := newClock()
	older, newer := localKeys(t)
	retired := newer
	retired.RetireAt = c.now().Add(time.Hour)
	for name, tc := range map[string]struct {
		keys []auth.LocalKey
		want auth.LocalKey
	}{
		"newest":                  {[]auth.LocalKey{newer, older}, newer},
		"newest is being retired": {[]auth.LocalKey{older, retired}, older},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &keyStore{keys: tc.keys}
			token := sign(t, auth.NewSigner(store.load, c.now), localClaims(c))
			sum := sha1.Sum(tc.want.Certificate)
			want := map[string]any{"alg": "RS256", "typ": "JWT", "kid": tc.want.ID, "x5t": base64.RawURLEncoding.EncodeToString(sum[:])}
			if diff := cmp.Diff(want, headerOf(t, token)); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
	store := &keyStore{keys: []auth.LocalKey{retired}}
	if _, err := auth.NewSigner(store.load, c.now).Sign(t.Context(), nil); err == nil {
		t.Error("a token was signed with a key that is being retired")
	}
}

// TestRevokedKeyDespiteMemory revokes a signing key in every way there is, after its token was verified and remembered.
func TestRevokedKeyDespiteMemory(t *testing.T) {
	t.Parallel()
	older, newer := localKeys(t)
	for name, revoke := range map[string]func(*keyStore, *clock){
		"key removed": func(s *keyStore, c *clock) { s.set(newer); c.advance(time.Second) },
		"key retired": func(s *keyStore, c *clock) {
			k := older
			k.RetireAt = c.now()
			s.set(k, newer)
			c.advance(time.Second)
		},
		"retirement comes": func(s *keyStore, c *clock) {
			k := older
			k.RetireAt = c.now().Add(10 * time.Minute)
			s.set(k, newer)
			c.advance(10 * time.Minute)
		},
		"kid given to another key": func(s *keyStore, c *clock) {
			k := newer
			k.ID = older.ID
			s.set(k)
			c.advance(time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			store := &keyStore{keys: []auth.LocalKey{older}}
			signer := auth.NewSigner(store.load, c.now)
			v := newVerifier(t, c, auth.LocalIssuer(base, signer))
			token := sign(t, signer, localClaims(c))
			for range 2 {
				if _, err := v.Verify(t.Context(), token); err != nil {
					t.Fatal(err)
				}
			}
			revoke(store, c)
			_, err := v.Verify(t.Context(), token)
			refused(t, err, apiconn.Unauthenticated, "Access token validation failure. Invalid signature.")
		})
	}
}

// TestRetirementEndsMemory remembers a token while its key's retirement is already known: nothing changes at the moment
// itself but the time.
func TestRetirementEndsMemory(t *testing.T) {
	t.Parallel()
	c := newClock()
	older, newer := localKeys(t)
	store := &keyStore{keys: []auth.LocalKey{older}}
	signer := auth.NewSigner(store.load, c.now)
	v := newVerifier(t, c, auth.LocalIssuer(base, signer))
	token := sign(t, signer, localClaims(c))
	older.RetireAt = c.now().Add(10 * time.Minute)
	store.set(older, newer)
	c.advance(10*time.Minute - time.Second)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Second)
	_, err := v.Verify(t.Context(), token)
	refused(t, err, apiconn.Unauthenticated, "Invalid signature.")
}

// TestRotationKeepsOldTokens adds a key: tokens of the old one stay good until it is retired.
func TestRotationKeepsOldTokens(t *testing.T) {
	t.Parallel()
	c := newClock()
	older, newer := localKeys(t)
	store := &keyStore{keys: []auth.LocalKey{older}}
	signer := auth.NewSigner(store.load, c.now)
	v := newVerifier(t, c, auth.LocalIssuer(base, signer))
	before := sign(t, signer, localClaims(c))
	if _, err := v.Verify(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	older.RetireAt = c.now().Add(time.Hour)
	store.set(older, newer)
	c.advance(time.Second)
	after := sign(t, signer, localClaims(c))
	if kidOf(t, after) != newer.ID {
		t.Fatalf("signed with %s, want the new key", kidOf(t, after))
	}
	for what, token := range map[string]string{"before": before, "after": after} {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Errorf("token from %s the rotation: %v", what, err)
		}
	}
	published, err := signer.PublicKeys(t.Context())
	if err != nil || len(published) != 2 {
		t.Fatalf("%d keys published (%v), want both", len(published), err)
	}
	c.advance(time.Hour)
	published, err = signer.PublicKeys(t.Context())
	if err != nil || len(published) != 1 || published[0].ID != newer.ID {
		t.Fatalf("published %d keys (%v), want the new one alone", len(published), err)
	}
}

func TestSignerRereadsOnceASecond(t *testing.T) {
	t.Parallel()
	c := newClock()
	older, _ := localKeys(t)
	store := &keyStore{keys: []auth.LocalKey{older}}
	signer := auth.NewSigner(store.load, c.now)
	for range 5 {
		sign(t, signer, localClaims(c))
	}
	if store.loads != 1 {
		t.Errorf("%d loads within a second, want 1", store.loads)
	}
	c.advance(time.Second)
	sign(t, signer, localClaims(c))
	c.advance(-time.Hour) // a clock set back must not freeze the keys
	sign(t, signer, localClaims(c))
	if store.loads != 3 {
		t.Errorf("%d loads, want 3", store.loads)
	}
}

// TestVerifierFailsClosed loses the database: no token is good, and the fault is ours, not the caller's.
func TestVerifierFailsClosed(t *testing.T) {
	t.Parallel()
	c := newClock()
	older, _ := localKeys(t)
	store := &keyStore{keys: []auth.LocalKey{older}}
	signer := auth.NewSigner(store.load, c.now)
	v := newVerifier(t, c, auth.LocalIssuer(base, signer))
	token := sign(t, signer, localClaims(c))
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	store.err = errors.New("disk on fire")
	c.advance(time.Second)
	if _, err := v.Verify(t.Context(), token); apiconn.KindOf(err) != apiconn.Internal {
		t.Fatalf("error %v, want an internal one", err)
	}
}

func TestLocalIssuerBindsTenant(t *testing.T) {
	t.Parallel()
	c := newClock()
	older, _ := localKeys(t)
	store := &keyStore{keys: []auth.LocalKey{older}}
	signer := auth.NewSigner(store.load, c.now)
	v := newVerifier(t, c, auth.LocalIssuer(base+"/", signer))
	for _, aud := range append(auth.GraphResources(), base, base+"/") {
		claims := localClaims(c)
		claims["aud"] = aud
		if _, err := v.Verify(t.Context(), sign(t, signer, claims)); err != nil {
			t.Errorf("audience %s: %v", aud, err)
		}
	}
	claims := localClaims(c)
	claims["tid"] = otherTenant // the issuer still names the first
	_, err := v.Verify(t.Context(), sign(t, signer, claims))
	refused(t, err, apiconn.Unauthenticated, "Invalid issuer.")
}

// TestReplaceTakesEffectAtOnce changes the rules under a remembered token.
func TestReplaceTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	v := newVerifier(t, c, i.Settings())
	token := i.Delegated(t, tenant, string(auth.APIConnectorsReadAll), userAdmin)
	who, err := v.Verify(t.Context(), token)
	if err != nil || who.Require(auth.APIConnectorsReadAll) != nil {
		t.Fatalf("%v, %v", err, who.Require(auth.APIConnectorsReadAll))
	}
	if err := v.Replace([]auth.Issuer{i.Settings()}, nil); err != nil { // User Administrator no longer counts
		t.Fatal(err)
	}
	if who, err = v.Verify(t.Context(), token); err != nil || who.Require(auth.APIConnectorsReadAll) == nil {
		t.Fatalf("the directory role still counts (%v)", err)
	}
	if err := v.Replace([]auth.Issuer{{}}, nil); err == nil {
		t.Fatal("senseless rules were accepted")
	}
	if _, err = v.Verify(t.Context(), token); err != nil {
		t.Fatalf("a refused replacement changed the rules: %v", err)
	}
	if err := v.Replace(nil, nil); err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(t.Context(), token)
	refused(t, err, apiconn.Unauthenticated, "Invalid issuer.")
}

func TestLocalKeyRoundTripAndMask(t *testing.T) {
	t.Parallel()
	key, _ := localKeys(t)
	der, err := key.PrivateDER()
	if err != nil {
		t.Fatal(err)
	}
	opened, err := auth.ParsePrivateDER(der)
	if err != nil {
		t.Fatal(err)
	}
	private := key.Private.(*rsa.PrivateKey)
	if !private.Equal(opened) {
		t.Error("the opened key is another one")
	}
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := public.JWK()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key.ID, "e": "AQAB",
		"n": base64.RawURLEncoding.EncodeToString(private.N.Bytes()),
	}
	got := map[string]string{}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JWK (-want +got):\n%s", diff)
	}
	if _, err := auth.ParsePrivateDER(der[1:]); err == nil || strings.Contains(err.Error(), string(der[:8])) {
		t.Errorf("error %v for a cut key", err)
	}
	shown := new(strings.Builder)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		fmt.Fprintf(shown, verb, key)
		fmt.Fprintf(shown, verb, &key)
	}
	text, err := json.Marshal(map[string]any{"key": key})
	if err != nil {
		t.Fatal(err)
	}
	shown.Write(text)
	for _, secret := range []*big.Int{private.D, private.Primes[0]} {
		for _, form := range []string{secret.String(), secret.Text(16), strings.ToUpper(secret.Text(16))} {
			if strings.Contains(shown.String(), form) {
				t.Fatal("a private number is shown")
			}
		}
	}
}
