package manage

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

const (
	// secretPrefix lets people and secret scanners recognise a client secret.
	secretPrefix    = "pbs_"
	secretBytes     = 32
	secretSaltBytes = 16
	hintLength      = 3
	// defaultSecretLife is how long a secret is valid if nobody says otherwise: the longest that Entra's portal offers.
	defaultSecretLife = 2 * 365 * 24 * time.Hour
	// minCertificateBits is what Microsoft's clients sign with at least.
	minCertificateBits = 2048
	// maxCredentialName is in characters.
	maxCredentialName = 120
)

// AddedSecret is a new client secret, in the clear for the only time. It masks itself in fmt and slog.
type AddedSecret struct {
	KeyID    string
	Secret   string
	NotAfter time.Time
}

// Format masks the secret in every fmt verb.
func (a AddedSecret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "client secret %s", a.KeyID) }

// MarshalText masks the secret in JSON and in slog.
func (a AddedSecret) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(a)), nil }

// AddSecret gives an application a client secret of 256 random bits and returns it; only its salted hash is kept. A life
// of 0 is two years.
func (s *Service) AddSecret(ctx context.Context, who auth.Caller, clientID, name string, life time.Duration) (AddedSecret, error) {
	if err := who.Require(auth.Operator); err != nil {
		return AddedSecret{}, err
	}
	if err := validateCredentialName(name); err != nil {
		return AddedSecret{}, err
	}
	switch {
	case life < 0:
		return AddedSecret{}, apiconn.Invalidf("life", "A client secret cannot expire before it is made. Give a positive duration.")
	case life == 0:
		life = defaultSecretLife
	}
	random, salt := make([]byte, secretBytes), make([]byte, secretSaltBytes)
	_, _ = rand.Read(random) // never fails
	_, _ = rand.Read(salt)
	text := base64.RawURLEncoding.EncodeToString(random)
	now := s.Now()
	secret := secretPrefix + text
	credential := apiconn.ApplicationCredential{
		ID: uuid.NewString(), Kind: apiconn.CredentialSecret, DisplayName: name, Hint: text[:hintLength],
		Salt: salt, Hash: hashSecret(salt, secret), NotBefore: now, NotAfter: now.Add(life),
	}
	if err := s.addCredential(ctx, who, clientID, credential); err != nil {
		return AddedSecret{}, err
	}
	return AddedSecret{KeyID: credential.ID, Secret: secret, NotAfter: credential.NotAfter}, nil
}

// CheckSecret tells whether a secret is one of the application's and valid now.
func (s *Service) CheckSecret(ctx context.Context, who auth.Caller, clientID, secret string) (bool, error) {
	if err := who.Require(auth.Operator); err != nil {
		return false, err
	}
	app, err := s.Store.Application(ctx, who.TenantID, strings.ToLower(clientID))
	if err != nil {
		return false, err
	}
	for _, c := range app.Credentials {
		if c.Kind == apiconn.CredentialSecret && validAt(c, s.Now()) && subtle.ConstantTimeCompare(hashSecret(c.Salt, secret), c.Hash) == 1 {
			return true, nil
		}
	}
	return false, nil
}

// AddCertificate gives an application a certificate, PEM or DER, with which it signs client assertions. An empty name
// becomes the certificate's subject.
func (s *Service) AddCertificate(ctx context.Context, who auth.Caller, clientID, name string, file []byte) (apiconn.ApplicationCredential, error) {
	if err := who.Require(auth.Operator); err != nil {
		return apiconn.ApplicationCredential{}, err
	}
	certificate, err := s.readCertificate(file)
	if err != nil {
		return apiconn.ApplicationCredential{}, err
	}
	if name == "" {
		name = printable(certificate.Subject.String())
	}
	if err := validateCredentialName(name); err != nil {
		return apiconn.ApplicationCredential{}, err
	}
	credential := apiconn.ApplicationCredential{
		ID: uuid.NewString(), Kind: apiconn.CredentialCertificate, DisplayName: name,
		Certificate: certificate.Raw, NotBefore: certificate.NotBefore.UTC(), NotAfter: certificate.NotAfter.UTC(),
	}
	if err := s.addCredential(ctx, who, clientID, credential); err != nil {
		return apiconn.ApplicationCredential{}, err
	}
	return credential, nil
}

