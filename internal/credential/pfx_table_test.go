package credential

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// pfxCase is a PKCS#12 file and what is expected of it: the chain that is stored, or part of the error's message.
type pfxCase struct {
	name     string
	args     string                   // openssl pkcs12 -export with these arguments …
	build    func(b builder) []byte   // … or built here
	value    func(file []byte) string // pkcs12Value; nil: standard base64 with padding
	made     string                   // the password it is made with
	given    string                   // the password that is given, if it is another
	years    int                      // now, in years from now
	chain    string                   // names of the stored chain, leaf first
	refused  string                   // part of the message
	password bool                     // refused with ReasonPKCS12Password
}

const rsaPair = "-inkey rsa2048.key -in rsa2048.crt "

// opensslCases are files as openssl writes them.
var opensslCases = []pfxCase{
	{name: "RSA 2048, defaults of OpenSSL 3", args: rsaPair, made: "pw", chain: "rsa2048"},
	{name: "RSA 4096", args: "-inkey rsa4096.key -in rsa4096.crt", made: "pw", chain: "rsa4096"},
	{name: "RSA 1024", args: "-inkey rsa1024.key -in rsa1024.crt", made: "pw", refused: "has 1024 bits; 2048 to 8192 are accepted"},
	{name: "EC P-256", args: "-inkey p256.key -in p256.crt", made: "pw", chain: "p256"},
	{name: "EC P-384", args: "-inkey p384.key -in p384.crt", made: "pw", chain: "p384"},
	{name: "EC P-521", args: "-inkey p521.key -in p521.crt", made: "pw", chain: "p521"},
	{name: "EC P-224", args: "-inkey p224.key -in p224.crt", made: "pw", refused: "The elliptic curve P-224"},
	{name: "EC secp256k1", args: "-inkey k256.key -in k256.crt", made: "pw", refused: "a certificate that is damaged or of a kind that is not supported"},
	{name: "Ed25519", args: "-inkey ed25519.key -in ed25519.crt", made: "pw", chain: "ed25519"},
	{name: "Ed448", args: "-inkey ed448.key -in ed448.crt", made: "pw", refused: "is of a kind that is not supported"},
	{name: "chain, out of order, with a stranger", args: "-inkey p256.key -in leaf.crt -certfile others.pem", made: "pw", chain: "leaf middle root"},
	{name: "friendly names", args: rsaPair + "-name friendly -caname other", made: "pw", chain: "rsa2048"},
	{name: "legacy: RC2-40 and 3DES", args: rsaPair + "-legacy", made: "pw", chain: "rsa2048"},
	{name: "3DES, MAC SHA-1 (Windows)", args: rsaPair + "-descert -keypbe PBE-SHA1-3DES -macalg sha1", made: "pw", chain: "rsa2048"},
	{name: "RC2-128", args: rsaPair + "-legacy -certpbe PBE-SHA1-RC2-128", made: "pw", chain: "rsa2048"},
	{name: "AES-128-CBC", args: rsaPair + "-keypbe AES-128-CBC -certpbe AES-128-CBC", made: "pw", chain: "rsa2048"},
	{name: "AES-192-CBC", args: rsaPair + "-keypbe AES-192-CBC -certpbe AES-192-CBC", made: "pw", chain: "rsa2048"},
	{name: "MAC SHA-224", args: rsaPair + "-macalg sha224", made: "pw", chain: "rsa2048"},
	{name: "MAC SHA-384", args: rsaPair + "-macalg sha384", made: "pw", chain: "rsa2048"},
	{name: "MAC SHA-512", args: rsaPair + "-macalg sha512", made: "pw", chain: "rsa2048"},
	{name: "MAC MD5", args: rsaPair + "-macalg md5", made: "pw", refused: "is authenticated with MD5, which is not supported"},
	{name: "only the key encrypted", args: rsaPair + "-certpbe NONE", made: "pw", chain: "rsa2048"},
	{name: "only the certificate encrypted", args: rsaPair + "-keypbe NONE", made: "pw", chain: "rsa2048"},
	{name: "nothing encrypted, no MAC", args: rsaPair + "-keypbe NONE -certpbe NONE -nomac", chain: "rsa2048"},
	{name: "encrypted, no MAC, empty password", args: rsaPair + "-nomac", chain: "rsa2048"},
	{name: "encrypted, no MAC", args: rsaPair + "-nomac", made: "pw", refused: "no MAC to check it against"},
	{name: "encrypted, no MAC, password not given", args: rsaPair + "-nomac", made: "pw", given: "∅", password: true},
	{name: "certificate encrypted, no MAC, password not given", args: rsaPair + "-nomac -keypbe NONE -certpbe AES-256-CBC", made: "pw", given: "∅", password: true},
	{name: "empty password", args: rsaPair, chain: "rsa2048"},
	{name: "empty password, 3DES", args: rsaPair + "-legacy -descert", chain: "rsa2048"},
	{name: "password in UTF-8", args: rsaPair, made: "Zażółć-gęślą-€", chain: "rsa2048"},
	{name: "password in UTF-8, legacy", args: rsaPair + "-legacy", made: "Zażółć-gęślą-€", chain: "rsa2048"},
	{name: "password of emoji", args: rsaPair, made: "🔑", refused: "outside the Basic Multilingual Plane"},
	{name: "wrong password", args: rsaPair, made: "pw", given: "other", password: true},
	{name: "wrong password, legacy", args: rsaPair + "-legacy", made: "pw", given: "other", password: true},
	{name: "password not given", args: rsaPair, made: "pw", given: "∅", password: true},
	{name: "key only", args: "-inkey rsa2048.key -in rsa2048.key -nocerts", made: "pw", refused: "holds no certificate"},
	{name: "certificate only", args: "-in rsa2048.crt -nokeys", made: "pw", refused: "holds no private key"},
	{name: "expired", args: rsaPair, made: "pw", years: 11, refused: "The certificate expired on 2"},
	{name: "not valid yet", args: rsaPair, made: "pw", years: -1, chain: "rsa2048"},
	{name: "600,000 iterations", args: "-inkey p256.key -in p256.crt -iter 600000", made: "pw", chain: "p256"},
	{name: "RC4-128", args: rsaPair + "-legacy -keypbe PBE-SHA1-RC4-128", made: "pw", refused: "is encrypted with 128-bit RC4"},
	{name: "2-key 3DES", args: rsaPair + "-keypbe PBE-SHA1-2DES", made: "pw", refused: "is encrypted with 2-key triple DES"},
	{name: "Camellia-256", args: rsaPair + "-certpbe CAMELLIA-256-CBC", made: "pw", refused: "is encrypted with Camellia-256"},
	{name: "ARIA-256", args: rsaPair + "-certpbe ARIA-256-CBC", made: "pw", refused: "is encrypted with ARIA-256"},
	{name: "3DES within PBES2", args: rsaPair + "-keypbe DES-EDE3-CBC", made: "pw", refused: "is encrypted with triple DES within PBES2"},
}

