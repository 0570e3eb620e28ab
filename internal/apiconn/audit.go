package apiconn

import "time"

// The activities of a directory audit entry that we write (contract section 6; spelling decided in section 8, row 21).
const (
	ActivityCreateConnector = "Create Api connector"
	ActivityUpdateConnector = "Update Api connector"
	ActivityDeleteConnector = "Delete Api connector"
	ActivityCreateUserFlow  = "Create user flow"
	ActivityUpdateUserFlow  = "Update user flow"
	ActivityDeleteUserFlow  = "Delete user flow"
)

// AuditEntry is one change, written in the transaction of the change (Graph: directoryAudit). It never holds a secret.
type AuditEntry struct {
	TenantID      string
	ID            string
	At            time.Time
	Activity      string // activityDisplayName
	Category      string // e.g. ResourceManagement
	Service       string // loggedByService, e.g. B2C
	Operation     string // operationType: Add, Update, Delete
	CorrelationID string // the request id
	Actor         Actor
	Targets       []AuditTarget
	Details       []KeyValue // additionalDetails
}

// Actor is who made a change: an application, or a user through one.
type Actor struct {
	AppID, AppName     string
	ServicePrincipalID string
	UserID, UserName   string // "" for an application
	UserPrincipalName  string
	IPAddress          string
}

// AuditTarget is what a change was made to.
type AuditTarget struct {
	ID, DisplayName, Type string
	Modified              []Modified
}

// Modified is one changed property. Secrets appear as "******" only.
type Modified struct {
	Property, Old, New string
}

// KeyValue is an additional detail.
type KeyValue struct {
	Key, Value string
}
