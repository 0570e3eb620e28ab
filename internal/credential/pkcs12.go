package credential

import (
	"context"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// typePKCS12 is a PKCS#12 file (RFC 7292) as it is written. It is never kept nor shown: what is kept of it is a
// clientCertificateAuthentication.
const typePKCS12 = "pkcs12Certificate"

// MaxCertificates is how many certificates a connector keeps at the most. Nothing documents a limit (contract 8.1).
const MaxCertificates = 10

// The members of pkcs12Certificate and of the action uploadClientCertificate.
const (
	memberPKCS12Value = "pkcs12Value"
	memberPassword    = "password"
)

// readPKCS12 is the kind.read of pkcs12Certificate: it always replaces what is stored (contract section 8, row 28).
func readPKCS12(ctx context.Context, in share, b body, now time.Time) (Proposal, error) {
	certificate, err := in.certificate(ctx, b, now)
	if err != nil {
		return Proposal{}, err
	}
	return Proposal{against: func(current *apiconn.Authentication) (Change, error) {
		return Change{Type: typeClientCertificate, Replace: current != nil, Certificate: certificate.after(current)}, nil
	}}, nil
}

// ReadUpload checks the body of uploadClientCertificate {pkcs12Value, password}, opening the file as Read does. Against
// then appends it to the certificates of a connector that is clientCertificateAuthentication already (contract 2.5).
func (in *Intake) ReadUpload(ctx context.Context, tenant string, g Given, now time.Time) (Proposal, error) {
	certificate, err := share{in, tenant}.certificate(ctx, body{members: g.Members}, now)
	if err != nil {
		return Proposal{}, err
	}
	return Proposal{against: func(current *apiconn.Authentication) (Change, error) {
		return upload(certificate, current)
	}}, nil
}

// upload is the change that appends certificate to current.
func upload(certificate NewCertificate, current *apiconn.Authentication) (Change, error) {
	if current == nil || current.Type != typeClientCertificate {
		return Change{}, apiconn.Errorf(apiconn.Invalid,
			"A certificate can be uploaded only to a connector that authenticates with certificates already. "+
				"First set its authenticationConfiguration to a #microsoft.graph.%s with PATCH.", typePKCS12)
	}
	others := 0
	for _, c := range current.Certificates {
		if c.Thumbprint != certificate.Thumbprint {
			others++
		}
	}
	if others >= MaxCertificates {
		return Change{}, apiconn.Errorf(apiconn.Invalid,
			"The connector has %d certificates, which is the most it can have. "+
				"PATCH its authenticationConfiguration with a #microsoft.graph.%s: that replaces them all by one.", others, typePKCS12)
	}
	return Change{Type: typeClientCertificate, Certificate: certificate.after(current)}, nil
}

// after returns a copy of c that comes after every certificate of current.
func (c NewCertificate) after(current *apiconn.Authentication) *NewCertificate {
	c.Sequence = 1
	if current != nil {
		for _, old := range current.Certificates {
			c.Sequence = max(c.Sequence, old.Sequence+1)
		}
	}
	return &c
}

// certificate opens the PKCS#12 file in b and checks that it can be used at now.
func (in share) certificate(ctx context.Context, b body, now time.Time) (NewCertificate, error) {
	if err := b.only(typePKCS12, memberPKCS12Value, memberPassword); err != nil {
		return NewCertificate{}, err
	}
	value, _, err := b.text(memberPKCS12Value)
	if err != nil {
		return NewCertificate{}, err
	}
	password, _, err := b.text(memberPassword) // absent and null mean the empty one: PowerShell sends null for it
	if err != nil {
		return NewCertificate{}, err
	}
	if value == "" {
		return NewCertificate{}, b.required(memberPKCS12Value)
	}
	file, err := decodeBase64(value)
	if err != nil {
		return NewCertificate{}, b.about(err)
	}
	identity, err := in.open(ctx, file, password, now)
	if err != nil {
		return NewCertificate{}, b.about(err)
	}
	return identity.certificate(now)
}

// about gives an error about the file or its password the member it is about.
func (b body) about(err error) error {
	e := *apiconn.AsError(err)
	switch {
	case e.Kind != apiconn.Invalid:
	case e.Reason == apiconn.ReasonPKCS12Password:
		e.Field = b.path + memberPassword
	default:
		e.Field = b.path + memberPKCS12Value
	}
	return &e
}
