package signup

import (
	"context"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Sweep closes the connections of connectors whose credential is another one by now, or that have gone. A call does so
// for its own connector; this is for those that nobody calls. It costs one look at the connectors with open connections.
func (s *Service) Sweep(ctx context.Context) error {
	pooled := s.Outbound.Pooled()
	if len(pooled) == 0 {
		return nil
	}
	refs := make([][2]string, 0, len(pooled))
	for connector := range pooled {
		tenant, id, _ := strings.Cut(connector, "/")
		refs = append(refs, [2]string{tenant, id})
	}
	states, err := s.Records.CredentialStates(ctx, refs)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		connector := ref[0] + "/" + ref[1]
		state, there := states[ref]
		version := ""
		if there {
			version = s.version(state.Connector)
		}
		if version != pooled[connector] {
			s.Outbound.Forget(connector, version)
		}
	}
	return nil
}

// version is the version of the credential that a call would take now; "" if there is none.
func (s *Service) version(c apiconn.Connector) string {
	if c.Authentication.Type == apiconn.TypeClientCertificateAuthentication {
		active := c.Authentication.ActiveCertificate(s.Now())
		if active < 0 {
			return ""
		}
		thumbprint := c.Authentication.Certificates[active].Thumbprint
		return certificateVersion(thumbprint, c.Authentication.Sealed[apiconn.CertificateMember(thumbprint)])
	}
	return basicVersion(c.Authentication.Sealed[memberPassword])
}
