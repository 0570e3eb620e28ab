package credential

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"testing"
)

// What follows builds PKCS#12 files that no tool writes on request: hostile, or of an odd form.

// must returns v, or fails the test.
func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// der is asn1.Marshal.
func der(t testing.TB, v any) []byte {
	t.Helper()
	out, err := asn1.Marshal(v)
	return must(t, out, err)
}

// fromPEM returns the content of the first block.
func fromPEM(t testing.TB, text []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("no PEM block")
	}
	return block.Bytes
}

// A builder makes PKCS#12 files with one password.
type builder struct {
	testing.TB
	form pfxPassword
}

func builderFor(t testing.TB, password string) builder {
	t.Helper()
	forms, err := passwordForms(password)
	return builder{t, must(t, forms, err)[0]}
}

// pbes2 is PBES2 with PBKDF2, HMAC-SHA-256 and AES-256-CBC.
func (b builder) pbes2(iterations int) pkix.AlgorithmIdentifier {
	prf := pkix.AlgorithmIdentifier{Algorithm: digests[2].hmac}
	kdf := der(b, pbkdf2Params{Salt: asn1.RawValue{FullBytes: der(b, []byte("saltsalt"))}, Iterations: iterations, PRF: prf})
	params := pbes2Params{
		KDF:    pkix.AlgorithmIdentifier{Algorithm: oidPBKDF2, Parameters: asn1.RawValue{FullBytes: kdf}},
		Scheme: pkix.AlgorithmIdentifier{Algorithm: pbes2Ciphers[2].oid, Parameters: asn1.RawValue{FullBytes: der(b, make([]byte, aes.BlockSize))}},
	}
	return pkix.AlgorithmIdentifier{Algorithm: oidPBES2, Parameters: asn1.RawValue{FullBytes: der(b, params)}}
}

// encrypt encrypts as pbes2(iterations) says.
func (b builder) encrypt(plain []byte, iterations int) []byte {
	key, err := pbkdf2.Key(sha256.New, b.form.text, []byte("saltsalt"), iterations, 32)
	block, err := aes.NewCipher(must(b, key, err))
	must(b, block, err)
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	out := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(out, out)
	return out
}

// encrypted is a part that is encrypted with the given count.
func (b builder) encrypted(iterations int, bags ...safeBag) contentInfo {
	return b.encryptedOctets(b.pbes2(iterations), b.encrypt(der(b, bags), iterations))
}

// encryptedOctets is a part that says it is encrypted by algorithm.
func (b builder) encryptedOctets(algorithm pkix.AlgorithmIdentifier, octets []byte) contentInfo {
	e := encryptedData{Content: encryptedContentInfo{
		ContentType: oidData, Algorithm: algorithm,
		Octets: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, Bytes: octets},
	}}
	return contentInfo{ContentType: oidEncryptedData, Content: explicit(der(b, e))}
}

// open is a part that is not encrypted as a whole.
func (b builder) open(bags ...safeBag) contentInfo {
	content, err := dataContent(der(b, bags))
	return must(b, content, err)
}

// cert is a certificate bag.
func (b builder) cert(octets []byte) safeBag {
	return safeBag{ID: oidCertBag, Value: explicit(der(b, certBag{ID: oidX509, Data: octets}))}
}

// key is a key bag that is not encrypted; pkcs8 is DER.
func (b builder) key(pkcs8 []byte) safeBag {
	return safeBag{ID: oidKeyBag, Value: explicit(pkcs8)}
}

// shrouded is a key bag that says it is encrypted with claimed iterations, and is with 1.
func (b builder) shrouded(pkcs8 []byte, claimed int) safeBag {
	return b.shroudedBy(b.pbes2(claimed), b.encrypt(pkcs8, 1))
}

// shroudedBy is a key bag that says it is encrypted by algorithm.
func (b builder) shroudedBy(algorithm pkix.AlgorithmIdentifier, octets []byte) safeBag {
	return safeBag{ID: oidShroudedBag, Value: explicit(der(b, encryptedPrivateKeyInfo{algorithm, octets}))}
}

// file puts the parts together, with a MAC of one iteration.
func (b builder) file(parts ...contentInfo) []byte {
	return b.fileOf(der(b, parts))
}

