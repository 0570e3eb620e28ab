package credential

import (
	"fmt"
	"maps"
	"slices"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Change is what a Given does to the authentication configuration that is stored.
type Change struct {
	Type        string            // the type to store: basicAuthentication, clientCertificateAuthentication
	Replace     bool              // drop every stored member and certificate first
	Open        map[string]string // open members to set, by Graph name
	Secrets     map[string]Secret // secret members to seal and set, by Graph name; an absent one keeps its ciphertext
	Certificate *NewCertificate   // to append; nil for none
}

// NewCertificate is an uploaded certificate that is not stored yet.
type NewCertificate struct {
	apiconn.Certificate        // Sequence is one above the greatest that is stored
	Stored              Secret // private key and chain, for ParseStored
}

// Empty tells whether the change changes nothing at all.
func (c Change) Empty() bool {
	return !c.Replace && len(c.Open) == 0 && len(c.Secrets) == 0 && c.Certificate == nil
}

// Onto returns the configuration that follows from current by the change; current itself is left as it is. seal seals
// one secret member: it is called for the new ones only, so an unmentioned secret keeps its ciphertext.
// A certificate whose thumbprint is already there takes the old one's place in storage and becomes the newest upload.
func (c Change) Onto(current apiconn.Authentication, seal func(member string, value Secret) (apiconn.Sealed, error)) (apiconn.Authentication, error) {
	next := apiconn.Authentication{Type: c.Type, Open: map[string]string{}, Sealed: map[string]apiconn.Sealed{}}
	if !c.Replace {
		maps.Copy(next.Open, current.Open)
		maps.Copy(next.Sealed, current.Sealed)
		next.Certificates = slices.Clone(current.Certificates)
	}
	maps.Copy(next.Open, c.Open)
	for _, member := range slices.Sorted(maps.Keys(c.Secrets)) {
		sealed, err := seal(member, c.Secrets[member])
		if err != nil {
			return apiconn.Authentication{}, fmt.Errorf("seal member %s: %w", member, err)
		}
		next.Sealed[member] = sealed
	}
	if c.Certificate == nil {
		return next, nil
	}
	member := apiconn.CertificateMember(c.Certificate.Thumbprint)
	sealed, err := seal(member, c.Certificate.Stored)
	if err != nil {
		return apiconn.Authentication{}, fmt.Errorf("seal member %s: %w", member, err)
	}
	next.Sealed[member] = sealed
	next.Certificates = slices.DeleteFunc(next.Certificates, func(old apiconn.Certificate) bool {
		return old.Thumbprint == c.Certificate.Thumbprint
	})
	next.Certificates = append(next.Certificates, c.Certificate.Certificate)
	return next, nil
}

// Shown is an authentication configuration as a reader sees it. It holds no secret.
type Shown struct {
	Type    string // without "#microsoft.graph."
	Members Object
}

// Object is an object whose members keep their order.
type Object []Member

// Member is one member of an Object: a string, an int64, a bool or a []Object.
type Member struct {
	Name  string
	Value any
}
