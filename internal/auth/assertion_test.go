package auth_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest"
)

const (
	clientID      = "3f1c2d4e-aaaa-4bbb-8ccc-0123456789ab"
	tokenEndpoint = base + "/" + tenant + "/oauth2/v2.0/token"
)

// assertion makes a client assertion by hand, so that the code under test is not what made it.
func assertion(t *testing.T, key auth.LocalKey, header, claims map[string]any) string {
	t.Helper()
	encodePart := func(members map[string]any) string {
		raw, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	input := encodePart(header) + "." + encodePart(claims)
	sum := sha256.Sum256([]byte(input))
	private := key.Private.(*rsa.PrivateKey)
	var signature []byte
	var err error
	if header["alg"] == "RS256" {
		signature, err = rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, sum[:])
	} else {
		signature, err = rsa.SignPSS(rand.Reader, private, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestVerifyAssertion(t *testing.T) {
	t.Parallel()
	now := newClock().now()
	key, stranger := localKeys(t)
	s1, s256 := sha1.Sum(key.Certificate), sha256.Sum256(key.Certificate)
	standard, urlSafe := base64.StdEncoding.EncodeToString(s256[:]), base64.RawURLEncoding.EncodeToString(s256[:])
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	claims := func(name string, value any) map[string]any {
		all := map[string]any{
			"aud": tokenEndpoint, "iss": clientID, "sub": clientID, "jti": "j", "nbf": at(0), "exp": at(10 * time.Minute),
		}
		if all[name] = value; value == nil {
			delete(all, name)
		}
		return all
	}
	header := func(alg, name, value string) map[string]any {
		return map[string]any{"alg": alg, "typ": "JWT", name: value}
	}
	good := header("PS256", "x5t#S256", standard)
	for name, tc := range map[string]struct {
		key    auth.LocalKey
		header map[string]any
		claims map[string]any
		reason apiconn.Reason // "" accepted
	}{
		"MSAL for Go: PS256, x5t#S256 in standard base64": {key, good, claims("", nil), ""},
		"MSAL for Node: x5t#S256 in base64url":            {key, header("PS256", "x5t#S256", urlSafe), claims("", nil), ""},
		"older clients: RS256 and x5t":                    {key, header("RS256", "x5t", base64.RawURLEncoding.EncodeToString(s1[:])), claims("", nil), ""},
		"x5t in standard base64":                          {key, header("RS256", "x5t", base64.StdEncoding.EncodeToString(s1[:])), claims("", nil), ""},
		"kid as hex thumbprint":                           {key, header("RS256", "kid", strings.ToUpper(hex.EncodeToString(s1[:]))), claims("", nil), ""},
		"aud as array":                                    {key, good, claims("aud", []string{"x", tokenEndpoint}), ""},
		"without nbf":                                     {key, good, claims("nbf", nil), ""},
		"23 hours":                                        {key, good, claims("exp", at(23*time.Hour)), ""},

		"another key":                 {stranger, good, claims("", nil), apiconn.ReasonAssertionKeyUnknown},
		"another certificate":         {key, header("PS256", "x5t#S256", base64.StdEncoding.EncodeToString(s256[1:])), claims("", nil), apiconn.ReasonAssertionKeyUnknown},
		"no thumbprint":               {key, map[string]any{"alg": "PS256"}, claims("", nil), apiconn.ReasonAssertionKeyUnknown},
		"algorithm named is not used": {key, header("RS384", "x5t", base64.RawURLEncoding.EncodeToString(s1[:])), claims("", nil), apiconn.ReasonAssertionInvalid},
		"HMAC":                        {key, header("HS256", "x5t#S256", standard), claims("", nil), apiconn.ReasonAssertionInvalid},
		"iss of another":              {key, good, claims("iss", "x"), apiconn.ReasonAssertionInvalid},
		"sub of another":              {key, good, claims("sub", "x"), apiconn.ReasonAssertionInvalid},
		"aud of another":              {key, good, claims("aud", "https://login.example/token"), apiconn.ReasonAssertionInvalid},
		"no aud":                      {key, good, claims("aud", nil), apiconn.ReasonAssertionInvalid},
		"no jti":                      {key, good, claims("jti", nil), apiconn.ReasonAssertionInvalid},
		"no exp":                      {key, good, claims("exp", nil), apiconn.ReasonAssertionInvalid},
		"expired":                     {key, good, claims("exp", at(-5*time.Minute)), apiconn.ReasonAssertionInvalid},
		"too long":                    {key, good, claims("exp", at(25*time.Hour)), apiconn.ReasonAssertionInvalid},
		"not yet":                     {key, good, claims("nbf", at(6*time.Minute)), apiconn.ReasonAssertionInvalid},
		"issued in the future":        {key, good, claims("iat", at(6*time.Minute)), apiconn.ReasonAssertionInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			index, err := auth.VerifyAssertion(assertion(t, tc.key, tc.header, tc.claims), auth.AssertionCheck{
				ClientID: clientID, Audiences: []string{tokenEndpoint}, Certificates: [][]byte{stranger.Certificate, key.Certificate}, Now: now,
			})
			if tc.reason == "" {
				if err != nil || index != 1 {
					t.Fatalf("certificate %d, %v", index, err)
				}
				return
			}
			refused(t, err, apiconn.Unauthenticated, "")
			if got := apiconn.AsError(err).Reason; got != tc.reason {
				t.Errorf("reason %q, want %q (%v)", got, tc.reason, err)
			}
		})
	}
	for name, text := range map[string]string{"empty": "", "words": "a b c", "huge": strings.Repeat("a", 20<<10)} {
		_, err := auth.VerifyAssertion(text, auth.AssertionCheck{ClientID: clientID, Now: now})
		if got := apiconn.AsError(err).Reason; got != apiconn.ReasonAssertionInvalid {
			t.Errorf("%s: reason %q", name, got)
		}
	}
}

// TestPaddedAssertion: azure-identity's asynchronous certificate credential for Python pads every part and signs what it
// padded. An access token may not be padded: one signature has one spelling there.
func TestPaddedAssertion(t *testing.T) {
	t.Parallel()
	now := newClock().now()
	key := conntest.NewClientKey(t, now, time.Hour)
	check := auth.AssertionCheck{ClientID: clientID, Audiences: []string{tokenEndpoint}, Certificates: [][]byte{key.Certificate}, Now: now}
	padded := key.AssertionIn(t, base64.URLEncoding, clientID, tokenEndpoint)
	if !strings.Contains(padded, "=") {
		t.Fatal("the assertion has no padding")
	}
	if index, err := auth.VerifyAssertion(padded, check); err != nil || index != 0 {
		t.Errorf("%d, %v", index, err)
	}
	for name, broken := range map[string]string{
		"padding taken off what was signed": strings.ReplaceAll(padded, "=", ""),
		"too much padding":                  padded + "====",
		"another signature":                 padded[:len(padded)-6] + "AAAA==",
	} {
		if _, err := auth.VerifyAssertion(broken, check); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
