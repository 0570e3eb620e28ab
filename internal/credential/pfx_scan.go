package credential

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// The pre-scan reads the structure of a PKCS#12 file (RFC 7292 section 4) and everything that would cost something,
// before anything is derived from a password. Its caps:
const (
	maxFile     = 64 << 10 // octets of a file; a key of 4096 bits with a chain of five is about 12 KiB
	maxContents = 16       // parts of a file; nearly all tools write 2
	maxBags     = 50       // bags outside encrypted parts, and certificates in all
	maxKeyBag   = 8 << 10  // octets of an encrypted private key; RSA of 8192 bits has 4.7 KiB
	maxSalt     = 1 << 10  // octets of a salt; RFC 8018 asks for 8 or more
	// maxRounds is the sum over all derivations of iteration count × output blocks. It lets `openssl pkcs12 -export -iter
	// 600000` through and costs at most about two seconds of one core. Common files ask for 6,144.
	maxRounds = 2_000_000
)

// The structures of RFC 7292 section 4 and of RFC 2315 beneath them.
type (
	pfxFile struct {
		Version  int
		AuthSafe contentInfo
		MacData  macData `asn1:"optional"`
	}
	contentInfo struct {
		ContentType asn1.ObjectIdentifier
		Content     asn1.RawValue `asn1:"tag:0,explicit,optional"`
	}
	macData struct {
		Mac        digestInfo
		MacSalt    []byte
		Iterations int `asn1:"optional,default:1"`
	}
	digestInfo struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	encryptedData struct {
		Version int
		Content encryptedContentInfo
	}
	encryptedContentInfo struct {
		ContentType asn1.ObjectIdentifier
		Algorithm   pkix.AlgorithmIdentifier
		Octets      asn1.RawValue `asn1:"tag:0,optional"` // [0] IMPLICIT OCTET STRING
	}
	safeBag struct {
		ID         asn1.ObjectIdentifier
		Value      asn1.RawValue   `asn1:"tag:0,explicit"`
		Attributes []asn1.RawValue `asn1:"set,optional"`
	}
	certBag struct {
		ID   asn1.ObjectIdentifier
		Data []byte `asn1:"tag:0,explicit"`
	}
	encryptedPrivateKeyInfo struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidEnvelopedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidKeyBag        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	oidShroudedBag   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidX509          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
)

// scanned is a PKCS#12 file that passed the pre-scan: what is in the open, and what has to be decrypted. Opening it
// costs at most maxRounds.
type scanned struct {
	mac          *macData        // nil: it has none
	authSafe     []byte          // what the MAC covers, as it was written
	certificates [][]byte        // DER, of bags in the open
	keys         []safeBag       // key bags in the open, encrypted by themselves or not
	encrypted    []encryptedData // parts that are encrypted as a whole
	rounds       int             // what all derivations cost, in the unit of maxRounds
}

// scan is the pre-scan. It derives nothing, and its cost is linear in the file's size.
func scan(file []byte) (scanned, error) {
	if len(file) > maxFile {
		return scanned{}, bad("The PKCS#12 file has %d octets; at most %d are accepted. Export only the certificate, its private key and its chain.", len(file), maxFile)
	}
	der, err := normalise(file)
	if err != nil {
		return scanned{}, notPKCS12(file).Because(err)
	}
	var pfx pfxFile
	if err := unmarshal(der, &pfx); err != nil || pfx.Version != 3 {
		return scanned{}, notPKCS12(file).Because(err)
	}
	var s scanner
	if len(pfx.MacData.Mac.Algorithm.Algorithm) != 0 {
		if err := s.spendMAC(pfx.MacData); err != nil {
			return scanned{}, err
		}
		s.mac = &pfx.MacData
	}
	if pfx.AuthSafe.ContentType.Equal(oidSignedData) {
		return scanned{}, bad("The PKCS#12 file is protected by a signature instead of a password, which is not supported. Export it with a password.")
	}
	if s.authSafe, err = octets(pfx.AuthSafe, oidData); err != nil {
		return scanned{}, damaged(err)
	}
	var contents []contentInfo
	if err := unmarshalBER(s.authSafe, &contents); err != nil {
		return scanned{}, damaged(err)
	}
	if len(contents) > maxContents {
		return scanned{}, bad("The PKCS#12 file has %d parts; at most %d are accepted. Export only the certificate, its private key and its chain.", len(contents), maxContents)
	}
	for _, content := range contents {
		if err := s.part(content); err != nil {
			return scanned{}, err
		}
	}
	if len(s.keys) > 1 {
		return scanned{}, bad("The PKCS#12 file holds %d private keys; exactly one is accepted. Export one certificate with its private key.", len(s.keys))
	}
	return s.scanned, nil
}

