package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// personalTenant is the tenant of all personal Microsoft accounts; this API does not serve them (contract section 4.1).
const personalTenant = "9188040d-6c67-4c5b-b112-36a304b66dad"

// callerOf reads the caller from the verified claims of a token of this issuer.
func (i *issuer) callerOf(c claims, extraRoles []string) (Caller, error) {
	if !i.intended(c) {
		return Caller{}, refuse(messageAudience, errors.New("no aud of the token is configured for its issuer"))
	}
	tenant, err := i.tenantOf(c)
	if err != nil {
		return Caller{}, err
	}
	caller := Caller{
		TenantID: tenant,
		AppID:    c.first("appid", "azp", "client_id"),
		AppName:  c.text("app_displayname"),
		ObjectID: c.first("oid", "sub"),
	}
	scopes, delegated := c.list(i.ScopeClaim)
	if !delegated {
		if c.text("idtyp") == "user" {
			return Caller{}, refuse(messageUserType, nil)
		}
		caller.Application = true
		roles, _ := c.list(i.RolesClaim)
		caller.granted = applicationPermissions(roles)
		return caller, nil
	}
	caller.UserID = caller.ObjectID
	caller.UserName = c.text("name")
	caller.UserPrincipalName = c.first("upn", "preferred_username", "unique_name", "email")
	held, _ := c.list(i.DirectoryRolesClaim)
	caller.granted, caller.roleless = delegatedPermissions(scopes, held, extraRoles)
	return caller, nil
}

// intended tells whether one of the token's audiences is ours; a trailing slash is forgiven, because v1 tokens carry the
// resource exactly as the client spelled it (contract section 4.3).
func (i *issuer) intended(c claims) bool {
	return slices.ContainsFunc(c.audiences(), func(aud string) bool {
		return slices.ContainsFunc(i.Audiences, func(ours string) bool {
			return strings.TrimSuffix(aud, "/") == strings.TrimSuffix(ours, "/")
		})
	})
}

// tenantOf returns the tenant that the token speaks for, in its one spelling.
func (i *issuer) tenantOf(c claims) (string, error) {
	raw := i.TenantID
	if raw == "" {
		value, _ := c.lookup(i.TenantClaim)
		raw, _ = value.(string)
	}
	tenant, ok := tenantID(raw)
	switch {
	case !ok:
		return "", refuse(messageTenant, fmt.Errorf("claim %q holds no tenant id", i.TenantClaim))
	case tenant == personalTenant, strings.EqualFold(c.text("tid"), personalTenant):
		return "", refuse(messagePersonal, nil)
	case len(i.Tenants) > 0 && !slices.Contains(i.Tenants, tenant):
		return "", refuse(messageTenant, fmt.Errorf("tenant %s is not allowed for this issuer", tenant))
	}
	return tenant, nil
}

// applicationPermissions keeps the roles that are permissions of the table.
func applicationPermissions(roles []string) []Permission {
	var granted []Permission
	for _, facts := range permissions {
		if slices.Contains(roles, string(facts.Permission)) {
			granted = append(granted, facts.Permission)
		}
	}
	return granted
}

// delegatedPermissions splits scopes into those the person may use, because one of the held directory roles stands
// behind them (contract section 4.2), and those that lack such a role.
func delegatedPermissions(scopes, held, extraRoles []string) (granted, roleless []Permission) {
	for _, facts := range permissions {
		if facts.DelegatedScopeID == "" || !slices.Contains(scopes, string(facts.Permission)) {
			continue
		}
		accepted := directoryRoles[facts.family].ids
		if facts.family == connectorFamily {
			accepted = slices.Concat(accepted, extraRoles)
		}
		if slices.ContainsFunc(held, func(id string) bool { return slices.Contains(accepted, strings.ToLower(id)) }) {
			granted = append(granted, facts.Permission)
		} else {
			roleless = append(roleless, facts.Permission)
		}
	}
	return granted, roleless
}
