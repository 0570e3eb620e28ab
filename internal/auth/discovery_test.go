package auth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/conntest"
)

const (
	metadataPath = "/.well-known/openid-configuration"
	keysPath     = "/keys"
)

func document(v any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(v) }
}

// TestDiscoveryRefusesBadIssuers: whatever an issuer answers, keys that cannot be had are its fault (Upstream).
func TestDiscoveryRefusesBadIssuers(t *testing.T) {
	t.Parallel()
	elsewhere := newIssuer(t, newClock())
	for name, spoil := range map[string]func(*conntest.Issuer){
		"down": func(i *conntest.Issuer) { i.SetDown(true) },
		"metadata of another": func(i *conntest.Issuer) {
			i.Answer(metadataPath, document(map[string]string{"issuer": "https://x.example", "jwks_uri": i.URL + keysPath}))
		},
		"metadata no JSON": func(i *conntest.Issuer) {
			i.Answer(metadataPath, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") })
		},
		"no jwks_uri": func(i *conntest.Issuer) { i.Answer(metadataPath, document(map[string]string{"issuer": i.URL})) },
		"jwks_uri plain http": func(i *conntest.Issuer) {
			i.Answer(metadataPath, document(map[string]string{"issuer": i.URL, "jwks_uri": "http://keys.example/"}))
		},
		"redirect": func(i *conntest.Issuer) {
			i.Answer(keysPath, http.RedirectHandler(elsewhere.URL+keysPath, http.StatusFound).ServeHTTP)
		},
		"keys no JSON": func(i *conntest.Issuer) {
			i.Answer(keysPath, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{") })
		},
		"no keys": func(i *conntest.Issuer) { i.Answer(keysPath, document(map[string]any{"keys": []any{}})) },
		"only a symmetric key": func(i *conntest.Issuer) {
			i.Answer(keysPath, document(map[string]any{"keys": []any{map[string]string{"kty": "oct", "kid": "a", "k": "AAAA"}}}))
		},
		"more than a megabyte": func(i *conntest.Issuer) {
			good := withUse(i, "sig")
			i.Answer(keysPath, func(w http.ResponseWriter, r *http.Request) {
				document(map[string]any{"keys": []any{good}})(w, r)
				fmt.Fprint(w, strings.Repeat(" ", 1<<20))
			})
		},
		"a weak RSA key": func(i *conntest.Issuer) { i.Answer(keysPath, document(map[string]any{"keys": []any{weakKey()}})) },
		"a key for encryption": func(i *conntest.Issuer) {
			i.Answer(keysPath, document(map[string]any{"keys": []any{withUse(i, "enc")}}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			i := newIssuer(t, c)
			token := i.Application(t, tenant)
			spoil(i)
			v := newVerifier(t, c, i.Settings())
			_, err := v.Verify(t.Context(), token)
			refused(t, err, apiconn.Upstream, "keys of the token's issuer cannot be fetched")
			if apiconn.AsError(err).RetryAfter <= 0 {
				t.Error("the error does not say when to come again")
			}
		})
	}
}

// TestDiscoveryStaysOnHTTPS: metadata that came over https cannot send us to plain http, not even on this machine.
func TestDiscoveryStaysOnHTTPS(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	plain := httptest.NewServer(document(map[string]any{"keys": []any{withUse(i, "sig")}}))
	t.Cleanup(plain.Close)
	i.Answer(metadataPath, document(map[string]string{"issuer": i.URL, "jwks_uri": plain.URL}))
	_, err := newVerifier(t, c, i.Settings()).Verify(t.Context(), i.Application(t, tenant))
	refused(t, err, apiconn.Upstream, "cannot be fetched")
}

func weakKey() map[string]string {
	return map[string]string{"kty": "RSA", "kid": "weak", "e": "AQAB", "n": strings.Repeat("q", 171)} // 1024 bits
}

// withUse is the first published key with another use member.
func withUse(i *conntest.Issuer, use string) map[string]any {
	set := map[string][]map[string]any{}
	res, err := i.Client.Get(i.URL + keysPath)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	if json.NewDecoder(res.Body).Decode(&set) != nil || len(set["keys"]) == 0 {
		return nil
	}
	key := set["keys"][0]
	key["use"] = use
	return key
}

// TestDiscoveryPassesOverForeignKeys: one odd key does not make the others unusable.
func TestDiscoveryPassesOverForeignKeys(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	token := i.Application(t, tenant)
	good := withUse(i, "sig")
	i.Answer(keysPath, document(map[string]any{"keys": []any{
		map[string]string{"kty": "quantum", "kid": "q"}, weakKey(), map[string]string{"kty": "oct", "kid": "o", "k": "AAAA"}, good,
	}}))
	if _, err := newVerifier(t, c, i.Settings()).Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

func TestDiscoveryKeyRotation(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	v := newVerifier(t, c, i.Settings())
	verify := func(token string) error {
		_, err := v.Verify(t.Context(), token)
		return err
	}
	first := i.Application(t, tenant)
	if err := verify(first); err != nil {
		t.Fatal(err)
	}

	i.Rotate(t)
	second := i.Application(t, tenant)
	if err := verify(second); err != nil {
		t.Fatalf("an unknown kid did not make us ask again: %v", err)
	}
	if err := verify(first); err != nil {
		t.Fatalf("the old key is still published: %v", err)
	}

	i.Rotate(t)
	third := i.Application(t, tenant)
	before := i.Fetches()
	for range 20 {
		refused(t, verify(third), apiconn.Unauthenticated, "Invalid signature.")
	}
	if got := i.Fetches() - before; got != 0 {
		t.Errorf("%d fetches for unknown kids within ten seconds, want none after the first", got)
	}
	c.advance(10 * time.Second)
	if err := verify(third); err != nil {
		t.Fatalf("after ten seconds we may ask again: %v", err)
	}

	i.Revoke()
	i.Rotate(t) // a third key, whose token makes us notice
	c.advance(10 * time.Second)
	if err := verify(i.Application(t, tenant)); err != nil {
		t.Fatal(err)
	}
	for what, token := range map[string]string{"first": first, "second": second} {
		t.Log(what)
		refused(t, verify(token), apiconn.Unauthenticated, "Invalid signature.")
	}
}

// TestDiscoveryRevocationByAge: a withdrawn key is forgotten after the refresh interval though nothing else happens.
func TestDiscoveryRevocationByAge(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	v := newVerifier(t, c, i.Settings())
	token := i.Application(t, tenant)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	i.Rotate(t)
	i.Revoke()
	c.advance(5 * time.Minute)
	deadline := time.After(10 * time.Second)
	for { // the refresh runs behind the requests
		_, err := v.Verify(t.Context(), token)
		if err != nil {
			refused(t, err, apiconn.Unauthenticated, "Invalid signature.")
			return
		}
		select {
		case <-deadline:
			t.Fatal("the withdrawn key is still believed")
		default:
		}
	}
}

// TestDiscoveryKeepsLastGoodKeys: an issuer that is down for hours harms nobody who has a token of a known key.
func TestDiscoveryKeepsLastGoodKeys(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	v := newVerifier(t, c, i.Settings())
	long := map[string]any{"tid": tenant, "exp": c.now().Add(48 * time.Hour).Unix()}
	token := i.Token(t, long)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	i.SetDown(true)
	for range 23 {
		c.advance(time.Hour)
		if _, err := v.Verify(t.Context(), i.Token(t, long)); err != nil {
			t.Fatal(err)
		}
	}
	c.advance(time.Hour)
	_, err := v.Verify(t.Context(), i.Token(t, long))
	refused(t, err, apiconn.Upstream, "cannot be fetched")
	_, err = v.Verify(t.Context(), token) // remembered, but a day is a day
	refused(t, err, apiconn.Upstream, "cannot be fetched")
	i.SetDown(false)
	c.advance(2 * time.Second)
	if _, err := v.Verify(t.Context(), i.Token(t, long)); err != nil {
		t.Fatalf("the issuer is back: %v", err)
	}
}

// TestDiscoveryUnderLoad: many first requests at once cause one fetch.
func TestDiscoveryUnderLoad(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	v := newVerifier(t, c, i.Settings())
	tokens := make([]string, 16)
	for n := range tokens {
		tokens[n] = i.Application(t, tenant)
	}
	var group sync.WaitGroup
	for _, token := range tokens {
		group.Go(func() {
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := i.Fetches(); got > 2 {
		t.Errorf("%d fetches for %d first requests", got, len(tokens))
	}
}

// TestMultiTenantIssuer is Entra's shape: an issuer with {tenantid}, keys that name it, metadata somewhere else.
func TestMultiTenantIssuer(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	settings := i.Settings()
	settings.URL = i.URL + "/{tenantid}/v2.0"
	for name, tc := range map[string]struct {
		keyIssuer string
		claims    map[string]any
		message   string
	}{
		"any tenant": {settings.URL, map[string]any{"tid": otherTenant, "iss": i.URL + "/" + otherTenant + "/v2.0"}, ""},
		"issuer of another tenant": {
			settings.URL, map[string]any{"tid": tenant, "iss": i.URL + "/" + otherTenant + "/v2.0"}, "Invalid issuer.",
		},
		"no tenant at all":   {settings.URL, map[string]any{"iss": i.URL + "//v2.0"}, "Invalid issuer."},
		"placeholder itself": {settings.URL, map[string]any{"iss": settings.URL}, "Invalid issuer."},
		"key of one tenant": {
			i.URL + "/" + tenant + "/v2.0", map[string]any{"tid": otherTenant, "iss": i.URL + "/" + otherTenant + "/v2.0"}, "Invalid signature.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := newIssuer(t, c)
			key := withUse(own, "sig")
			key["issuer"] = strings.ReplaceAll(tc.keyIssuer, i.URL, own.URL)
			own.Answer(keysPath, document(map[string]any{"keys": []any{key}}))
			set := own.Settings()
			set.URL, set.Tenants = strings.ReplaceAll(settings.URL, i.URL, own.URL), nil
			own.Answer("/organizations/v2.0"+metadataPath, document(map[string]string{"issuer": set.URL, "jwks_uri": own.URL + keysPath}))
			tc.claims["iss"] = strings.ReplaceAll(tc.claims["iss"].(string), i.URL, own.URL)
			_, err := newVerifier(t, c, set).Verify(t.Context(), own.Token(t, tc.claims))
			if tc.message != "" {
				refused(t, err, apiconn.Unauthenticated, tc.message)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestTokenWithoutKid is accepted only where the issuer has one key.
func TestTokenWithoutKid(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	token := i.Sign(t, map[string]any{"kid": nil}, map[string]any{"tid": tenant})
	if _, err := newVerifier(t, c, i.Settings()).Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	i.Rotate(t)
	_, err := newVerifier(t, c, i.Settings()).Verify(t.Context(), token)
	refused(t, err, apiconn.Unauthenticated, "Invalid signature.")
}

// TestAlgorithms verifies with each family of keys.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"RS256", "PS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			i := conntest.NewIssuerWith(t, algorithm)
			i.Now = c.now
			token := i.Application(t, tenant)
			if _, err := newVerifier(t, c, i.Settings()).Verify(t.Context(), token); err != nil {
				t.Fatal(err)
			}
			key := withUse(i, "sig")
			key["alg"] = "RS512" // the issuer says what its key is for
			i.Answer(keysPath, document(map[string]any{"keys": []any{key}}))
			_, err := newVerifier(t, c, i.Settings()).Verify(t.Context(), token)
			refused(t, err, apiconn.Unauthenticated, "Invalid signature.")
		})
	}
}