// scanner is one run of scan: what was found so far.
type scanner struct {
	scanned
	bags int
}

// part reads one ContentInfo of the AuthenticatedSafe.
func (s *scanner) part(content contentInfo) error {
	switch {
	case content.ContentType.Equal(oidData):
		return s.openPart(content)
	case content.ContentType.Equal(oidEncryptedData):
		return s.encryptedPart(content)
	case content.ContentType.Equal(oidEnvelopedData):
		return bad("A part of the PKCS#12 file is encrypted for a public key instead of with a password, which is not supported. Export it with a password.")
	default:
		return damaged(errors.New("content type " + content.ContentType.String()))
	}
}

// encryptedPart notes an EncryptedData, after what its decryption costs.
func (s *scanner) encryptedPart(content contentInfo) error {
	var e encryptedData
	if err := unmarshal(content.Content.Bytes, &e); err != nil {
		return damaged(err)
	}
	if e.Version != 0 || !e.Content.ContentType.Equal(oidData) {
		return damaged(errors.New("EncryptedData of an unknown version or content"))
	}
	if e.Content.Octets.IsCompound { // BER: an octet string in pieces, which no schema-less normaliser can tell from [0] EXPLICIT
		joined, err := joinOctets(e.Content.Octets.Bytes)
		if err != nil {
			return damaged(err)
		}
		e.Content.Octets = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, Bytes: joined}
	}
	if err := s.spend(e.Content.Algorithm); err != nil {
		return err
	}
	s.encrypted = append(s.encrypted, e)
	return nil
}

// openPart reads the bags of a part that is not encrypted as a whole.
func (s *scanner) openPart(content contentInfo) error {
	data, err := octets(content, oidData)
	if err != nil {
		return damaged(err)
	}
	var bags []safeBag
	if err := unmarshalBER(data, &bags); err != nil {
		return damaged(err)
	}
	if s.bags += len(bags); s.bags > maxBags {
		return tooManyBags(s.bags)
	}
	for _, bag := range bags {
		if err := s.bag(bag); err != nil {
			return err
		}
	}
	return nil
}

// bag notes one bag in the open. Bags of other types than keys and certificates (CRLs, secrets) are of no use here.
func (s *scanner) bag(bag safeBag) error {
	switch {
	case bag.ID.Equal(oidCertBag):
		var c certBag
		if err := unmarshal(bag.Value.Bytes, &c); err != nil {
			return damaged(err)
		}
		if c.ID.Equal(oidX509) {
			s.certificates = append(s.certificates, c.Data)
		}
	case bag.ID.Equal(oidKeyBag), bag.ID.Equal(oidShroudedBag):
		if n := len(bag.Value.Bytes); n > maxKeyBag {
			return bad("The private key in the PKCS#12 file has %d octets; at most %d are accepted. Use an RSA key of %d to %d bits or an elliptic curve key.", n, maxKeyBag, minRSABits, maxRSABits)
		}
		s.keys = append(s.keys, bag)
		if bag.ID.Equal(oidShroudedBag) {
			var k encryptedPrivateKeyInfo
			if err := unmarshal(bag.Value.Bytes, &k); err != nil {
				return damaged(err)
			}
			return s.spend(k.Algorithm)
		}
	}
	return nil
}

// octets returns the OCTET STRING that content holds, if it is of type want.
func octets(content contentInfo, want asn1.ObjectIdentifier) (data []byte, err error) {
	if !content.ContentType.Equal(want) {
		return nil, errors.New("content type " + content.ContentType.String())
	}
	err = unmarshal(content.Content.Bytes, &data)
	return data, err
}

// unmarshalBER is unmarshal for what was within an OCTET STRING and may be BER still.
func unmarshalBER(ber []byte, out any) error {
	der, err := normalise(ber)
	if err != nil {
		return err
	}
	return unmarshal(der, out)
}

// unmarshal is asn1.Unmarshal that refuses octets after the value.
func unmarshal(der []byte, out any) error {
	rest, err := asn1.Unmarshal(der, out)
	if err == nil && len(rest) != 0 {
		err = errors.New("octets after the value")
	}
	return err
}

// damaged is the error about a file that begins like PKCS#12 and is not in order.
func damaged(cause error) *apiconn.Error {
	return bad("The PKCS#12 file is damaged or not in the form of RFC 7292. Export it again.").Because(cause)
}

func tooManyBags(n int) *apiconn.Error {
	return bad("The PKCS#12 file holds %d items; at most %d are accepted. Export only the certificate, its private key and its chain.", n, maxBags)
}
