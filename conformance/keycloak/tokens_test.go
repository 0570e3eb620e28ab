package conformance

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/conformance/harness"
)

// keys are the realms' signing keys, which change.
func (s *suite) keys(t *testing.T) {
	k, p := s.keycloak, s.patchbay
	t.Run("a new key is followed at once, and what the old one signed still counts", func(t *testing.T) {
		old := k.application(t, "contoso", "terraform")
		k.newKey(t, "contoso")
		fresh := k.application(t, "contoso", "terraform")
		if headerOf(t, old)["kid"] == headerOf(t, fresh)["kid"] {
			t.Fatal("the key did not change")
		}
		p.want(t, http.StatusOK, fresh, http.MethodGet, connectors, nil)
		p.want(t, http.StatusOK, old, http.MethodGet, connectors, nil)
	})
	t.Run("a new key in the place of an old one that is disabled: what that signed is 401", func(t *testing.T) {
		old := k.application(t, "fabrikam", "terraform")
		p.want(t, http.StatusOK, old, http.MethodGet, connectors, nil)
		k.newKey(t, "fabrikam")
		k.disableOldKey(t, "fabrikam")
		p.want(t, http.StatusOK, k.application(t, "fabrikam", "terraform"), http.MethodGet, connectors, nil)
		s.wantUnauthenticated(t, old, "Invalid signature")
	})
}

// refused are tokens that are none, or not for here.
func (s *suite) refused(t *testing.T) {
	k, p := s.keycloak, s.patchbay
	t.Run("401 for a token that has expired", func(t *testing.T) {
		token := k.application(t, "fabrikam", "short")
		p.want(t, http.StatusOK, token, http.MethodGet, connectors, nil)
		expires := time.Unix(int64(claimsOf(t, token)["exp"].(float64)), 0).Add(time.Second) // the settings' clock_skew
		timer := time.NewTimer(time.Until(expires))
		defer timer.Stop()
		<-timer.C
		s.wantUnauthenticated(t, token, "expired")
	})
	t.Run("401 for a token for another audience", func(t *testing.T) {
		s.wantUnauthenticated(t, k.application(t, "contoso", "elsewhere"), "Invalid audience")
	})
	session := k.signIn(t, "contoso", "ada")
	t.Run("401 for an ID token", func(t *testing.T) {
		s.wantUnauthenticated(t, session.ID, "ID token")
	})
	t.Run("401 for a refresh token", func(t *testing.T) {
		s.wantUnauthenticated(t, session.Refresh, "")
	})
	genuine := k.application(t, "contoso", "terraform")
	header, claims := headerOf(t, genuine), claimsOf(t, genuine)
	t.Run("401 for a token without a signature", func(t *testing.T) {
		for _, none := range []string{"none", "None", "RS256"} {
			s.wantUnauthenticated(t, forge(object{"alg": none, "typ": "JWT", "kid": header["kid"]}, claims, nil), "")
		}
	})
	t.Run("401 for a token that was altered", func(t *testing.T) {
		parts := strings.Split(genuine, ".")
		claims["resource_access"] = object{"patchbay": object{"roles": []string{"APIConnectors.ReadWrite.All", "AuditLog.Read.All"}}}
		altered := strings.Split(forge(header, claims, nil), ".")
		s.wantUnauthenticated(t, parts[0]+"."+altered[1]+"."+parts[2], "Invalid signature")
	})
	t.Run("401 for a token that is signed with the public key as a shared secret", func(t *testing.T) {
		public := s.publicKey(t, header["kid"].(string))
		for _, secret := range [][]byte{public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})} {
			s.wantUnauthenticated(t, forge(object{"alg": "HS256", "typ": "JWT", "kid": header["kid"]}, claims, secret), "")
		}
	})
	p.want(t, http.StatusOK, genuine, http.MethodGet, connectors, nil)
}

// outage is what counts while Keycloak does not answer; nothing can be checked after it.
func (s *suite) outage(t *testing.T) {
	t.Run("while Keycloak is down the tokens that it gave count", func(t *testing.T) {
		used, unused := s.keycloak.application(t, "contoso", "terraform"), s.keycloak.application(t, "contoso", "provider")
		s.patchbay.want(t, http.StatusOK, used, http.MethodGet, connectors, nil)
		if err := s.keycloak.Terminate(terminated); err != nil {
			t.Fatal(err)
		}
		s.patchbay.want(t, http.StatusOK, used, http.MethodGet, connectors, nil)
		wantForbidden(t, s.patchbay.call(t, unused, http.MethodGet, connectors, nil)) // verified, and without that permission
		s.wantUnauthenticated(t, forge(object{"alg": "RS256", "kid": "unknown"}, claimsOf(t, unused), []byte("any")), "Invalid signature")
	})
}

// publicKey is a key that contoso publishes, in DER.
func (s *suite) publicKey(t *testing.T, kid string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.keycloak.issuer("contoso")+"/protocol/openid-connect/certs", nil)
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []struct {
			ID    string   `json:"kid"`
			Chain [][]byte `json:"x5c"`
		} `json:"keys"`
	}
	if err := harness.Exchange(s.keycloak.client, request, http.StatusOK, &set); err != nil {
		t.Fatal(err)
	}
	for _, key := range set.Keys {
		if key.ID != kid {
			continue
		}
		certificate, err := x509.ParseCertificate(key.Chain[0])
		if err != nil {
			t.Fatal(err)
		}
		return certificate.RawSubjectPublicKeyInfo
	}
	t.Fatalf("no key %s is published", kid)
	return nil
}

// forge makes a token, signed with HMAC and SHA-256 if there is a secret, and not at all otherwise.
func forge(header, claims object, secret []byte) string {
	encode := func(part object) string {
		text, _ := json.Marshal(part) // of strings, numbers and their like
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := encode(header) + "." + encode(claims)
	if secret == nil {
		return signed + "."
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// headerOf and claimsOf read a token without a look at its signature.
func headerOf(t *testing.T, token string) object { return part(t, token, 0) }
func claimsOf(t *testing.T, token string) object { return part(t, token, 1) }

func part(t *testing.T, token string, n int) object {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token of %d parts", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[n])
	if err != nil {
		t.Fatal(err)
	}
	var read object
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	return read
}
