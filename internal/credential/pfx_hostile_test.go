package credential

import (
	"encoding/base64"
	"math"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// million20 is the iteration count of a file that held a core for 20 seconds before there was a pre-scan.
const million20 = 20_000_000

// hostileCases are files that ask for more work than they get.
var hostileCases = []pfxCase{
	{name: "20,000,000 iterations, MAC", made: "pw", refused: "too many iterations", build: func(b builder) []byte {
		return b.claiming(shop.pfx(b, "pw", rsaPair), million20)
	}},
	{name: "2,147,483,647 iterations, MAC", made: "pw", refused: "too many iterations", build: func(b builder) []byte {
		return b.claiming(shop.pfx(b, "pw", rsaPair), math.MaxInt32)
	}},
	{name: "2,147,483,647 iterations, MAC, in BER", made: "pw", refused: "too many iterations", build: func(b builder) []byte {
		return toBER(b, b.claiming(shop.pfx(b, "pw", rsaPair), math.MaxInt32))
	}},
	{name: "20,000,000 iterations, PBMAC1", made: "pw", refused: "too many iterations", build: func(b builder) []byte {
		key, cert := b.pair("p256")
		mac := macData{MacSalt: []byte("unused"), Iterations: 1}
		mac.Mac.Algorithm = b.pbmac1(million20)
		mac.Mac.Digest = make([]byte, 32)
		return b.fileWith(der(b, []contentInfo{b.open(b.key(key), b.cert(cert))}), mac)
	}},
	{name: "20,000,000 iterations, encrypted part", made: "pw", refused: "too many iterations", build: func(b builder) []byte {
		return b.file(b.encryptedOctets(b.pbes2(million20), make([]byte, 64)))
	}},
	{name: "20,000,000 iterations, key", made: "pw", refused: "too many iterations", build: func(b builder) []byte {
		key, cert := b.pair("p256")
		return b.file(b.open(b.shrouded(key, million20), b.cert(cert)))
	}},
	{name: "20,000,000 iterations, key in 3DES", made: "pw", refused: "too many iterations", build: func(b builder) []byte {
		return b.file(b.open(b.shroudedBy(b.pbe3DES(million20), make([]byte, 64))))
	}},
	{name: "16 parts of 200,000 iterations", made: "pw", refused: "too many iterations", build: func(b builder) []byte {
		parts := make([]contentInfo, maxContents)
		for i := range parts {
			parts[i] = b.encryptedOctets(b.pbes2(200_000), make([]byte, 64))
		}
		return b.file(parts...)
	}},
	{name: "0 iterations", made: "pw", refused: "damaged or not in the form", build: func(b builder) []byte {
		return b.file(b.encryptedOctets(b.pbes2(0), make([]byte, 64)))
	}},
	{name: "-1 iterations, MAC", made: "pw", refused: "damaged or not in the form", build: func(b builder) []byte {
		return b.claiming(shop.pfx(b, "pw", rsaPair), -1)
	}},
	{name: "hidden key of 20,000,000 iterations", made: "pw", refused: "lies inside an encrypted part", build: func(b builder) []byte {
		key, cert := b.pair("p256")
		return b.file(b.encrypted(1, b.shrouded(key, million20), b.cert(cert)))
	}},
	{name: "hidden key of 2,147,483,647 iterations beside an open one", made: "pw", refused: "lies inside an encrypted part", build: func(b builder) []byte {
		key, cert := b.pair("p256")
		return b.file(b.open(b.key(key)), b.encrypted(1, b.cert(cert), b.shrouded(key, math.MaxInt32)))
	}},
}

// TestHostileFilesCostNothing: each hostile file is refused within the 5 ms that the project asks for. Deriving from even
// the smallest of their counts would take a hundred times as long.
func TestHostileFilesCostNothing(t *testing.T) {
	t.Parallel()
	for _, c := range hostileCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			given := pkcs12Given(c.build(builderFor(t, c.made)), c.made)
			intake := NewIntake(1)
			best := time.Hour // of five, because the machine does other work too
			for range 5 {
				began := time.Now()
				if _, err := intake.Read(t.Context(), "tenant", given, time.Now()); err == nil {
					t.Fatal("a hostile file was accepted")
				}
				best = min(best, time.Since(began))
			}
			if best > 5*time.Millisecond {
				t.Errorf("refused after %v; want at most 5ms", best)
			}
		})
	}
}

// TestLibraryRefusesSecondKeyByText holds the one text of the library that production code knows.
func TestLibraryRefusesSecondKeyByText(t *testing.T) {
	t.Parallel()
	b := builderFor(t, "pw")
	key, cert := b.pair("p256")
	_, _, _, err := pkcs12.DecodeChain(b.file(b.open(b.key(key), b.key(key), b.cert(cert))), "pw")
	if err == nil || err.Error() != secondKey {
		t.Errorf("the library says %v; change secondKey (%q) to that, and make sure that it is said before anything is derived", err, secondKey)
	}
}

// BenchmarkHostileRefusal measures how soon a hostile file is refused.
func BenchmarkHostileRefusal(b *testing.B) {
	intake := NewIntake(1)
	for _, c := range hostileCases {
		b.Run(c.name, func(b *testing.B) {
			given := pkcs12Given(c.build(builderFor(b, c.made)), c.made)
			for b.Loop() {
				if _, err := intake.Read(b.Context(), "tenant", given, time.Now()); err == nil {
					b.Fatal("a hostile file was accepted")
				}
			}
		})
	}
}

// BenchmarkOpen measures honest files.
func BenchmarkOpen(b *testing.B) {
	intake := NewIntake(1)
	for name, args := range map[string]string{"2048": "", "legacy": "-legacy", "600000": "-iter 600000"} {
		b.Run(name, func(b *testing.B) {
			given := pkcs12Given(shop.pfx(b, "pw", rsaPair+args), "pw")
			for b.Loop() {
				if _, err := intake.Read(b.Context(), "tenant", given, time.Now()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// pkcs12Given is a pkcs12Certificate as a client sends it.
func pkcs12Given(file []byte, password string) Given {
	return Given{Type: "#microsoft.graph.pkcs12Certificate", Members: map[string]any{
		memberPKCS12Value: base64.StdEncoding.EncodeToString(file), memberPassword: password,
	}}
}
