package auth

import (
	"fmt"
	"slices"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Caller is who asks: an application, a person through an application, or the operator at the machine. Its permissions
// cannot be set from outside this package; they come of a verified token or of [Local], and [Caller.Limit] takes away.
type Caller struct {
	TenantID string // lower case; the partition all data of the call lies in

	AppID    string // client id
	AppName  string
	ObjectID string // oid: of the service principal or the user

	UserID            string // "" for an application
	UserName          string
	UserPrincipalName string

	Application bool   // app-only: no person behind the call
	IPAddress   string // set by the edge

	granted  []Permission // what the caller may use
	roleless []Permission // delegated scopes that lack the directory role they need
	local    bool
}

// localName is how the audit shows the operator at the machine.
const localName = "Patchbay local operator"

// Local is the operator at the machine: whoever can run the binary on the data. It holds every permission, [Operator]
// included, in no tenant until WithTenant names one.
func Local() Caller {
	c := Caller{AppName: localName, Application: true, local: true, granted: []Permission{Operator}}
	for _, p := range permissions {
		c.granted = append(c.granted, p.Permission)
	}
	return c
}

// WithTenant returns the local operator acting in a tenant. On any other caller it changes nothing: a token's tenant is
// not for choosing.
func (c Caller) WithTenant(id string) Caller {
	if c.local {
		c.TenantID = strings.ToLower(id)
	}
	return c
}

// Limit returns the caller with no more than the named permissions. It never adds one.
func (c Caller) Limit(to ...Permission) Caller {
	keep := func(have []Permission) []Permission {
		var kept []Permission
		for _, p := range have {
			if slices.Contains(to, p) {
				kept = append(kept, p)
			}
		}
		return kept
	}
	c.granted, c.roleless = keep(c.granted), keep(c.roleless)
	return c
}

// Permissions returns what the caller may use.
func (c Caller) Permissions() []Permission { return slices.Clone(c.granted) }

// Actor is the caller as the audit names it.
func (c Caller) Actor() apiconn.Actor {
	a := apiconn.Actor{AppID: c.AppID, AppName: c.AppName, IPAddress: c.IPAddress}
	if c.Application {
		a.ServicePrincipalID = c.ObjectID
		return a
	}
	a.UserID, a.UserName, a.UserPrincipalName = c.UserID, c.UserName, c.UserPrincipalName
	return a
}

// Require returns nil if the caller holds any of the permissions, else an apiconn.Forbidden error that names those that
// would do (contract section 2.7: the live 403 of a GET names both Read.All and ReadWrite.All). The connector family
// fails with apiconn.ReasonConnectorPermission, for which Graph has a code of its own.
func (c Caller) Require(anyOf ...Permission) error {
	lacksRole := false
	for _, p := range anyOf {
		if slices.Contains(c.granted, p) {
			return nil
		}
		lacksRole = lacksRole || slices.Contains(c.roleless, p)
	}
	if slices.Contains(anyOf, Operator) {
		return apiconn.Errorf(apiconn.Forbidden, "This operation is only for the operator at the machine; no token allows it.")
	}
	return c.refusal(anyOf, lacksRole)
}

// refusal words the Forbidden error for permissions the caller does not hold.
func (c Caller) refusal(anyOf []Permission, lacksRole bool) *apiconn.Error {
	names := make([]string, len(anyOf))
	var fam family
	connector := false
	for i, p := range anyOf {
		names[i] = string(p)
		if facts, known := PermissionByName(string(p)); known {
			fam = facts.family
			connector = connector || fam == connectorFamily
		}
	}
	e := &apiconn.Error{Kind: apiconn.Forbidden}
	if connector {
		e.Reason = apiconn.ReasonConnectorPermission
	}
	switch {
	case lacksRole:
		e.Message = fmt.Sprintf("The signed-in user does not hold a directory role that this operation needs. Assign %s to the user.", directoryRoles[fam].names)
	case c.Application:
		e.Message = fmt.Sprintf("The application does not have any of the required application permissions (%s) to access the resource.", strings.Join(names, ", "))
	default:
		e.Message = fmt.Sprintf("The application does not have any of the required delegated permissions (%s) to access the resource.", strings.Join(names, ", "))
	}
	return e
}