// formCases are files that openssl made and that were then changed, and values that are no PKCS#12 file.
var formCases = []pfxCase{
	{name: "base64url without padding", args: rsaPair, made: "pw", chain: "rsa2048", value: base64.RawURLEncoding.EncodeToString},
	{name: "base64 in lines", args: rsaPair, made: "pw", chain: "rsa2048", value: func(file []byte) string {
		return strings.Join(slices.Collect(func(yield func(string) bool) {
			for text := base64.StdEncoding.EncodeToString(file); text != ""; text = text[min(64, len(text)):] {
				if !yield(text[:min(64, len(text))]) {
					return
				}
			}
		}), "\r\n")
	}},
	{name: "not base64", args: rsaPair, made: "pw", refused: "is not base64", value: func([]byte) string { return "no base64!" }},
	{name: "base64 twice", args: rsaPair, made: "pw", refused: "encoded as base64 twice", value: func(file []byte) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(file)))
	}},
	{name: "JWE (the documentation's sample)", refused: "is a JWE or JWT", value: func([]byte) string {
		return "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGe"
	}},
	{name: "PEM", refused: "is PEM", value: func([]byte) string { return "-----BEGIN CERTIFICATE-----\nMIIB" }},
	{name: "PEM in base64", refused: "it is PEM", build: func(b builder) []byte { return shop.file(b, "rsa2048.key") }},
	{name: "DER certificate", refused: "a certificate without its private key", build: func(b builder) []byte { return shop.file(b, "rsa2048.der") }},
	{name: "Java key store", refused: "a Java key store", build: func(builder) []byte { return []byte("\xfe\xed\xfe\xed\x00\x00\x00\x02") }},
	{name: "garbage", refused: "damaged, cut short or something else", build: func(builder) []byte { return bytes.Repeat([]byte("garbage "), 100) }},
	{name: "one octet", refused: "damaged, cut short or something else", build: func(builder) []byte { return []byte{0x30} }},
	{name: "too large", refused: "is too large", build: func(builder) []byte { return make([]byte, maxFile+1) }},
	{name: "truncated", refused: "damaged, cut short or something else", build: func(b builder) []byte { return shop.pfx(b, "pw", rsaPair)[:1000] }},
	{name: "octets behind it", refused: "damaged, cut short or something else", build: func(b builder) []byte { return append(shop.pfx(b, "pw", rsaPair), 0) }},
	{name: "bit flipped in the encrypted part", made: "pw", password: true, build: func(b builder) []byte {
		file := shop.pfx(b, "pw", rsaPair)
		file[300] ^= 1
		return file
	}},
	{name: "BER: indefinite lengths, octets in pieces", made: "pw", chain: "leaf middle root", build: func(b builder) []byte {
		return b.ber(shop.pfx(b, "pw", "-inkey p256.key -in leaf.crt -certfile others.pem"))
	}},
	{name: "BER, legacy", made: "pw", chain: "rsa2048", build: func(b builder) []byte { return b.ber(shop.pfx(b, "pw", rsaPair+"-legacy")) }},
	{name: "BER, wrong password", made: "pw", given: "other", password: true, build: func(b builder) []byte {
		return b.ber(shop.pfx(b, "pw", rsaPair))
	}},
	{name: "BER inside the encrypted part", made: "pw", refused: "The encrypted part of the PKCS#12 file cannot be read", build: func(b builder) []byte {
		key, cert := b.pair("p256")
		plain := toBER(b, der(b, []safeBag{b.cert(cert)}))
		return b.file(b.open(b.key(key)), b.encryptedOctets(b.pbes2(1), b.encrypt(plain, 1)))
	}},
}

