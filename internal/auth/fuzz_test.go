package auth_test

import (
	"strings"
	"testing"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

// FuzzVerifier feeds arbitrary text, and a valid token cut up and joined anew: nothing is ever accepted but the valid
// token itself, byte for byte (RS256 signatures are deterministic, so there is no second valid one).
func FuzzVerifier(f *testing.F) {
	c := newClock()
	key, _ := localKeys(f)
	store := &keyStore{keys: []auth.LocalKey{key}}
	signer := auth.NewSigner(store.load, c.now)
	v := newVerifier(f, c, auth.LocalIssuer(base, signer))
	valid := sign(f, signer, localClaims(c, "APIConnectors.Read.All"))
	header, rest, _ := strings.Cut(valid, ".")
	payload, signature, _ := strings.Cut(rest, ".")

	f.Add("", uint16(0), "", false)
	f.Add("a.b.c", uint16(0), "", false)
	f.Add("eyJhbGciOiJub25lIn0.e30.", uint16(0), "", false)
	f.Add(encode(`{"alg":"none"}`)+"."+payload+".", uint16(0), "", false)
	f.Add(encode(`{"alg":"HS256","kid":"`+key.ID+`"}`)+"."+payload+"."+signature, uint16(0), "", false)
	f.Add(encode(`{"alg":"RS256","crit":["x"],"x":1,"kid":"`+key.ID+`"}`)+"."+payload+"."+signature, uint16(0), "", false)
	f.Add(encode(`{"ALG":"RS256","kid":"`+key.ID+`"}`)+"."+payload+"."+signature, uint16(0), "", false)
	f.Add(header+"."+encode(`{"tid":"`+otherTenant+`","iss":"`+auth.LocalIssuerURL(base, otherTenant)+`"}`)+"."+signature, uint16(0), "", false)
	f.Add(strings.Repeat("[", 4000)+".e30.AA", uint16(0), "", false)
	f.Add("", uint16(len(valid)-1), "", true)
	f.Add("", uint16(len(valid)), "\n", true)
	f.Add("", uint16(len(valid)), "==", true)
	f.Add("", uint16(len(header)), ".", true)
	f.Add("", uint16(3), "A", true)
	f.Add(strayBits(valid), uint16(0), "", false)

	f.Fuzz(func(t *testing.T, text string, at uint16, splice string, mutate bool) {
		if mutate { // the valid token with splice in place of as many bytes at that point
			start := min(int(at), len(valid))
			text = valid[:start] + splice + valid[min(start+len(splice), len(valid)):]
		}
		who, err := v.Verify(t.Context(), text)
		if err == nil {
			if text != valid {
				t.Fatalf("accepted what is not the valid token, as a caller of tenant %s", who.TenantID)
			}
			return
		}
		if text == valid {
			t.Fatalf("refused the valid token: %v", err)
		}
		if apiconn.KindOf(err) != apiconn.Unauthenticated {
			t.Fatalf("refused with kind %v: %v", apiconn.KindOf(err), err)
		}
	})
}
