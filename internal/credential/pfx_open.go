package credential

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// open opens a PKCS#12 file: the pre-scan at once, the rest when its turn has come.
func (in share) open(ctx context.Context, file []byte, password string, now time.Time) (identity, error) {
	s, err := scan(file)
	if err != nil {
		return identity{}, err
	}
	done, err := in.turn(ctx)
	if err != nil {
		return identity{}, err
	}
	defer done()
	key, certificates, err := s.decrypt(password)
	if err != nil {
		return identity{}, err
	}
	return newIdentity(key, certificates, now)
}

// decrypt takes key and certificates out of a file that passed the pre-scan. Each key of the file is derived once.
//
// The library is never given the file itself, but one encrypted thing at a time, wrapped anew beside decoys (see probe):
// so it meets nothing that was not scanned, BER and any number of parts are no concern of its own, and a private key
// hidden in an encrypted part, whose iteration count no scan can see, is refused before anything is derived for it.
func (s scanned) decrypt(password string) (key any, certificates []*x509.Certificate, err error) {
	form, err := s.authenticate(password)
	if err != nil {
		return nil, nil, err
	}
	for _, der := range s.certificates {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, nil, unreadableCertificate(err)
		}
		certificates = append(certificates, c)
	}
	p, err := newProbe(form)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range s.encrypted {
		found, err := p.certificates(e)
		if err != nil {
			return nil, nil, s.explain(err)
		}
		if certificates = append(certificates, found...); len(certificates) > maxBags {
			return nil, nil, tooManyBags(len(certificates))
		}
	}
	if len(s.keys) == 0 {
		return nil, nil, bad("The PKCS#12 file holds no private key. Export the certificate together with its private key.")
	}
	if key, err = p.key(s.keys[0]); err != nil {
		if s.mac == nil && s.keys[0].ID.Equal(oidShroudedBag) {
			return nil, nil, wrongPassword(err)
		}
		return nil, nil, bad("The private key in the PKCS#12 file cannot be read: it has another password than the file, or is of a kind that is not supported. " +
			"Export it again with one password for all, with an RSA, an elliptic curve (P-256, P-384, P-521) or an Ed25519 key.").Because(err)
	}
	return key, certificates, nil
}

// secondKey is what the library says on meeting a second key bag, before it derives anything for it. It has no sentinel
// for it; if its text changed, a hidden key would still be refused, with a less helpful message.
const secondKey = "pkcs12: expected exactly one key bag"

// explain turns the library's error about an encrypted part into ours.
func (s scanned) explain(err error) error {
	var missing pkcs12.NotImplementedError
	switch {
	case err.Error() == secondKey:
		return bad("The private key lies inside an encrypted part of the PKCS#12 file, where its protection cannot be checked beforehand. " +
			"Export it again with OpenSSL 3 or another current tool, which encrypt the private key by itself.").Because(err)
	case s.mac == nil:
		return wrongPassword(err)
	case errors.As(err, &missing):
		return bad("The PKCS#12 file holds something that is not supported. Export only the certificate, its private key and its chain.").Because(err)
	default: // with another password, decrypting gives either wrong padding or, 1 time in 256, octets that make no sense
		return bad("The encrypted part of the PKCS#12 file cannot be read: it has another password than the file's MAC, or a certificate that is damaged or of a kind that is not supported. " +
			"Export it again with one password for all, with an RSA, an elliptic curve (P-256, P-384, P-521) or an Ed25519 key.").Because(err)
	}
}

// unreadableCertificate is the error about a certificate that is none.
func unreadableCertificate(cause error) error {
	return bad("A certificate in the PKCS#12 file cannot be read as X.509 (RFC 5280). Export it again.").Because(cause)
}

// probe has the library decrypt one thing at a time. For that it needs a whole file around it: with a certificate and
// exactly one private key, for which there are decoys, and with a MAC, which costs one iteration.
type probe struct {
	password    pfxPassword
	certificate safeBag // decoy
	privateKey  safeBag // decoy, not encrypted
}

// newProbe makes the decoys; they protect nothing.
func newProbe(password pfxPassword) (probe, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return probe{}, fmt.Errorf("generate decoy key: %w", err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return probe{}, fmt.Errorf("create decoy certificate: %w", err)
	}
	bag, err := asn1.Marshal(certBag{ID: oidX509, Data: certificate})
	if err != nil {
		return probe{}, fmt.Errorf("encode decoy certificate: %w", err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return probe{}, fmt.Errorf("encode decoy key: %w", err)
	}
	return probe{password, safeBag{ID: oidCertBag, Value: explicit(bag)}, safeBag{ID: oidKeyBag, Value: explicit(key)}}, nil
}

// certificates decrypts a part of a file and returns the certificates in it. The decoy key comes before it, so that any
// key in it is the second one and the library stops there, with secondKey.
func (p probe) certificates(e encryptedData) ([]*x509.Certificate, error) {
	part, err := asn1.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode EncryptedData: %w", err)
	}
	file, err := p.file([]safeBag{p.certificate, p.privateKey}, contentInfo{ContentType: oidEncryptedData, Content: explicit(part)})
	if err != nil {
		return nil, err
	}
	_, _, found, err := pkcs12.DecodeChain(file, p.password.text) // the first certificate is the decoy
	return found, err
}

// key returns the private key in a key bag.
func (p probe) key(bag safeBag) (any, error) {
	file, err := p.file([]safeBag{p.certificate, bag})
	if err != nil {
		return nil, err
	}
	key, _, _, err := pkcs12.DecodeChain(file, p.password.text)
	return key, err
}

// file returns a PKCS#12 file with bags in the open, then more, and a MAC. It is the MAC that tells the library which
// form of the empty password to go on with: it tries both, as authenticate does.
func (p probe) file(bags []safeBag, more ...contentInfo) ([]byte, error) {
	open, err := asn1.Marshal(bags)
	if err != nil {
		return nil, fmt.Errorf("encode bags: %w", err)
	}
	first, err := dataContent(open)
	if err != nil {
		return nil, err
	}
	authSafe, err := asn1.Marshal(append([]contentInfo{first}, more...))
	if err != nil {
		return nil, fmt.Errorf("encode AuthenticatedSafe: %w", err)
	}
	mac := macData{MacSalt: []byte("Patchbay"), Iterations: 1}
	mac.Mac.Algorithm = pkix.AlgorithmIdentifier{Algorithm: oidSHA256, Parameters: asn1.NullRawValue}
	if mac.Mac.Digest, err = mac.sum(authSafe, p.password); err != nil {
		return nil, err
	}
	content, err := dataContent(authSafe)
	if err != nil {
		return nil, err
	}
	file, err := asn1.Marshal(pfxFile{Version: 3, AuthSafe: content, MacData: mac})
	if err != nil {
		return nil, fmt.Errorf("encode PFX: %w", err)
	}
	return file, nil
}

// dataContent wraps octets as a ContentInfo of type data.
func dataContent(octets []byte) (contentInfo, error) {
	der, err := asn1.Marshal(octets)
	if err != nil {
		return contentInfo{}, fmt.Errorf("encode octets: %w", err)
	}
	return contentInfo{ContentType: oidData, Content: explicit(der)}, nil
}

// explicit wraps the DER of a value as [0] EXPLICIT.
func explicit(der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: der}
}