// builtCases are files that no tool writes on request.
var builtCases = []pfxCase{
	{name: "PBMAC1 (OpenSSL 3.4, Java 26)", made: "pw", chain: "p256", build: func(b builder) []byte { return b.library(pkcs12.Modern2026, "p256", "p256") }},
	{name: "PBMAC1, wrong password", made: "pw", given: "other", password: true, build: func(b builder) []byte { return b.library(pkcs12.Modern2026, "p256", "p256") }},
	{name: "PBMAC1, empty password", chain: "p256", build: func(b builder) []byte { return b.library(pkcs12.Modern2026, "p256", "p256") }},
	{name: "key of another certificate", made: "pw", refused: "No certificate in the PKCS#12 file belongs to its private key", build: func(b builder) []byte {
		return b.library(pkcs12.Modern2023, "p256", "p384")
	}},
	{name: "leaf is not the first", made: "pw", chain: "leaf middle", build: func(b builder) []byte {
		key, _ := b.pair("p256")
		return b.file(b.encrypted(1, b.cert(b.der("middle.crt")), b.cert(b.der("leaf.crt"))), b.open(b.shrouded(key, 1)))
	}},
	{name: "two certificates for one key", made: "pw", chain: "leaf middle", build: func(b builder) []byte {
		key, own := b.pair("p256")
		return b.file(b.open(b.key(key), b.cert(own), b.cert(b.der("leaf.crt")), b.cert(b.der("middle.crt"))))
	}},
	{name: "two issuers of one name, told apart by key identifier", made: "pw", chain: "leaf middle root", build: func(b builder) []byte {
		key, _ := b.pair("p256")
		return b.file(b.open(b.key(key), b.cert(b.der("leaf.crt")), b.cert(b.der("impostor.crt")), b.cert(b.der("root.crt")), b.cert(b.der("middle.crt"))))
	}},
	{name: "three parts", made: "pw", chain: "leaf middle", build: func(b builder) []byte {
		key, _ := b.pair("p256")
		return b.file(b.encrypted(1, b.cert(b.der("leaf.crt"))), b.encrypted(1, b.cert(b.der("middle.crt"))), b.open(b.shrouded(key, 1)))
	}},
	{name: "no password at all (Windows, Key Vault)", chain: "p256", build: func(b builder) []byte {
		b.form.bmp = nil
		key, cert := b.pair("p256")
		return b.file(b.open(b.key(key), b.cert(cert)))
	}},
	{name: "two private keys", made: "pw", refused: "holds 2 private keys", build: func(b builder) []byte {
		key, cert := b.pair("p256")
		return b.file(b.open(b.key(key), b.key(key), b.cert(cert)))
	}},
	{name: "two passwords, certificates", made: "pw", refused: "it has another password than the file's MAC", build: func(b builder) []byte {
		key, cert := b.pair("p256")
		part := b.encryptedOctets(b.pbes2(2), b.encrypt(der(b, []safeBag{b.cert(cert)}), 1))
		return b.file(b.open(b.key(key)), part)
	}},
	{name: "two passwords, key", made: "pw", refused: "it has another password than the file", build: func(b builder) []byte {
		key, cert := b.pair("p256")
		return b.file(b.open(b.shrouded(key, 2), b.cert(cert)))
	}},
	{name: "scrypt", made: "pw", refused: "derives its keys with scrypt", build: func(b builder) []byte {
		key, cert := b.pair("p256")
		params := pbes2Params{KDF: pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}}, Scheme: b.pbes2(1)}
		a := pkix.AlgorithmIdentifier{Algorithm: oidPBES2, Parameters: asn1.RawValue{FullBytes: der(b, params)}}
		return b.file(b.open(b.shroudedBy(a, key), b.cert(cert)))
	}},
	{name: "protected by a signature", made: "pw", refused: "protected by a signature", build: func(b builder) []byte {
		return der(b, pfxFile{Version: 3, AuthSafe: contentInfo{ContentType: oidSignedData, Content: explicit([]byte{0x30, 0})}})
	}},
	{name: "encrypted for a public key", made: "pw", refused: "encrypted for a public key", build: func(b builder) []byte {
		return b.file(contentInfo{ContentType: oidEnvelopedData, Content: explicit([]byte{0x30, 0})})
	}},
	{name: "hidden key, not encrypted by itself", made: "pw", refused: "lies inside an encrypted part", build: func(b builder) []byte {
		key, cert := b.pair("p256")
		return b.file(b.encrypted(1, b.cert(cert), b.key(key)))
	}},
	{name: "51 bags", made: "pw", refused: "holds 51 items", build: func(b builder) []byte {
		_, cert := b.pair("p256")
		return b.file(b.open(slices.Repeat([]safeBag{b.cert(cert)}, 51)...))
	}},
	{name: "51 certificates, encrypted", made: "pw", refused: "holds 51 items", build: func(b builder) []byte {
		_, cert := b.pair("p256")
		return b.file(b.encrypted(1, slices.Repeat([]safeBag{b.cert(cert)}, 51)...))
	}},
	{name: "17 parts", made: "pw", refused: "has 17 parts", build: func(b builder) []byte {
		return b.file(slices.Repeat([]contentInfo{b.open()}, 17)...)
	}},
	{name: "key of 9 KB", made: "pw", refused: "The private key in the PKCS#12 file has", build: func(b builder) []byte {
		return b.file(b.open(b.shrouded(make([]byte, 9<<10), 1)))
	}},
}

