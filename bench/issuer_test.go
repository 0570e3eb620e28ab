package bench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// issuer is an OIDC issuer whose tokens speak for any tenant, which is how one gets a thousand tenants in a moment.
type issuer struct {
	url string
	key *ecdsa.PrivateKey
}

// benchAudience is the aud of its tokens.
const benchAudience = "api://bench"

// everything that a benchmark asks for.
var roles = []string{"APIConnectors.ReadWrite.All", "IdentityUserFlow.ReadWrite.All", "UserFlows.Invoke.All"}

func startIssuer(b *testing.B) *issuer {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		b.Fatal(err)
	}
	i := &issuer{key: key}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{"issuer": i.url, "jwks_uri": i.url + "/keys"}
		if r.URL.Path == "/keys" {
			answer = map[string]any{"keys": []any{map[string]any{
				"kty": "EC", "crv": "P-256", "kid": "bench", "alg": "ES256", "use": "sig", "x": segment(point[1:33]), "y": segment(point[33:]),
			}}}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}))
	b.Cleanup(server.Close)
	i.url = server.URL
	return i
}

// setting is the variable that makes a service accept the issuer's tokens.
func (i *issuer) setting(b *testing.B) string {
	b.Helper()
	return "PATCHBAY_AUTH_ISSUERS=" + text(b, []any{map[string]any{"url": i.url, "audiences": []string{benchAudience}, "tenants": []string{"*"}}})
}

// token is one for an application with every role, of a tenant.
func (i *issuer) token(b *testing.B, tenant string) string {
	b.Helper()
	now := time.Now()
	signed := segment([]byte(text(b, map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": "bench"}))) + "." + segment([]byte(text(b, map[string]any{
		"iss": i.url, "aud": benchAudience, "tid": tenant, "azp": "bench", "sub": "bench", "roles": roles,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(24 * time.Hour).Unix(),
	})))
	hash := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, hash[:])
	if err != nil {
		b.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + segment(signature)
}

// segment is a part of a token.
func segment(part []byte) string { return base64.RawURLEncoding.EncodeToString(part) }

// text is the JSON of a value.
func text(b *testing.B, value any) string {
	b.Helper()
	out, err := json.Marshal(value)
	if err != nil {
		b.Fatal(err)
	}
	return string(out)
}
