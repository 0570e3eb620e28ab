package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// algorithm is an acceptable alg and the keys it works with (RFC 7518 sections 3.3 to 3.5).
type algorithm struct {
	jwa  jwa.SignatureAlgorithm
	fits func(crypto.PublicKey) bool
}

// algorithms is every alg that an issuer can be allowed. None and the HMACs are absent on purpose: there is no way to
// configure them.
var algorithms = map[string]algorithm{
	"RS256": {jwa.RS256(), isRSA}, "RS384": {jwa.RS384(), isRSA}, "RS512": {jwa.RS512(), isRSA},
	"PS256": {jwa.PS256(), isRSA}, "PS384": {jwa.PS384(), isRSA}, "PS512": {jwa.PS512(), isRSA},
	"ES256": {jwa.ES256(), isCurve(elliptic.P256())},
	"ES384": {jwa.ES384(), isCurve(elliptic.P384())},
	"ES512": {jwa.ES512(), isCurve(elliptic.P521())},
}

// minRSABits is the least modulus that RFC 7518 section 3.3 allows.
const minRSABits = 2048

func isRSA(key crypto.PublicKey) bool {
	k, ok := key.(*rsa.PublicKey)
	return ok && k.N.BitLen() >= minRSABits
}

func isCurve(curve elliptic.Curve) func(crypto.PublicKey) bool {
	return func(key crypto.PublicKey) bool {
		k, ok := key.(*ecdsa.PublicKey)
		return ok && k.Curve == curve
	}
}

// token is a parsed JWT whose signature is not yet verified.
type token struct {
	compact []byte
	header  tokenHeader
	claims  claims
}

// tokenHeader is what we read of a JOSE header. Presence of Critical or Unencoded is all that matters of them.
type tokenHeader struct {
	Algorithm string          `json:"alg"`
	Type      string          `json:"typ"`
	KeyID     string          `json:"kid"`
	SHA1      string          `json:"x5t"`
	SHA256    string          `json:"x5t#S256"`
	Critical  json.RawMessage `json:"crit"`
	Unencoded json.RawMessage `json:"b64"`
}

// parseToken reads a compact JWS (RFC 7515 section 7.1). It is stricter than most: no byte outside the base64url
// alphabet and no stray bits at the end of a part, so that one signature has one spelling.
//
// Of an assertion the parts may be padded: azure-identity's asynchronous certificate credential for Python pads them all and
// signs the padded text.
func parseToken(compact string, mayBePadded bool) (*token, error) {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 || parts[2] == "" {
		return nil, errors.New("not three parts")
	}
	var decoded [3][]byte
	for i, part := range parts {
		if strings.ContainsAny(part, "\r\n") { // the decoder skips them
			return nil, errors.New("a line break in the token")
		}
		if mayBePadded && len(part)%4 == 0 {
			part = strings.TrimSuffix(strings.TrimSuffix(part, "="), "=")
		}
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil {
			return nil, fmt.Errorf("part %d is not base64url: %w", i+1, err)
		}
		decoded[i] = b
	}
	t := &token{compact: []byte(compact)}
	if err := json.Unmarshal(decoded[0], &t.header); err != nil {
		return nil, errors.New("the header is not a JSON object of the expected shape")
	}
	if t.header.Critical != nil || t.header.Unencoded != nil {
		return nil, errors.New("the header has crit or b64")
	}
	switch strings.TrimPrefix(strings.ToLower(t.header.Type), "application/") {
	case "", "jwt", "at+jwt":
	default:
		return nil, fmt.Errorf("the header's typ is %q", t.header.Type)
	}
	decoder := json.NewDecoder(bytes.NewReader(decoded[1]))
	decoder.UseNumber()
	if err := decoder.Decode(&t.claims); err != nil || t.claims == nil || decoder.More() {
		return nil, errors.New("the payload is not one JSON object")
	}
	return t, nil
}

