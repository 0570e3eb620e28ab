package signup

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/credential"
	"github.com/patchbay/patchbay/internal/outbound"
	"github.com/patchbay/patchbay/internal/seal"
)

// errNoValidCertificate: each of a connector's certificates has expired or is not valid yet. Its text is for people.
var errNoValidCertificate = errors.New("no certificate of the connector is valid now")

// errCredentialAbsent: the connector has no secret where its type wants one.
var errCredentialAbsent = errors.New("the credential is not there")

// levelDamaged is the severity of a credential that does not open: somebody changed the database.
const levelDamaged = slog.LevelError

// damaged names the value for the log.
func damaged(r *run, err error) []slog.Attr {
	return []slog.Attr{
		slog.String("request_id", r.receipt.CorrelationID), slog.String("invocation_id", r.receipt.ID),
		slog.String("tenant_id", r.receipt.TenantID), slog.String("connector_id", r.receipt.ConnectorID),
		slog.String("error", err.Error()),
	}
}

// The member that holds a Basic password, and the one that holds the user name.
const (
	memberPassword = "password"
	memberUsername = "username"
)

// credential opens what a call to c proves itself with. Of several certificates it is the newest upload that is valid
// now, chosen for each call (contract 2.5, runtime contract 5.6).
func (s *Service) credential(ctx context.Context, c apiconn.Connector) (outbound.Credential, error) {
	if c.Authentication.Type == apiconn.TypeClientCertificateAuthentication {
		return s.certificate(ctx, c)
	}
	sealed, found := c.Authentication.Sealed[memberPassword]
	if c.Authentication.Type != apiconn.TypeBasicAuthentication || !found {
		return outbound.Credential{}, fmt.Errorf("%w: type %s", errCredentialAbsent, c.Authentication.Type)
	}
	username := c.Authentication.Open[memberUsername]
	password, err := s.open(ctx, c, memberPassword, sealed)
	if err != nil {
		return outbound.Credential{Username: username}, err
	}
	return outbound.Credential{
		Version: basicVersion(sealed), Username: username, Password: credential.NewSecret(password),
	}, nil
}

func (s *Service) certificate(ctx context.Context, c apiconn.Connector) (outbound.Credential, error) {
	active := c.Authentication.ActiveCertificate(s.Now())
	if active < 0 {
		return outbound.Credential{}, noneValid(c.Authentication.Certificates, s.Now())
	}
	thumbprint := c.Authentication.Certificates[active].Thumbprint
	member := apiconn.CertificateMember(thumbprint)
	sealed, found := c.Authentication.Sealed[member]
	if !found {
		return outbound.Credential{Thumbprint: thumbprint}, fmt.Errorf("%w: %s", errCredentialAbsent, member)
	}
	pair, err := s.pair(ctx, c, member, sealed)
	if err != nil {
		return outbound.Credential{Thumbprint: thumbprint}, err
	}
	return outbound.Credential{Version: certificateVersion(thumbprint, sealed), Certificate: pair, Thumbprint: thumbprint}, nil
}

// basicVersion is the credential version of a password.
func basicVersion(sealed apiconn.Sealed) string { return fmt.Sprintf("basic/%d", sealed.Version) }

// certificateVersion is the credential version of a certificate: it changes when another one is chosen or the same is
// uploaded again.
func certificateVersion(thumbprint string, sealed apiconn.Sealed) string {
	return fmt.Sprintf("certificate/%s/%d", thumbprint, sealed.Version)
}

// noneValid says why there is no certificate to call with.
func noneValid(all []apiconn.Certificate, now time.Time) error {
	if len(all) == 0 {
		return fmt.Errorf("%w: it has none. Upload one", errNoValidCertificate)
	}
	last := all[len(all)-1]
	for _, c := range all {
		if c.Sequence > last.Sequence {
			last = c
		}
	}
	if now.Before(last.NotBefore) {
		return fmt.Errorf("%w: the newest, %s, becomes valid on %s. Upload one that is valid", errNoValidCertificate,
			last.Thumbprint, last.NotBefore.UTC().Format(time.RFC3339))
	}
	return fmt.Errorf("%w: the newest, %s, expired on %s. Upload one that is valid", errNoValidCertificate,
		last.Thumbprint, last.NotAfter.UTC().Format(time.RFC3339))
}

// pair opens a certificate and its key, or finds them opened. They are remembered by their ciphertext: a row that was
// changed is opened anew, and fails.
func (s *Service) pair(ctx context.Context, c apiconn.Connector, member string, sealed apiconn.Sealed) (*tls.Certificate, error) {
	name := sha256.Sum256(append(lengths(c.TenantID, c.ID, member, fmt.Sprint(sealed.Version), fmt.Sprint(sealed.KeyID)), sealed.Ciphertext...))
	if pair, found := s.pairs.GetIfPresent(name); found {
		return pair, nil
	}
	stored, err := s.open(ctx, c, member, sealed)
	if err != nil {
		return nil, err
	}
	pair, err := credential.ParseStored(credential.NewSecret(stored))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errCredentialAbsent, member, err)
	}
	s.pairs.Set(name, &pair)
	return &pair, nil
}

func (s *Service) open(ctx context.Context, c apiconn.Connector, member string, sealed apiconn.Sealed) ([]byte, error) {
	return s.Opener.Open(ctx, seal.Owner{Tenant: c.TenantID, ID: c.ID, Member: member, Version: sealed.Version},
		seal.Box{KeyID: sealed.KeyID, Ciphertext: sealed.Ciphertext})
}