// library makes a file with the library that production code reads them with.
func (b builder) library(e *pkcs12.Encoder, key, cert string) []byte {
	b.Helper()
	file, err := e.WithIterations(1).Encode(b.signer(key), b.parsed(cert+".crt"), nil, b.form.text)
	return must(b, file, err)
}

// TestPKCS12Table opens every file and prints what became of it: go test -run TestPKCS12Table -v.
func TestPKCS12Table(t *testing.T) {
	t.Parallel()
	intake := NewIntake(2)
	cases := slices.Concat(opensslCases, formCases, builtCases, hostileCases)
	lines := make([]string, len(cases))
	t.Run("file", func(t *testing.T) {
		for i, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				lines[i] = c.check(t, intake)
			})
		}
	})
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\n#\tFILE\tMADE BY\tOCTETS\tTOOK\tOUTCOME")
	for i, line := range lines {
		fmt.Fprintf(w, "%d\t%s\n", i+1, line)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Log(table.String())
}

// check opens the file of c, compares the outcome with what is expected, and returns its line of the table.
func (c pfxCase) check(t *testing.T, intake *Intake) string {
	t.Helper()
	var file []byte
	madeBy := "here"
	switch {
	case c.build != nil:
		file = c.build(builderFor(t, c.made))
	case c.args != "":
		file, madeBy = shop.pfx(t, c.made, c.args), "openssl"
	}
	value := base64.StdEncoding.EncodeToString(file)
	if c.value != nil {
		value = c.value(file)
	}
	password := c.made
	if c.given != "" {
		password = strings.TrimPrefix(c.given, "∅")
	}
	given := Given{Type: typePKCS12, Members: map[string]any{memberPKCS12Value: value, memberPassword: password}}
	now := time.Now().AddDate(c.years, 0, 0)

	began := time.Now()
	proposal, err := intake.Read(t.Context(), "tenant", given, now)
	took := time.Since(began).Round(10 * time.Microsecond)
	outcome := c.outcome(t, proposal, err)
	return fmt.Sprintf("%s\t%s\t%d\t%v\t%s", c.name, madeBy, len(file), took, outcome)
}

