package manage

import (
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/credential"
)

// ConnectorView is a connector as a reader may see it: no secret, sealed or not, is in it.
type ConnectorView struct {
	ID, DisplayName, TargetURL string
	Authentication             AuthenticationShown
	Version                    int64
}

func (s *Service) view(c apiconn.Connector) ConnectorView {
	return ConnectorView{
		ID: c.ID, DisplayName: c.DisplayName, TargetURL: c.TargetURL, Version: c.Version,
		Authentication: credential.Show(c.Authentication, s.Now()),
	}
}

// ConnectorPatch is what a PATCH or a POST gives; nil is absent. Null never gets here: the edge refuses it.
type ConnectorPatch struct {
	DisplayName, TargetURL *string
	Authentication         *AuthenticationGiven
}

// ListConnectors returns a page of the tenant's connectors.
func (s *Service) ListConnectors(ctx context.Context, who auth.Caller, q apiconn.Query) (apiconn.Page[ConnectorView], error) {
	if err := who.Require(auth.APIConnectorsReadAll, auth.APIConnectorsReadWriteAll); err != nil {
		return apiconn.Page[ConnectorView]{}, err
	}
	page, err := s.Store.Connectors(ctx, who.TenantID, q)
	if err != nil {
		return apiconn.Page[ConnectorView]{}, err
	}
	views := make([]ConnectorView, len(page.Items))
	for i, c := range page.Items {
		views[i] = s.view(c)
	}
	return apiconn.Page[ConnectorView]{Items: views, Next: page.Next}, nil
}

// CountConnectors counts the tenant's connectors that meet where; nil counts all.
func (s *Service) CountConnectors(ctx context.Context, who auth.Caller, where *apiconn.Condition) (int64, error) {
	if err := who.Require(auth.APIConnectorsReadAll, auth.APIConnectorsReadWriteAll); err != nil {
		return 0, err
	}
	return s.Store.CountConnectors(ctx, who.TenantID, where)
}

// GetConnector returns one connector of the tenant.
func (s *Service) GetConnector(ctx context.Context, who auth.Caller, id string) (ConnectorView, error) {
	if err := who.Require(auth.APIConnectorsReadAll, auth.APIConnectorsReadWriteAll); err != nil {
		return ConnectorView{}, err
	}
	c, err := s.Store.Connector(ctx, who.TenantID, id)
	if err != nil {
		return ConnectorView{}, err
	}
	return s.view(c), nil
}

// CreateConnector makes a connector; all three members of given are required (contract 8, row 23).
func (s *Service) CreateConnector(ctx context.Context, who auth.Caller, given ConnectorPatch, once Once) (ConnectorView, error) {
	if err := who.Require(auth.APIConnectorsReadWriteAll); err != nil {
		return ConnectorView{}, err
	}
	switch {
	case given.DisplayName == nil:
		return ConnectorView{}, apiconn.RequiredValue("displayName")
	case given.TargetURL == nil:
		return ConnectorView{}, apiconn.RequiredValue("targetUrl")
	case given.Authentication == nil:
		return ConnectorView{}, apiconn.RequiredValue("authenticationConfiguration")
	}
	change, err := s.read(ctx, who.TenantID, given)
	if err != nil {
		return ConnectorView{}, err
	}
	authentication, err := change.Against(nil)
	if err != nil {
		return ConnectorView{}, err
	}
	now := s.Now()
	c := apiconn.Connector{
		TenantID: who.TenantID, ID: uuid.NewString(), DisplayName: *given.DisplayName, TargetURL: *given.TargetURL,
		Version: 1, CreatedAt: now, ChangedAt: now,
	}
	const operation = "create"
	record := s.record(who, operation, once)
	if record != nil {
		record.ResultID = c.ID
	}
	var repeated ConnectorView
	seen := false
	err = s.sealing(ctx, func() error {
		if c.Authentication, err = authentication.Onto(apiconn.Authentication{}, s.sealFor(ctx, c.TenantID, c.ID, c.Version)); err != nil {
			return err
		}
		prior, err := s.Store.CreateConnector(ctx, c, *s.auditEntry(ctx, who, apiconn.ActivityCreateConnector, apiconn.Connector{}, c), record)
		if err != nil || prior == nil {
			return err
		}
		seen = true
		repeated, err = s.repeated(ctx, who, operation, once, prior)
		return err
	})
	if err != nil || seen {
		return repeated, err
	}
	return s.view(c), nil
}

// UpdateConnector changes what patch gives and keeps the rest; a patch that changes nothing writes nothing. It all
// happens in one transaction, so two concurrent updates never mix (contract 2.5).
func (s *Service) UpdateConnector(ctx context.Context, who auth.Caller, id string, patch ConnectorPatch, match Precondition) (ConnectorView, error) {
	if err := who.Require(auth.APIConnectorsReadWriteAll); err != nil {
		return ConnectorView{}, err
	}
	proposal, err := s.read(ctx, who.TenantID, patch)
	if err != nil {
		return ConnectorView{}, err
	}
	return s.change(ctx, who, id, match, Once{}, "update", func(c *apiconn.Connector) error {
		if patch.DisplayName != nil {
			c.DisplayName = *patch.DisplayName
		}
		if patch.TargetURL != nil {
			c.TargetURL = *patch.TargetURL
		}
		if patch.Authentication == nil {
			return nil
		}
		return s.authenticate(ctx, c, proposal)
	})
}

