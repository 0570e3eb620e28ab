package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// personalTenant is the tenant of all personal Microsoft accounts; this API does not serve them (contract section 4.1).
const personalTenant = "9188040d-6c67-4c5b-b112-36a304b66dad"

// callerOf reads the caller from the verified claims of a token of this issuer:
//
//   - What is not an access token is refused: see notAccessToken.
//   - A token must name its application, as RFC 9068 section 2.2 and both versions of Entra's tokens do.
//   - A token with the scope claim is delegated. One without it is an application's, unless it tells of a person: then it
//     is refused, because its roles are what the person may do, not what an application was granted. See personClaim.
func (i *issuer) callerOf(c claims, extraRoles []string) (Caller, error) {
	if cause := c.notAccessToken(); cause != nil {
		return Caller{}, refuse(messageNotAccess, cause)
	}
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
	if caller.AppID == "" {
		return Caller{}, refuse(messageNoApp, nil)
	}
	scopes, delegated := c.list(i.ScopeClaim)
	if !delegated {
		if c.text("idtyp") == "user" {
			return Caller{}, refuse(messageUserType, nil)
		}
		if name := c.personClaim(caller.AppID); name != "" {
			return Caller{}, refuse(messageUserType, fmt.Errorf("claim %q tells of a person, and there is no scope claim %q", name, i.ScopeClaim))
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

// notAccessToken says why a token is an ID token or a refresh token, whose signature, issuer and often audience are those
// of an access token; nil if nothing says so. nonce, at_hash and c_hash are claims of ID tokens (OpenID Connect Core
// sections 2 and 3.3.2.11); typ is how Keycloak tells its kinds of token apart in the payload.
func (c claims) notAccessToken() error {
	if name := c.present("nonce", "at_hash", "c_hash"); name != "" {
		return fmt.Errorf("claim %q belongs to an ID token", name)
	}
	switch kind := c.text("typ"); strings.ToLower(kind) {
	case "id", "refresh", "offline":
		return fmt.Errorf("claim typ is %q", kind)
	}
	return nil
}

// personClaim returns the claim that shows that somebody signed in for this token; "" if none does. Many issuers write
// scope into every token, so that it says nothing; a session or a user's name does.
//
// Keycloak gives a client's own account a user's name too, and on demand a session. Such a token is the application's: it
// is named service-account-{client id}, and has either no session or the client_id (clientId in old releases) that only
// the client_credentials grant writes. A person who took that name has a session without it.
func (c claims) personClaim(appID string) string {
	session := c.present("sid", "session_state")
	if strings.EqualFold(c.text("preferred_username"), "service-account-"+appID) &&
		(session == "" || c.text("client_id") == appID || c.text("clientId") == appID) {
		return ""
	}
	if session != "" {
		return session
	}
	return c.present("upn", "preferred_username", "unique_name", "email")
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
