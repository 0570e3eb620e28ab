package auth

import "slices"

// Permission is a right by the name that tokens carry it under: an application role in roles, a delegated scope in scp.
type Permission string

// The permissions of Microsoft Graph that guard what we serve (contract section 4.1), and ours.
const (
	APIConnectorsReadWriteAll    Permission = "APIConnectors.ReadWrite.All"
	APIConnectorsReadAll         Permission = "APIConnectors.Read.All"
	IdentityUserFlowReadWriteAll Permission = "IdentityUserFlow.ReadWrite.All"
	IdentityUserFlowReadAll      Permission = "IdentityUserFlow.Read.All"
	AuditLogReadAll              Permission = "AuditLog.Read.All"
	// UserFlowsInvokeAll lets an application report sign-up steps; it is Patchbay's own, and no person can delegate it.
	UserFlowsInvokeAll Permission = "UserFlows.Invoke.All"
	// UserFlowInvocationReadAll lets its holder read the receipts of sign-up steps; Patchbay's own too.
	UserFlowInvocationReadAll Permission = "UserFlowInvocation.Read.All"
	// Operator is held by [Local] alone. It is not in the table, so no token can carry it.
	Operator Permission = "Patchbay.Operator"
)

// family groups permissions that the same directory roles stand behind.
type family uint8

const (
	connectorFamily family = iota
	auditFamily
	invokeFamily
	receiptFamily
)

// PermissionFacts is one row of the permission table.
type PermissionFacts struct {
	Permission        Permission
	ApplicationRoleID string // the appRole's id
	DelegatedScopeID  string // the oauth2PermissionScope's id; "" if it cannot be delegated
	family            family
}

// permissions is the table: everything a token can carry. The ids are Microsoft's (contract section 4.1); those of
// UserFlows.Invoke.All and UserFlowInvocation.Read.All are ours.
var permissions = []PermissionFacts{
	{APIConnectorsReadWriteAll, "1dfe531a-24a6-4f1b-80f4-7a0dc5a0a171", "c67b52c5-7c69-48b6-9d48-7b3af3ded914", connectorFamily},
	{APIConnectorsReadAll, "b86848a7-d5b1-41eb-a9b4-54a4e6306e97", "1b6ff35f-31df-4332-8571-d31ea5a4893f", connectorFamily},
	{IdentityUserFlowReadWriteAll, "65319a09-a2be-469d-8782-f6b07debf789", "281892cc-4dbf-4e3a-b6cc-b21029bb4e82", connectorFamily},
	{IdentityUserFlowReadAll, "1b0c317f-dd31-4305-9932-259a8b6e8099", "2903d63d-4611-4d43-99ce-a33f3f52e343", connectorFamily},
	{AuditLogReadAll, "b0afded3-3588-46d8-8b3d-9842eff778da", "e4c9e354-4dc5-45b8-9e7c-e1393b0b1a20", auditFamily},
	{UserFlowsInvokeAll, "5d3c1c0a-6a51-4f0e-9c57-2f8e7b0d4a11", "", invokeFamily},
	{UserFlowInvocationReadAll, "7c0f2b3e-94d1-4f5a-8a36-1d5b9e0c6f42", "a3d84c17-2e6b-4b0d-9f58-60c1e7b2d935", receiptFamily},
}

// Directory roles, by the template id that the wids claim carries (contract section 4.2 and Microsoft's list of built-in roles).
const (
	roleGlobalAdministrator             = "62e90394-69f5-4237-9190-012177145e10"
	roleExternalIDUserFlowAdministrator = "6e591065-9bad-43ed-90f3-e9424366d2f0"
	roleReportsReader                   = "4a5d8f65-41da-4de4-8968-e035b65339cf"
	roleSecurityReader                  = "5d6b6bb7-de71-4623-b4af-96380a352509"
	roleSecurityAdministrator           = "194ae4cb-b126-40b2-bd5b-6091b380977d"
	roleGlobalReader                    = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
)

// DefaultWIDs is the wids claim of every app-only token that Entra issues (contract section 4.3). It proves nothing.
const DefaultWIDs = "0997a1d0-0d1d-4acb-b408-d5ca73121e90"

// directoryRoles says which directory roles a person must hold, any of them, to use a delegated scope of a family.
var directoryRoles = map[family]struct {
	ids   []string
	names string // for messages
}{
	connectorFamily: {
		ids:   []string{roleExternalIDUserFlowAdministrator, roleGlobalAdministrator},
		names: "External ID User Flow Administrator or Global Administrator",
	},
	receiptFamily: {
		ids:   []string{roleExternalIDUserFlowAdministrator, roleGlobalAdministrator},
		names: "External ID User Flow Administrator or Global Administrator",
	},
	auditFamily: {
		ids: []string{
			roleReportsReader, roleSecurityReader, roleSecurityAdministrator, roleGlobalReader, roleGlobalAdministrator,
		},
		names: "Reports Reader, Security Reader, Security Administrator, Global Reader or Global Administrator",
	},
}

// Permissions returns the table of all permissions that a token can carry, in a fixed order.
func Permissions() []PermissionFacts { return slices.Clone(permissions) }

// PermissionByName finds a permission of the table by its exact name.
func PermissionByName(name string) (PermissionFacts, bool) {
	for _, p := range permissions {
		if string(p.Permission) == name {
			return p, true
		}
	}
	return PermissionFacts{}, false
}
