package manage

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

// The activities of changes to applications, as Entra's Core Directory names them.
const (
	activityAddApplication    = "Add application"
	activityUpdateApplication = "Update application"
	activityDeleteApplication = "Delete application"
	activityChangeCredentials = "Update application – Certificates and secrets management"
	activityGrantRole         = "Add app role assignment to service principal"
	activityRevokeRole        = "Remove app role assignment from service principal"
)

// applicationOperations is the operationType of each activity.
var applicationOperations = map[string]string{
	activityAddApplication: "Add", activityUpdateApplication: "Update", activityDeleteApplication: "Delete",
	activityChangeCredentials: "Update", activityGrantRole: "Assign", activityRevokeRole: "Unassign",
}

// CreateApplication registers an application in the caller's tenant, with application permissions by their Graph names.
// It has no credential yet.
func (s *Service) CreateApplication(ctx context.Context, who auth.Caller, displayName string, roles ...string) (apiconn.Application, error) {
	if err := who.Require(auth.Operator); err != nil {
		return apiconn.Application{}, err
	}
	if err := apiconn.ValidateDisplayName(displayName); err != nil {
		return apiconn.Application{}, err
	}
	if err := validateRoles(roles); err != nil {
		return apiconn.Application{}, err
	}
	if err := s.requireTenant(ctx, who); err != nil {
		return apiconn.Application{}, err
	}
	app := apiconn.Application{
		TenantID: who.TenantID, ClientID: uuid.NewString(), ObjectID: uuid.NewString(),
		DisplayName: displayName, Roles: distinct(roles), CreatedAt: s.Now(),
	}
	changes := []apiconn.Modified{{Property: "DisplayName", New: displayName}}
	if len(app.Roles) > 0 {
		changes = append(changes, apiconn.Modified{Property: "AppRoles", New: strings.Join(app.Roles, " ")})
	}
	entry := s.applicationEntry(ctx, who, activityAddApplication, app, changes...)
	if err := s.Store.CreateApplication(ctx, app, entry); err != nil {
		return apiconn.Application{}, err
	}
	return app, nil
}

// ListApplications returns the applications of the caller's tenant, without the hashes of their secrets.
func (s *Service) ListApplications(ctx context.Context, who auth.Caller) ([]apiconn.Application, error) {
	if err := who.Require(auth.Operator); err != nil {
		return nil, err
	}
	apps, err := s.Store.Applications(ctx, who.TenantID)
	for i := range apps {
		apps[i] = withoutHashes(apps[i])
	}
	return apps, err
}

// GetApplication returns one application of the caller's tenant, without the hashes of its secrets.
func (s *Service) GetApplication(ctx context.Context, who auth.Caller, clientID string) (apiconn.Application, error) {
	if err := who.Require(auth.Operator); err != nil {
		return apiconn.Application{}, err
	}
	app, err := s.Store.Application(ctx, who.TenantID, strings.ToLower(clientID))
	return withoutHashes(app), err
}

// RenameApplication changes the display name.
func (s *Service) RenameApplication(ctx context.Context, who auth.Caller, clientID, displayName string) error {
	if err := who.Require(auth.Operator); err != nil {
		return err
	}
	if err := apiconn.ValidateDisplayName(displayName); err != nil {
		return err
	}
	return s.updateApplication(ctx, who, clientID, activityUpdateApplication, func(a *apiconn.Application) ([]apiconn.Modified, error) {
		if a.DisplayName == displayName {
			return nil, nil
		}
		change := apiconn.Modified{Property: "DisplayName", Old: a.DisplayName, New: displayName}
		a.DisplayName = displayName
		return []apiconn.Modified{change}, nil
	})
}

// DeleteApplication removes an application with all its credentials. Tokens that it has stay valid until they expire, an
// hour at the most; RotateSigningKey with revokeOld ends them at once, and everybody else's too.
func (s *Service) DeleteApplication(ctx context.Context, who auth.Caller, clientID string) error {
	if err := who.Require(auth.Operator); err != nil {
		return err
	}
	return s.Store.DeleteApplication(ctx, who.TenantID, strings.ToLower(clientID), func(a apiconn.Application) (apiconn.AuditEntry, error) {
		return s.applicationEntry(ctx, who, activityDeleteApplication, a, apiconn.Modified{Property: "DisplayName", Old: a.DisplayName}), nil
	})
}