// outcome compares what became of a file with what is expected, and returns it in words.
func (c pfxCase) outcome(t *testing.T, proposal Proposal, err error) string {
	t.Helper()
	if err != nil {
		e := apiconn.AsError(err)
		reason, field := apiconn.Reason(""), configuration+memberPKCS12Value
		if c.password {
			reason, field = apiconn.ReasonPKCS12Password, configuration+memberPassword
		}
		if e.Kind != apiconn.Invalid || e.Reason != reason || e.Field != field || !strings.Contains(e.Message, c.refused) || c.chain != "" {
			t.Errorf("refused with kind %d, reason %q, field %q: %v; want chain %q, reason %q, field %q, message with %q",
				e.Kind, e.Reason, e.Field, err, c.chain, reason, field, c.refused)
		}
		if e.Reason != "" {
			return fmt.Sprintf("refused: %s [%s]", e.Message, e.Reason)
		}
		return "refused: " + e.Message
	}
	change, err := proposal.Against(nil)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ParseStored(change.Certificate.Stored)
	if err != nil {
		t.Fatal(err)
	}
	var chain []string
	for _, der := range pair.Certificate {
		chain = append(chain, parse(t, der).Subject.CommonName)
	}
	if diff := cmp.Diff(c.chain, strings.Join(chain, " ")); diff != "" {
		t.Errorf("stored chain (-want +got):\n%s", diff)
	}
	return "stored: " + strings.Join(chain, " ← ")
}