// RemoveCredential takes away a secret or a certificate by its key id.
func (s *Service) RemoveCredential(ctx context.Context, who auth.Caller, clientID, keyID string) error {
	if err := who.Require(auth.Operator); err != nil {
		return err
	}
	return s.updateApplication(ctx, who, clientID, activityChangeCredentials, func(a *apiconn.Application) ([]apiconn.Modified, error) {
		i := slices.IndexFunc(a.Credentials, func(c apiconn.ApplicationCredential) bool { return strings.EqualFold(c.ID, keyID) })
		if i < 0 {
			return nil, apiconn.Errorf(apiconn.NotFound, "The application has no credential '%s'. List its credentials to see their key ids.", printable(keyID))
		}
		old := describe(a.Credentials)
		a.Credentials = slices.Delete(slices.Clone(a.Credentials), i, i+1)
		return []apiconn.Modified{{Property: "KeyDescription", Old: old, New: describe(a.Credentials)}}, nil
	})
}

func (s *Service) addCredential(ctx context.Context, who auth.Caller, clientID string, c apiconn.ApplicationCredential) error {
	return s.updateApplication(ctx, who, clientID, activityChangeCredentials, func(a *apiconn.Application) ([]apiconn.Modified, error) {
		for _, have := range a.Credentials {
			if c.Kind == apiconn.CredentialCertificate && slices.Equal(have.Certificate, c.Certificate) {
				return nil, apiconn.Errorf(apiconn.Conflict, "The application has this certificate already, as credential '%s'.", have.ID)
			}
		}
		old := describe(a.Credentials)
		a.Credentials = append(slices.Clone(a.Credentials), c)
		return []apiconn.Modified{{Property: "KeyDescription", Old: old, New: describe(a.Credentials)}}, nil
	})
}

// readCertificate reads a certificate that can sign assertions now or later.
func (s *Service) readCertificate(file []byte) (*x509.Certificate, error) {
	const field = "certificate"
	der := file
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			der = block.Bytes
			break
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, apiconn.Invalidf(field, "The file holds no X.509 certificate in PEM or DER. Give the public certificate, not the key or a PKCS#12 file.").Because(err)
	}
	key, isRSA := certificate.PublicKey.(*rsa.PublicKey)
	switch {
	case !isRSA || key.N.BitLen() < minCertificateBits:
		return nil, apiconn.Invalidf(field, "The certificate's key must be RSA of at least %d bits: client assertions are signed with PS256 or RS256.", minCertificateBits)
	case !s.Now().Before(certificate.NotAfter):
		return nil, apiconn.Invalidf(field, "The certificate expired at %s. Give a current one.", certificate.NotAfter.UTC().Format(time.RFC3339))
	}
	return certificate, nil
}

// describe lists credentials as Entra's audit does: ids, kinds and names, nothing that helps to guess one.
func describe(credentials []apiconn.ApplicationCredential) string {
	kinds := map[apiconn.CredentialKind]string{apiconn.CredentialSecret: "Password", apiconn.CredentialCertificate: "AsymmetricX509Cert"}
	words := make([]string, len(credentials))
	for i, c := range credentials {
		words[i] = fmt.Sprintf("[KeyIdentifier=%s,KeyType=%s,KeyUsage=Verify,DisplayName=%s]", c.ID, kinds[c.Kind], c.DisplayName)
	}
	return strings.Join(words, " ")
}

func validateCredentialName(name string) error {
	if utf8.RuneCountInString(name) > maxCredentialName || strings.ContainsFunc(name, unicode.IsControl) {
		return apiconn.Invalidf("name", "A credential's name has at most %d characters and no control characters.", maxCredentialName)
	}
	return nil
}
