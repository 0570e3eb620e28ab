package apiconn

import "time"

// Tenant is a partition of everything Patchbay keeps. Its id is the tid of tokens.
type Tenant struct {
	ID        string // lower-case GUID
	Name      string // a DNS-like name that may stand for the id in authority URLs, e.g. contoso.example
	CreatedAt time.Time
}

// Application is an app registration of the local authority: a client that may ask for tokens.
type Application struct {
	TenantID    string
	ClientID    string // appId, lower-case GUID
	ObjectID    string // the service principal's id: oid and sub of its tokens
	DisplayName string
	Roles       []string // granted application permissions, e.g. APIConnectors.ReadWrite.All
	Credentials []ApplicationCredential
	CreatedAt   time.Time
}

// ApplicationCredential is one way for an application to prove itself: a hashed secret or a public certificate.
type ApplicationCredential struct {
	ID          string // keyId, lower-case GUID
	Kind        CredentialKind
	DisplayName string
	Hint        string // the first three characters of a secret, so that people can tell secrets apart
	Salt        []byte // of a secret
	Hash        []byte // of a secret: SHA-256(salt || secret); the secrets are 256 random bits, so a slow hash adds nothing
	Certificate []byte // of a certificate: DER
	NotBefore   time.Time
	NotAfter    time.Time
}

// CredentialKind tells secrets from certificates.
type CredentialKind string

// The kinds of application credential.
const (
	CredentialSecret      CredentialKind = "secret"
	CredentialCertificate CredentialKind = "certificate"
)

// SigningKey is a key of the local authority as it is kept: the public half open, the private half sealed.
type SigningKey struct {
	ID          string // kid
	PublicJWK   []byte
	Private     Sealed // PKCS#8 DER; owner SigningKeyOwner, member SigningKeyMember(ID), no tenant
	Certificate []byte // self-signed, DER: x5c and x5t of the JWKS
	CreatedAt   time.Time
	RetireAt    time.Time // zero: not retired; else tokens signed with it are refused from then on
}

// SigningKeyOwner is the owner id under which signing keys are sealed.
const SigningKeyOwner = "authority"

// SigningKeyMember is the member name under which the private half of signing key kid is sealed.
func SigningKeyMember(kid string) string { return "signing-key/" + kid }
