package apiconn

import "time"

// Connector is an identityApiConnector: an HTTP endpoint that a user flow calls, and how the call proves itself.
// Its JSON and SQL forms belong to the edge and the store.
type Connector struct {
	TenantID       string // the partition; a connector is invisible outside it
	ID             string // lower-case GUID, made by the server
	DisplayName    string
	TargetURL      string
	Authentication Authentication
	Version        int64 // 1 on creation, +1 with each change; the ETag is made of it
	CreatedAt      time.Time
	ChangedAt      time.Time
}

// Authentication is a connector's authenticationConfiguration as it is kept: open members as they are, secret members
// sealed. Nothing in it can be turned back into a secret without a seal.Opener.
type Authentication struct {
	Type         string            // the Graph type it is read as, without "#microsoft.graph.": basicAuthentication, clientCertificateAuthentication
	Open         map[string]string // members shown as they are, by Graph name: username
	Sealed       map[string]Sealed // secret members, by Graph name (password) or CertificateMember
	Certificates []Certificate     // oldest upload first (contract 2.5)
}

// Sealed is one secret as it lies in the database: AEAD ciphertext bound to tenant, owner, member and Version.
type Sealed struct {
	Version    int64  // the owner's version when it was sealed; part of the associated data
	KeyID      uint32 // the data key that sealed it
	Ciphertext []byte
}

// Certificate is what may be known about an uploaded client certificate (pkcs12CertificateInformation). Its private key
// and chain are the Sealed member CertificateMember(Thumbprint).
type Certificate struct {
	Thumbprint string // SHA-1 of the DER certificate, 40 upper-case hex digits
	NotBefore  time.Time
	NotAfter   time.Time
	Subject    string // RFC 2253 text, for people
	Sequence   int64  // upload order within the connector; the newest upload has the greatest
	UploadedAt time.Time
}

// ValidAt tells whether t lies within the certificate's validity, both ends included (RFC 5280 section 4.1.2.5).
func (c Certificate) ValidAt(t time.Time) bool {
	return !t.Before(c.NotBefore) && !t.After(c.NotAfter)
}

// CertificateMember is the name of the Sealed member that holds the key and chain of the certificate with that thumbprint.
func CertificateMember(thumbprint string) string { return "certificate/" + thumbprint }

// ActiveCertificate returns the index in Certificates of the one to use at t: the most recently uploaded that is valid
// then (contract 2.5), or -1 if none is.
func (a Authentication) ActiveCertificate(t time.Time) int {
	active := -1
	for i, c := range a.Certificates {
		if c.ValidAt(t) && (active < 0 || c.Sequence > a.Certificates[active].Sequence) {
			active = i
		}
	}
	return active
}