// UploadClientCertificate appends a certificate to a connector that already proves itself by one (contract 2.5).
func (s *Service) UploadClientCertificate(ctx context.Context, who auth.Caller, id string, given AuthenticationGiven, match Precondition, once Once) (ConnectorView, error) {
	if err := who.Require(auth.APIConnectorsReadWriteAll); err != nil {
		return ConnectorView{}, err
	}
	proposal, err := s.Intake.ReadUpload(ctx, who.TenantID, given, s.Now())
	if err != nil {
		return ConnectorView{}, err
	}
	return s.change(ctx, who, id, match, once, "upload/"+id, func(c *apiconn.Connector) error {
		if s.UploadOntoBasic && c.Authentication.Type != apiconn.TypeClientCertificateAuthentication {
			c.Authentication = apiconn.Authentication{Type: apiconn.TypeClientCertificateAuthentication}
		}
		return s.authenticate(ctx, c, proposal)
	})
}

// DeleteConnector removes a connector with everything sealed for it. While a user flow uses it that is a Conflict, unless
// UnlinkOnDelete takes it out of those flows (contract 8, row 31).
func (s *Service) DeleteConnector(ctx context.Context, who auth.Caller, id string, match Precondition) error {
	if err := who.Require(auth.APIConnectorsReadWriteAll); err != nil {
		return err
	}
	return s.Store.DeleteConnector(ctx, who.TenantID, id, func(c apiconn.Connector, users []apiconn.UserFlow) ([]apiconn.AuditEntry, error) {
		if err := match.check("connector", c.Version); err != nil {
			return nil, err
		}
		if len(users) > 0 && !s.UnlinkOnDelete {
			return nil, inUse(users)
		}
		entries := []apiconn.AuditEntry{*s.auditEntry(ctx, who, apiconn.ActivityDeleteConnector, c, apiconn.Connector{})}
		for _, f := range users {
			entries = append(entries, s.userFlowEntry(ctx, who, apiconn.ActivityUpdateUserFlow, f, withoutConnector(f, id)))
		}
		return entries, nil
	})
}

// read checks all of a patch that can be checked without the stored connector, before any transaction: opening a PKCS#12
// file takes its time.
func (s *Service) read(ctx context.Context, tenant string, given ConnectorPatch) (credential.Proposal, error) {
	if given.DisplayName != nil {
		if err := apiconn.ValidateDisplayName(*given.DisplayName); err != nil {
			return credential.Proposal{}, err
		}
	}
	if given.TargetURL != nil {
		if err := apiconn.ValidateTargetURL(*given.TargetURL, s.AllowHTTP); err != nil {
			return credential.Proposal{}, err
		}
		if s.CheckTarget != nil {
			if err := s.CheckTarget(*given.TargetURL); err != nil {
				return credential.Proposal{}, apiconn.Invalidf("targetUrl", "The value of 'targetUrl' cannot be called: %s.", err)
			}
		}
	}
	if given.Authentication == nil {
		return credential.Proposal{}, nil
	}
	return s.Intake.Read(ctx, tenant, *given.Authentication, s.Now())
}

// authenticate lays a proposal over a connector's configuration, sealing what is new for the version it is about to get.
func (s *Service) authenticate(ctx context.Context, c *apiconn.Connector, proposal credential.Proposal) error {
	change, err := proposal.Against(&c.Authentication)
	if err != nil || change.Empty() {
		return err
	}
	c.Authentication, err = change.Onto(c.Authentication, s.sealFor(ctx, c.TenantID, c.ID, c.Version+1))
	return err
}

// change runs apply on a stored connector inside one transaction.
func (s *Service) change(ctx context.Context, who auth.Caller, id string, match Precondition, once Once, operation string, apply func(*apiconn.Connector) error) (ConnectorView, error) {
	record := s.record(who, operation, once)
	if record != nil {
		record.ResultID = id
	}
	var result ConnectorView
	err := s.sealing(ctx, func() error {
		c, prior, err := s.Store.UpdateConnector(ctx, who.TenantID, id, record, func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
			if err := match.check("connector", c.Version); err != nil {
				return nil, err
			}
			before := *c
			if err := apply(c); err != nil {
				return nil, err
			}
			if same(before, *c) {
				return nil, nil
			}
			c.ChangedAt = s.Now()
			return s.auditEntry(ctx, who, apiconn.ActivityUpdateConnector, before, *c), nil
		})
		if err != nil {
			return err
		}
		if prior != nil {
			result, err = s.repeated(ctx, who, operation, once, prior)
			return err
		}
		result = s.view(c)
		return nil
	})
	return result, err
}

// same tells whether nothing that is kept of a connector differs. A secret that was given anew has a new version, so it
// differs even when its value happens to be the old one: nobody here can know.
func same(a, b apiconn.Connector) bool {
	return a.DisplayName == b.DisplayName && a.TargetURL == b.TargetURL &&
		a.Authentication.Type == b.Authentication.Type &&
		maps.Equal(a.Authentication.Open, b.Authentication.Open) &&
		maps.EqualFunc(a.Authentication.Sealed, b.Authentication.Sealed, func(x, y apiconn.Sealed) bool { return x.Version == y.Version }) &&
		slices.Equal(a.Authentication.Certificates, b.Authentication.Certificates)
}
