package credential

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

func TestNormalise(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, ber, der string }{
		{"DER", "30060401aa020105", "30060401aa020105"},
		{"indefinite", "30800401aa0201050000", "30060401aa020105"},
		{"nested indefinite", "3080308002010500000000", "30053003020105"},
		{"long form of a short length", "3081030401aa", "30030401aa"},
		{"length with leading zeros", "3084000000030401aa", "30030401aa"},
		{"octets in pieces", "24800401aa0402bbcc0000", "0403aabbcc"},
		{"octets in pieces of definite length", "24070401aa0402bbcc", "0403aabbcc"},
		{"octets in pieces of pieces", "248024800401aa00000401bb0000", "0402aabb"},
		{"no pieces at all", "24800000", "0400"},
		{"indefinite [0]", "a0800401aa0000", "a0030401aa"},
		{"primitive [0] is left alone", "8002aabb", "8002aabb"},
		{"long", "0482012c" + hexZeros(300), "0482012c" + hexZeros(300)},
		{"empty", "3000", "3000"},
	}
	for _, c := range cases {
		got, err := normalise(unhex(t, c.ber))
		if err != nil || hex.EncodeToString(got) != c.der {
			t.Errorf("%s: got %x, %v; want %s", c.name, got, err, c.der)
		}
	}
}

func TestNormaliseRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string][]byte{
		"nothing":                 {},
		"one octet":               {0x30},
		"octets behind":           unhex(t, "300000"),
		"content missing":         unhex(t, "3003040"+"1"),
		"child longer than it":    unhex(t, "30030405aa"),
		"no end of contents":      unhex(t, "30800401aa"),
		"primitive, indefinite":   unhex(t, "0480aa0000"),
		"end of contents alone":   unhex(t, "0000"),
		"length of 2^63":          unhex(t, "30888000000000000000"),
		"length that overflows":   append(unhex(t, "30ff"), bytes.Repeat([]byte{0xff}, 127)...),
		"length missing":          unhex(t, "3084ffff"),
		"high tag number":         unhex(t, "1f810100"),
		"piece that is no octets": unhex(t, "24800201050000"),
		"too deep":                nested(maxBERDepth + 2),
		"too many":                append(append([]byte{0x30, 0x80}, bytes.Repeat([]byte{5, 0}, maxBERNodes)...), 0, 0),
	}
	for name, ber := range cases {
		if got, err := normalise(ber); !errors.Is(err, errBER) {
			t.Errorf("%s: got %x, %v; want errBER", name, got, err)
		}
	}
}

// nested is n empty sequences within each other.
func nested(n int) []byte {
	return append(bytes.Repeat([]byte{0x30, 0x80}, n), make([]byte, 2*n)...)
}

func TestNormaliseAllowsSoMuch(t *testing.T) {
	t.Parallel()
	for name, ber := range map[string][]byte{
		"depth": nested(maxBERDepth + 1),
		"nodes": append(append([]byte{0x30, 0x80}, bytes.Repeat([]byte{5, 0}, maxBERNodes-1)...), 0, 0),
	} {
		if _, err := normalise(ber); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestToBERAndBack(t *testing.T) {
	t.Parallel()
	der := shop.file(t, "rsa2048.der")
	ber := toBER(t, der)
	if got, err := normalise(ber); err != nil || !bytes.Equal(got, der) || bytes.Equal(ber, der) {
		t.Errorf("a certificate through BER and back differs, %v", err)
	}
}

// FuzzPreScan: no input makes the pre-scan, or the opening of what it lets through, panic or take long; and DER is what
// normalise gives. Each input is taken as a file and, since few changes to a file survive its lengths and its MAC, also as
// the inside of a file that is in order.
func FuzzPreScan(f *testing.F) {
	b := builderFor(f, "")
	key, cert := b.pair("p256")
	small := b.library(pkcs12.LegacyRC2, "p256", "p256")
	for _, file := range [][]byte{
		small, b.ber(small), b.library(pkcs12.Modern2023, "p256", "p256"), b.library(pkcs12.Modern2026, "p256", "p256"),
		b.claiming(small, million20), b.claiming(small, math.MaxInt32),
		b.file(b.encrypted(1, b.cert(cert), b.shrouded(key, million20))), b.file(b.open(b.key(key), b.cert(cert))),
		b.file(b.open(b.shroudedBy(b.pbe3DES(7), key))), b.file(b.encryptedOctets(b.pbes2(1), nil)),
	} {
		f.Add(file)
		if s, err := scan(file); err == nil {
			f.Add(s.authSafe)
		}
	}
	for _, seed := range []string{"", "\x30\x80\x00\x00", "\x24\x80\x04\x01\x01\x00\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if der, err := normalise(input); err == nil {
			again, err := normalise(der)
			if err != nil || !bytes.Equal(again, der) {
				t.Errorf("normalised twice: %v", err)
			}
		}
		openAny(t, input)
		openAny(t, builderFor(t, "").fileOf(input))
	})
}

// openAny scans file and opens it with the empty password if that is cheap.
func openAny(t *testing.T, file []byte) {
	t.Helper()
	s, err := scan(file)
	if err != nil {
		return
	}
	if s.rounds > maxRounds || len(s.keys) > 1 || len(s.encrypted) > maxContents || len(s.certificates) > maxBags {
		t.Errorf("let through: %d rounds, %d keys, %d encrypted parts, %d certificates", s.rounds, len(s.keys), len(s.encrypted), len(s.certificates))
	}
	if s.rounds > 20_000 { // what it lets through may take its two seconds; not here
		return
	}
	if key, certificates, err := s.decrypt(""); err == nil {
		if id, err := newIdentity(key, certificates, time.Now()); err == nil && len(id.chain) == 0 {
			t.Error("an identity without a certificate")
		}
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	out, err := hex.DecodeString(text)
	return must(t, out, err)
}

// hexZeros is n zero octets in hexadecimal.
func hexZeros(n int) string { return hex.EncodeToString(make([]byte, n)) }