// verify checks the signature with a key, under the issuer's rules for algorithms.
func (t *token) verify(iss *issuer, key verificationKey) error {
	alg, known := algorithms[t.header.Algorithm]
	switch {
	case !known || !slices.Contains(iss.Algorithms, t.header.Algorithm):
		return fmt.Errorf("algorithm %q is not allowed", t.header.Algorithm)
	case key.algorithm != "" && key.algorithm != t.header.Algorithm:
		return fmt.Errorf("key %q is for %s, the token says %s", key.id, key.algorithm, t.header.Algorithm)
	case !alg.fits(key.public):
		return fmt.Errorf("key %q does not fit algorithm %s", key.id, t.header.Algorithm)
	}
	if key.issuer != "" {
		allowed := strings.ReplaceAll(key.issuer, tenantPlaceholder, t.claims.text("tid"))
		if t.claims.text("iss") != allowed {
			return fmt.Errorf("key %q is not for issuer %q", key.id, t.claims.text("iss"))
		}
	}
	if _, err := jws.VerifyCompactFast(key.public, t.compact, alg.jwa); err != nil {
		return fmt.Errorf("verify with key %q: %w", key.id, err)
	}
	return nil
}

// claims are a token's payload, numbers as json.Number.
type claims map[string]any

// text returns a claim that is a string; "" for any other.
func (c claims) text(name string) string {
	s, _ := c[name].(string)
	return s
}

// first returns the first of several claims that is a non-empty string.
func (c claims) first(names ...string) string {
	for _, n := range names {
		if s := c.text(n); s != "" {
			return s
		}
	}
	return ""
}

// present returns the first of several names that is a claim, of whatever type but null; "" if none is.
func (c claims) present(names ...string) string {
	for _, n := range names {
		if c[n] != nil {
			return n
		}
	}
	return ""
}

// lookup finds a claim by its exact name, else by a dotted path into objects.
func (c claims) lookup(path string) (any, bool) {
	if v, ok := c[path]; ok {
		return v, true
	}
	name, rest, dotted := strings.Cut(path, ".")
	if !dotted {
		return nil, false
	}
	inner, ok := c[name].(map[string]any)
	if !ok {
		return nil, false
	}
	return claims(inner).lookup(rest)
}

// list returns a claim as a list of strings: a JSON array, or words in one string. False if it is absent.
func (c claims) list(path string) ([]string, bool) {
	v, ok := c.lookup(path)
	if !ok || v == nil {
		return nil, false
	}
	switch v := v.(type) {
	case string:
		return strings.Fields(v), true
	case []any:
		var words []string
		for _, item := range v {
			if s, isText := item.(string); isText {
				words = append(words, s)
			}
		}
		return words, true
	}
	return nil, true
}

// audiences returns the aud claim: one string, whole, or an array of them (RFC 7519 section 4.1.3).
func (c claims) audiences() []string {
	if one, isText := c["aud"].(string); isText {
		return []string{one}
	}
	several, _ := c.list("aud")
	return several
}

// instant returns a NumericDate claim (RFC 7519 section 2).
func (c claims) instant(name string) (time.Time, bool) {
	n, ok := c[name].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := n.Float64()
	const year10000 = 253402300800 // later instants do not survive formatting
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds >= year10000 {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true
}

// lifetime returns when the token is valid, widened by the clock skew: from is included, until is not (RFC 7519 sections
// 4.1.4 and 4.1.5). exp must be there, and nbf, or iat for issuers that write no nbf.
func (c claims) lifetime(skew time.Duration) (from, until time.Time, err error) {
	until, ok := c.instant("exp")
	if !ok {
		return from, until, errors.New("no exp claim")
	}
	name := "nbf"
	if _, present := c[name]; !present {
		name = "iat"
	}
	if from, ok = c.instant(name); !ok {
		return from, until, errors.New("no nbf or iat claim")
	}
	return from.Add(-skew), until.Add(skew), nil
}
