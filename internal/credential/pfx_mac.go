package credential

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"fmt"
	"hash"
	"unicode/utf16"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// pfxPassword is a password in the two forms that PKCS#12 uses.
type pfxPassword struct {
	text string // UTF-8: PBES2, PBMAC1
	bmp  []byte // UTF-16BE with two zero octets at its end, or nothing at all: RFC 7292 appendix B.1
}

// passwordForms returns the forms in which a file may have been protected by password. The empty one has two: some tools
// terminate it (OpenSSL), some leave it out altogether (Windows and Azure Key Vault for "no password").
func passwordForms(password string) ([]pfxPassword, error) {
	units := utf16.Encode([]rune(password))
	bmp := make([]byte, 0, 2*len(units)+2)
	for _, u := range units {
		if utf16.IsSurrogate(rune(u)) {
			return nil, bad("The password holds characters outside the Basic Multilingual Plane of Unicode, such as emoji, " +
				"which tools write into PKCS#12 files differently. Export the file with another password.")
		}
		bmp = append(bmp, byte(u>>8), byte(u))
	}
	forms := []pfxPassword{{password, append(bmp, 0, 0)}}
	if password == "" {
		forms = append(forms, pfxPassword{"", nil})
	}
	return forms, nil
}

// authenticate finds the form of password that the file's MAC was made with. A file without one opens with the empty
// password only: there is nothing else that could tell a wrong password from a damaged file.
func (s scanned) authenticate(password string) (pfxPassword, error) {
	forms, err := passwordForms(password)
	if err != nil {
		return pfxPassword{}, err
	}
	if s.mac == nil {
		if password != "" {
			return pfxPassword{}, bad("The PKCS#12 file has a password but no MAC to check it against. Export it again with a MAC, the default of all tools.")
		}
		return forms[0], nil
	}
	if s.mac.Mac.Algorithm.Algorithm.Equal(oidPBMAC1) {
		forms = forms[:1] // the two forms of the empty password differ in bmp only, which PBMAC1 does not use
	}
	for _, form := range forms {
		sum, err := s.mac.sum(s.authSafe, form)
		if err != nil {
			return pfxPassword{}, damaged(err)
		}
		if hmac.Equal(sum, s.mac.Mac.Digest) {
			return form, nil
		}
	}
	return pfxPassword{}, wrongPassword(nil)
}

// wrongPassword is the one error with ReasonPKCS12Password.
func wrongPassword(cause error) *apiconn.Error {
	return (&apiconn.Error{
		Kind: apiconn.Invalid, Reason: apiconn.ReasonPKCS12Password,
		Message: "The password does not open the PKCS#12 file. Give the password that it was exported with; if it is that one, the file is damaged.",
	}).Because(cause)
}

// sum computes the MAC of message (RFC 7292 section 4 and appendix B; RFC 9579 for PBMAC1).
func (m macData) sum(message []byte, password pfxPassword) ([]byte, error) {
	var key []byte
	var newHash func() hash.Hash
	if m.Mac.Algorithm.Algorithm.Equal(oidPBMAC1) {
		params, kdf, err := readPBKDF2(m.Mac.Algorithm)
		if err != nil {
			return nil, err
		}
		newHash = hmacNamed(params.Scheme.Algorithm)
		key, err = pbkdf2.Key(hmacNamed(kdf.PRF.Algorithm), password.text, kdf.Salt.Bytes, kdf.Iterations, kdf.KeyLength)
		if err != nil {
			return nil, fmt.Errorf("derive MAC key: %w", err)
		}
	} else {
		newHash = digestNamed(m.Mac.Algorithm.Algorithm)
		key = macKey(newHash, password.bmp, m.MacSalt, m.Iterations)
	}
	mac := hmac.New(newHash, key)
	mac.Write(message)
	return mac.Sum(nil), nil
}

// macKey derives a MAC key as long as the hash: RFC 7292 appendix B.2 with ID 3, whose loop over output blocks runs once.
func macKey(newHash func() hash.Hash, password, salt []byte, iterations int) []byte {
	const purposeMAC = 3
	h := newHash()
	v := h.BlockSize()
	input := make([]byte, v, v+2*v+len(salt)+len(password))
	for i := range input {
		input[i] = purposeMAC
	}
	input = appendRepeated(input, salt, v)
	input = appendRepeated(input, password, v)
	h.Write(input)
	key := h.Sum(nil)
	for range iterations - 1 {
		h.Reset()
		h.Write(key)
		key = h.Sum(key[:0])
	}
	return key
}

// appendRepeated appends pattern again and again up to a multiple of v octets; nothing if pattern is empty.
func appendRepeated(to, pattern []byte, v int) []byte {
	size := (len(pattern) + v - 1) / v * v
	for i := range size {
		to = append(to, pattern[i%len(pattern)])
	}
	return to
}