// GrantRoles adds application permissions. They are in the next token that the application asks for.
func (s *Service) GrantRoles(ctx context.Context, who auth.Caller, clientID string, roles ...string) error {
	if err := who.Require(auth.Operator); err != nil {
		return err
	}
	return s.changeRoles(ctx, who, clientID, activityGrantRole, roles, func(have []string) []string {
		return distinct(slices.Concat(have, roles))
	})
}

// RevokeRoles takes application permissions away. Tokens that carry them stay valid until they expire.
func (s *Service) RevokeRoles(ctx context.Context, who auth.Caller, clientID string, roles ...string) error {
	if err := who.Require(auth.Operator); err != nil {
		return err
	}
	return s.changeRoles(ctx, who, clientID, activityRevokeRole, roles, func(have []string) []string {
		return slices.DeleteFunc(slices.Clone(have), func(r string) bool { return slices.Contains(roles, r) })
	})
}

func (s *Service) changeRoles(ctx context.Context, who auth.Caller, clientID, activity string, roles []string, change func([]string) []string) error {
	if len(roles) == 0 {
		return apiconn.RequiredValue("roles")
	}
	if err := validateRoles(roles); err != nil {
		return err
	}
	return s.updateApplication(ctx, who, clientID, activity, func(a *apiconn.Application) ([]apiconn.Modified, error) {
		old := a.Roles
		a.Roles = change(old)
		if slices.Equal(old, a.Roles) {
			return nil, nil
		}
		return []apiconn.Modified{{Property: "AppRoles", Old: strings.Join(old, " "), New: strings.Join(a.Roles, " ")}}, nil
	})
}

// updateApplication changes an application of the caller's tenant and writes one audit entry; nothing is written if
// change reports no modification.
func (s *Service) updateApplication(ctx context.Context, who auth.Caller, clientID, activity string,
	change func(*apiconn.Application) ([]apiconn.Modified, error),
) error {
	return s.Store.UpdateApplication(ctx, who.TenantID, strings.ToLower(clientID), func(a *apiconn.Application) (*apiconn.AuditEntry, error) {
		changes, err := change(a)
		if err != nil || len(changes) == 0 {
			return nil, err
		}
		entry := s.applicationEntry(ctx, who, activity, *a, changes...)
		return &entry, nil
	})
}

func (s *Service) applicationEntry(ctx context.Context, who auth.Caller, activity string, a apiconn.Application, changes ...apiconn.Modified) apiconn.AuditEntry {
	return apiconn.AuditEntry{
		TenantID: a.TenantID, ID: uuid.NewString(), At: s.Now(),
		Activity: activity, Category: "ApplicationManagement", Service: "Core Directory", Operation: applicationOperations[activity],
		CorrelationID: apiconn.RequestID(ctx), Actor: who.Actor(),
		Targets: []apiconn.AuditTarget{{ID: a.ObjectID, DisplayName: a.DisplayName, Type: "Application", Modified: changes}},
		Details: []apiconn.KeyValue{{Key: "AppId", Value: a.ClientID}},
	}
}

// requireTenant checks that the caller's tenant exists: the database keeps applications apart by tenant id only.
func (s *Service) requireTenant(ctx context.Context, who auth.Caller) error {
	if who.TenantID == "" {
		return apiconn.RequiredValue("tenant")
	}
	_, err := s.Store.TenantByIDOrName(ctx, who.TenantID)
	return err
}

// validateRoles refuses names that are no application permission.
func validateRoles(roles []string) error {
	for _, role := range roles {
		if _, known := auth.PermissionByName(role); !known {
			names := make([]string, 0, len(auth.Permissions()))
			for _, p := range auth.Permissions() {
				names = append(names, string(p.Permission))
			}
			return apiconn.Invalidf("roles", "There is no application permission '%s'. Use one of %s.", printable(role), strings.Join(names, ", "))
		}
	}
	return nil
}

// distinct returns the words in order, each once.
func distinct(words []string) []string {
	sorted := slices.Sorted(slices.Values(words))
	return slices.Compact(sorted)
}

// withoutHashes drops from an application what nobody needs to see.
func withoutHashes(a apiconn.Application) apiconn.Application {
	a.Credentials = slices.Clone(a.Credentials)
	for i := range a.Credentials {
		a.Credentials[i].Salt, a.Credentials[i].Hash = nil, nil
	}
	return a
}
