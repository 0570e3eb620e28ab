package conntest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/patchbay/patchbay/internal/auth"
)

// Audience is the aud of the tokens that an Issuer mints, and what Settings accepts.
const Audience = "api://patchbay"

// Issuer is an OIDC issuer on a TLS listener of its own: discovery, a key set, tokens with any claims, keys that rotate
// and are revoked, and failures on demand. It is safe for concurrent use.
type Issuer struct {
	URL    string       // the iss of its tokens
	Client *http.Client // trusts its certificate
	// Now is the issuer's clock, for iat, nbf and exp; set it before the first token.
	Now func() time.Time

	algorithm jwa.SignatureAlgorithm

	mu       sync.Mutex
	keys     []issuerKey // the last one signs
	down     bool
	fetches  int
	override map[string]http.HandlerFunc
}

type issuerKey struct {
	id      string
	private crypto.Signer
}

// NewIssuer starts an issuer that signs ES256, whose keys are quick to make.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	return NewIssuerWith(t, "ES256")
}

// NewIssuerWith starts an issuer that signs ES256, RS256 or PS256.
func NewIssuerWith(t testing.TB, algorithm string) *Issuer {
	t.Helper()
	alg, ok := jwa.LookupSignatureAlgorithm(algorithm)
	if !ok {
		t.Fatalf("unknown algorithm %q", algorithm)
	}
	i := &Issuer{Now: time.Now, algorithm: alg, override: map[string]http.HandlerFunc{}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(i.serve))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // clients that hang up are not news
	server.StartTLS()
	t.Cleanup(server.Close)
	i.URL, i.Client = server.URL, server.Client()
	i.Rotate(t)
	return i
}

// Settings is how a verifier is told to accept this issuer: Audience, any tenant in tid, all other defaults.
func (i *Issuer) Settings() auth.Issuer {
	return auth.Issuer{URL: i.URL, Audiences: []string{Audience}, Tenants: []string{"*"}, Client: i.Client}
}

// Rotate publishes a new key beside the old ones and signs with it from now on. It returns the new kid.
func (i *Issuer) Rotate(t testing.TB) string {
	t.Helper()
	var private crypto.Signer
	var err error
	if strings.HasPrefix(i.algorithm.String(), "ES") {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatalf("generate a key: %v", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	id := fmt.Sprintf("key-%d-%s", len(i.keys)+1, uuid.NewString()[:8])
	i.keys = append(i.keys, issuerKey{id: id, private: private})
	return id
}

// Revoke withdraws every key but the one that signs.
func (i *Issuer) Revoke() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = i.keys[len(i.keys)-1:]
}

// SetDown makes every answer a 503, or ends that.
func (i *Issuer) SetDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Answer puts a handler in place of the issuer's own at a path: /.well-known/openid-configuration or /keys.
func (i *Issuer) Answer(path string, h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.override[path] = h
}

// Fetches is how many requests for the key set there were.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// Claims are those of a client's token that is valid for an hour, before any of a tenant or a permission.
func (i *Issuer) Claims() map[string]any {
	now := i.Now()
	return map[string]any{
		"iss": i.URL, "aud": Audience, "azp": "test-client", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// Token mints a token with Claims, changed by claims; a nil value removes one.
func (i *Issuer) Token(t testing.TB, claims map[string]any) string {
	t.Helper()
	return i.Sign(t, nil, claims)
}

// Sign mints a token as Token does, with further header members; a nil value removes one.
func (i *Issuer) Sign(t testing.TB, header, claims map[string]any) string {
	t.Helper()
	i.mu.Lock()
	key := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	all := i.Claims()
	overlay(all, claims)
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatalf("encode claims: %v", err)
	}
	members := map[string]any{"typ": "JWT", "kid": key.id}
	overlay(members, header)
	headers := jws.NewHeaders()
	for name, value := range members {
		if err := headers.Set(name, value); err != nil {
			t.Fatalf("set header %s: %v", name, err)
		}
	}
	token, err := jws.Sign(payload, jws.WithKey(i.algorithm, key.private, jws.WithProtectedHeaders(headers)))
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	return string(token)
}

// Application mints an app-only token with application roles.
func (i *Issuer) Application(t testing.TB, tenant string, roles ...auth.Permission) string {
	t.Helper()
	id := uuid.NewString()
	return i.Token(t, map[string]any{
		"tid": tenant, "idtyp": "app", "appid": uuid.NewString(), "app_displayname": "Test application",
		"oid": id, "sub": id, "roles": words(roles), "wids": []string{auth.DefaultWIDs},
	})
}

// Delegated mints a token of a signed-in user with one scope or several, separated by spaces, and directory roles.
func (i *Issuer) Delegated(t testing.TB, tenant, scopes string, directoryRoles ...string) string {
	t.Helper()
	return i.Token(t, map[string]any{
		"tid": tenant, "idtyp": "user", "appid": uuid.NewString(), "app_displayname": "Test application",
		"oid": uuid.NewString(), "sub": "pairwise", "name": "Adele Vance", "upn": "adele@contoso.example",
		"scp": scopes, "wids": directoryRoles,
	})
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r.URL.Path == "/keys" {
		i.fetches++
	}
	if i.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	if h := i.override[r.URL.Path]; h != nil {
		h(w, r)
		return
	}
	var document any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		document = map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys"}
	case "/keys":
		set, err := i.publicKeys()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		document = set
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document) // the client went away: its own test notices
}

// publicKeys is the JWKS. The caller holds mu.
func (i *Issuer) publicKeys() (jwk.Set, error) {
	set := jwk.NewSet()
	for _, k := range i.keys {
		key, err := jwk.Import(k.private.Public())
		if err != nil {
			return nil, err
		}
		if err := key.Set(jwk.KeyIDKey, k.id); err != nil {
			return nil, err
		}
		if err := key.Set(jwk.KeyUsageKey, "sig"); err != nil {
			return nil, err
		}
		if err := set.AddKey(key); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// overlay lays changes over a map; nil removes.
func overlay(onto, changes map[string]any) {
	maps.Copy(onto, changes)
	maps.DeleteFunc(onto, func(_ string, v any) bool { return v == nil })
}

func words(permissions []auth.Permission) []string {
	texts := make([]string, len(permissions))
	for n, p := range permissions {
		texts[n] = string(p)
	}
	return texts
}

// Claims decodes the payload of a token without verifying it.
func Claims(t testing.TB, token string) map[string]any {
	t.Helper()
	message, err := jws.Parse([]byte(token))
	if err != nil {
		t.Fatal("the token is not a JWS")
	}
	var claims map[string]any
	if err := json.Unmarshal(message.Payload(), &claims); err != nil {
		t.Fatalf("the token's payload is not JSON: %v", err)
	}
	return claims
}