// fileOf makes a file of an AuthenticatedSafe in any encoding.
func (b builder) fileOf(authSafe []byte) []byte {
	mac := macData{MacSalt: []byte("saltsalt"), Iterations: 1}
	mac.Mac.Algorithm.Algorithm = oidSHA256
	digest, err := mac.sum(authSafe, b.form)
	mac.Mac.Digest = must(b, digest, err)
	return b.fileWith(authSafe, mac)
}

// fileWith makes a file with a MAC as given.
func (b builder) fileWith(authSafe []byte, mac macData) []byte {
	content, err := dataContent(authSafe)
	return der(b, pfxFile{Version: 3, AuthSafe: must(b, content, err), MacData: mac})
}

// claiming returns file with another iteration count in its MAC, which makes the MAC wrong.
func (b builder) claiming(file []byte, iterations int) []byte {
	s, err := scan(file)
	must(b, s, err)
	s.mac.Iterations = iterations
	return b.fileWith(s.authSafe, *s.mac)
}

// pair returns a key (PKCS#8) and its certificate of the workshop, as DER.
func (b builder) pair(name string) (pkcs8, certificate []byte) {
	return fromPEM(b, shop.file(b, name+".key")), fromPEM(b, shop.file(b, name+".crt"))
}

// toBER rewrites DER with indefinite lengths everywhere and octet strings in pieces; also primitive [0], which is what
// an EncryptedData has.
func toBER(t testing.TB, in []byte) []byte {
	t.Helper()
	var out []byte
	for len(in) > 0 {
		h, content, err := readHeader(in)
		must(t, h, err)
		value := content[:h.length]
		in = content[h.length:]
		switch {
		case h.constructed:
			out = append(append(append(out, h.identifier, 0x80), toBER(t, value)...), 0, 0)
		case h.identifier == asn1.TagOctetString, h.identifier == 0x80:
			out = append(out, h.identifier|constructedBit, 0x80)
			for len(value) > 0 {
				n := min(len(value), 100)
				out = append(out, appendValue(asn1.TagOctetString, value[:n])...)
				value = value[n:]
			}
			out = append(out, 0, 0)
		default:
			out = append(out, appendValue(h.identifier, value)...)
		}
	}
	return out
}

// ber returns file rewritten as BER, inside and outside, with the MAC made anew.
func (b builder) ber(file []byte) []byte {
	s, err := scan(file)
	must(b, s, err)
	return toBER(b, b.fileOf(toBER(b, s.authSafe)))
}

// pbe3DES is the scheme of RFC 7292 appendix C with 3-key triple DES.
func (b builder) pbe3DES(iterations int) pkix.AlgorithmIdentifier {
	params := der(b, pbes1Params{Salt: []byte("saltsalt"), Iterations: iterations})
	return pkix.AlgorithmIdentifier{Algorithm: pbes1[0].oid, Parameters: asn1.RawValue{FullBytes: params}}
}

// pbmac1 is PBMAC1 with HMAC-SHA-256.
func (b builder) pbmac1(iterations int) pkix.AlgorithmIdentifier {
	hmac := pkix.AlgorithmIdentifier{Algorithm: digests[2].hmac}
	kdf := pbkdf2Params{Salt: asn1.RawValue{FullBytes: der(b, []byte("saltsalt"))}, Iterations: iterations, KeyLength: 32, PRF: hmac}
	params := pbes2Params{KDF: pkix.AlgorithmIdentifier{Algorithm: oidPBKDF2, Parameters: asn1.RawValue{FullBytes: der(b, kdf)}}, Scheme: hmac}
	return pkix.AlgorithmIdentifier{Algorithm: oidPBMAC1, Parameters: asn1.RawValue{FullBytes: der(b, params)}}
}

// der returns the content of a PEM file of the workshop.
func (b builder) der(name string) []byte {
	b.Helper()
	return fromPEM(b, shop.file(b, name))
}

// parsed returns a certificate of the workshop.
func (b builder) parsed(name string) *x509.Certificate {
	b.Helper()
	return parse(b, b.der(name))
}

// signer returns a private key of the workshop.
func (b builder) signer(name string) any {
	b.Helper()
	key, err := x509.ParsePKCS8PrivateKey(b.der(name + ".key"))
	return must(b, key, err)
}

// parse is x509.ParseCertificate.
func parse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	return must(t, c, err)
}
