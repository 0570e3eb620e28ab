package manage

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

// tenantName is what may stand for a tenant in a URL: a DNS name in lower case.
var tenantName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// reservedTenantNames mean something else in an authority's URLs.
var reservedTenantNames = []string{"common", "organizations", "consumers", "adfs", "beta"}

// CreateTenant makes a tenant that the local authority issues tokens for. The name is a DNS-like name that may stand for
// the id in authority URLs; an empty id is made up. Give the id to take over a tenant known from elsewhere.
func (s *Service) CreateTenant(ctx context.Context, who auth.Caller, name, id string) (apiconn.Tenant, error) {
	if err := who.Require(auth.Operator); err != nil {
		return apiconn.Tenant{}, err
	}
	name, id = strings.ToLower(strings.TrimSpace(name)), strings.ToLower(strings.TrimSpace(id))
	if id == "" {
		id = uuid.NewString()
	}
	if !isGUID(id) {
		return apiconn.Tenant{}, apiconn.Invalidf("id", "The tenant id '%s' is not a GUID. Give one such as 3f1c2d4e-0000-4000-8000-0123456789ab, or none to have one made.", printable(id))
	}
	const longest = 253 // of a DNS name
	switch {
	case name == "":
		return apiconn.Tenant{}, apiconn.RequiredValue("name")
	case len(name) > longest || !tenantName.MatchString(name) || isGUID(name) || slices.Contains(reservedTenantNames, name):
		return apiconn.Tenant{}, apiconn.Invalidf("name", "The tenant name '%s' cannot stand in a URL. Use a DNS name such as contoso.example.", printable(name))
	}
	tenant := apiconn.Tenant{ID: id, Name: name, CreatedAt: s.Now()}
	if err := s.Store.CreateTenant(ctx, tenant); err != nil {
		return apiconn.Tenant{}, err
	}
	return tenant, nil
}

// ListTenants returns all tenants by name.
func (s *Service) ListTenants(ctx context.Context, who auth.Caller) ([]apiconn.Tenant, error) {
	if err := who.Require(auth.Operator); err != nil {
		return nil, err
	}
	return s.Store.Tenants(ctx)
}

// GetTenant finds a tenant by id or name, in any case.
func (s *Service) GetTenant(ctx context.Context, who auth.Caller, idOrName string) (apiconn.Tenant, error) {
	if err := who.Require(auth.Operator); err != nil {
		return apiconn.Tenant{}, err
	}
	return s.Store.TenantByIDOrName(ctx, strings.ToLower(strings.TrimSpace(idOrName)))
}

// isGUID tells whether s is a GUID in its hyphenated spelling, in lower case.
func isGUID(s string) bool {
	id, err := uuid.Parse(s)
	return err == nil && id.String() == s
}
