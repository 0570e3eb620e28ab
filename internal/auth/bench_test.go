package auth_test

import (
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/auth"
)

// BenchmarkVerify compares a remembered RS256 token with one verified each time, interleaved in one run; times_cheaper
// is the ratio.
func BenchmarkVerify(b *testing.B) {
	c := newClock()
	key, _ := localKeys(b)
	store := &keyStore{keys: []auth.LocalKey{key}}
	signer := auth.NewSigner(store.load, c.now)
	token := sign(b, signer, localClaims(c, "APIConnectors.ReadWrite.All"))
	remembering := newVerifier(b, c, auth.LocalIssuer(base, signer))
	forgetful, err := auth.NewVerifier(auth.Options{Issuers: []auth.Issuer{auth.LocalIssuer(base, signer)}, Remember: -1, Now: c.now})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(forgetful.Close)
	verify := func(v *auth.Verifier) {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
	verify(remembering)
	const burst = 50 // long enough for the clock, short enough to interleave
	var full, recalled time.Duration
	for b.Loop() {
		start := time.Now()
		for range burst {
			verify(forgetful)
		}
		middle := time.Now()
		for range burst {
			verify(remembering)
		}
		full += middle.Sub(start)
		recalled += time.Since(middle)
	}
	b.ReportMetric(float64(full)/float64(recalled), "times_cheaper")
	b.ReportMetric(float64(full.Nanoseconds())/float64(b.N*burst), "ns/verified")
	b.ReportMetric(float64(recalled.Nanoseconds())/float64(b.N*burst), "ns/remembered")
}

// BenchmarkSign is what one token costs the local authority.
func BenchmarkSign(b *testing.B) {
	c := newClock()
	key, _ := localKeys(b)
	store := &keyStore{keys: []auth.LocalKey{key}}
	signer := auth.NewSigner(store.load, c.now)
	claims := localClaims(c, "APIConnectors.ReadWrite.All")
	for b.Loop() {
		sign(b, signer, claims)
	}
}
