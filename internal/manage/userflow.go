package manage

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

// UserFlowGiven is what a POST or a PATCH gives of a user flow; nil is absent.
type UserFlowGiven struct {
	ID                    *string // with the prefix of the kind or without it; POST only
	Type                  *string
	TypeVersion           *float32
	LanguageCustomization *bool
	DefaultLanguage       *string           // "" for none
	ConnectorIDs          map[string]string // by the name of a step; "" unlinks it
}

// ListUserFlows returns a page of the tenant's user flows of a kind.
func (s *Service) ListUserFlows(ctx context.Context, who auth.Caller, kind apiconn.UserFlowKind, q apiconn.Query) (apiconn.Page[apiconn.UserFlow], error) {
	if err := who.Require(auth.IdentityUserFlowReadAll, auth.IdentityUserFlowReadWriteAll); err != nil {
		return apiconn.Page[apiconn.UserFlow]{}, err
	}
	return s.Store.UserFlows(ctx, who.TenantID, kind, q)
}

// CountUserFlows counts the tenant's user flows of a kind that meet where; nil counts all.
func (s *Service) CountUserFlows(ctx context.Context, who auth.Caller, kind apiconn.UserFlowKind, where *apiconn.Condition) (int64, error) {
	if err := who.Require(auth.IdentityUserFlowReadAll, auth.IdentityUserFlowReadWriteAll); err != nil {
		return 0, err
	}
	return s.Store.CountUserFlows(ctx, who.TenantID, kind, where)
}

// GetUserFlow returns one user flow of the tenant.
func (s *Service) GetUserFlow(ctx context.Context, who auth.Caller, kind apiconn.UserFlowKind, id string) (apiconn.UserFlow, error) {
	if err := who.Require(auth.IdentityUserFlowReadAll, auth.IdentityUserFlowReadWriteAll); err != nil {
		return apiconn.UserFlow{}, err
	}
	return s.Store.UserFlow(ctx, who.TenantID, kind, id)
}

// CreateUserFlow makes a user flow; id, type and version are required (contract 2.8).
func (s *Service) CreateUserFlow(ctx context.Context, who auth.Caller, kind apiconn.UserFlowKind, given UserFlowGiven, once Once) (apiconn.UserFlow, error) {
	if err := who.Require(auth.IdentityUserFlowReadWriteAll); err != nil {
		return apiconn.UserFlow{}, err
	}
	switch {
	case given.ID == nil:
		return apiconn.UserFlow{}, apiconn.RequiredValue("id")
	case given.Type == nil:
		return apiconn.UserFlow{}, apiconn.RequiredValue("userFlowType")
	case given.TypeVersion == nil:
		return apiconn.UserFlow{}, apiconn.RequiredValue("userFlowTypeVersion")
	}
	id, err := apiconn.UserFlowID(kind, *given.ID)
	if err != nil {
		return apiconn.UserFlow{}, err
	}
	now := s.Now()
	f := apiconn.UserFlow{
		TenantID: who.TenantID, Kind: kind, ID: id, Type: *given.Type, TypeVersion: *given.TypeVersion,
		ConnectorIDs: map[string]string{}, Version: 1, CreatedAt: now, ChangedAt: now,
	}
	given.onto(&f)
	if err := f.Validate(); err != nil {
		return apiconn.UserFlow{}, err
	}
	operation := "create/" + string(kind)
	record := s.record(who, operation, once)
	prior, err := s.Store.CreateUserFlow(ctx, f, s.userFlowEntry(ctx, who, apiconn.ActivityCreateUserFlow, apiconn.UserFlow{}, f), record)
	if err != nil || prior == nil {
		return f, err
	}
	if err := s.matching(ctx, operation, once, prior); err != nil {
		return apiconn.UserFlow{}, err
	}
	return s.Store.UserFlow(ctx, who.TenantID, kind, prior.ResultID)
}

// UpdateUserFlow changes what given has and keeps the rest. Type and version stay what they are: a client that read,
// changed and writes back may send them along.
func (s *Service) UpdateUserFlow(ctx context.Context, who auth.Caller, kind apiconn.UserFlowKind, id string, given UserFlowGiven, match Precondition) (apiconn.UserFlow, error) {
	if err := who.Require(auth.IdentityUserFlowReadWriteAll); err != nil {
		return apiconn.UserFlow{}, err
	}
	return s.changeUserFlow(ctx, who, kind, id, match, func(f *apiconn.UserFlow) error {
		if given.Type != nil && *given.Type != f.Type {
			return apiconn.Invalidf("userFlowType", "The property 'userFlowType' cannot be changed. Leave it out, or create another user flow.")
		}
		if given.TypeVersion != nil && *given.TypeVersion != f.TypeVersion {
			return apiconn.Invalidf("userFlowTypeVersion", "The property 'userFlowTypeVersion' cannot be changed. Leave it out, or create another user flow.")
		}
		given.onto(f)
		return f.Validate()
	})
}

// DeleteUserFlow removes a user flow; the connectors it called stay.
func (s *Service) DeleteUserFlow(ctx context.Context, who auth.Caller, kind apiconn.UserFlowKind, id string, match Precondition) error {
	if err := who.Require(auth.IdentityUserFlowReadWriteAll); err != nil {
		return err
	}
	return s.Store.DeleteUserFlow(ctx, who.TenantID, kind, id, func(f apiconn.UserFlow) (apiconn.AuditEntry, error) {
		if err := match.check("user flow", f.Version); err != nil {
			return apiconn.AuditEntry{}, err
		}
		return s.userFlowEntry(ctx, who, apiconn.ActivityDeleteUserFlow, f, apiconn.UserFlow{}), nil
	})
}

// LinkedConnectors returns a user flow's connectors by step. Reading them needs the permission to write (contract 2.8).
func (s *Service) LinkedConnectors(ctx context.Context, who auth.Caller, kind apiconn.UserFlowKind, id string) (map[string]ConnectorView, error) {
	if err := who.Require(auth.IdentityUserFlowReadWriteAll); err != nil {
		return nil, err
	}
	_, bound, err := s.Store.UserFlowConnectors(ctx, who.TenantID, kind, id)
	if err != nil {
		return nil, err
	}
	views := make(map[string]ConnectorView, len(bound))
	for step, c := range bound {
		views[step] = s.view(c)
	}
	return views, nil
}

// LinkedConnector returns the connector of one step. NotFound if there is none.
func (s *Service) LinkedConnector(ctx context.Context, who auth.Caller, kind apiconn.UserFlowKind, id, step string) (ConnectorView, error) {
	views, err := s.LinkedConnectors(ctx, who, kind, id)
	if err != nil {
		return ConnectorView{}, err
	}
	view, linked := views[step]
	if !linked {
		return ConnectorView{}, notLinked(id, step)
	}
	return view, nil
}

// LinkConnector makes a step of a user flow call a connector of the same tenant; an empty connector makes it call none.
// It answers a link that is there already, or a missing one that is taken away, without writing anything.
func (s *Service) LinkConnector(ctx context.Context, who auth.Caller, kind apiconn.UserFlowKind, id, step, connector string, match Precondition) error {
	if err := who.Require(auth.IdentityUserFlowReadWriteAll); err != nil {
		return err
	}
	_, err := s.changeUserFlow(ctx, who, kind, id, match, func(f *apiconn.UserFlow) error {
		UserFlowGiven{ConnectorIDs: map[string]string{step: connector}}.onto(f)
		return nil
	})
	return err
}

// UnlinkConnector makes a step of a user flow call no connector. NotFound if it calls none.
func (s *Service) UnlinkConnector(ctx context.Context, who auth.Caller, kind apiconn.UserFlowKind, id, step string, match Precondition) error {
	if err := who.Require(auth.IdentityUserFlowReadWriteAll); err != nil {
		return err
	}
	_, err := s.changeUserFlow(ctx, who, kind, id, match, func(f *apiconn.UserFlow) error {
		if f.ConnectorIDs[step] == "" {
			return notLinked(id, step)
		}
		delete(f.ConnectorIDs, step)
		return nil
	})
	return err
}

// onto lays what is given over a flow.
func (g UserFlowGiven) onto(f *apiconn.UserFlow) {
	if g.LanguageCustomization != nil {
		f.LanguageCustomization = *g.LanguageCustomization
	}
	if g.DefaultLanguage != nil {
		f.DefaultLanguage = *g.DefaultLanguage
	}
	for step, connector := range g.ConnectorIDs {
		f.ConnectorIDs[step] = connector
		if connector == "" {
			delete(f.ConnectorIDs, step)
		}
	}
}

// changeUserFlow runs apply on a stored flow inside one transaction; a change of nothing writes nothing.
func (s *Service) changeUserFlow(ctx context.Context, who auth.Caller, kind apiconn.UserFlowKind, id string, match Precondition, apply func(*apiconn.UserFlow) error) (apiconn.UserFlow, error) {
	return s.Store.UpdateUserFlow(ctx, who.TenantID, kind, id, func(f *apiconn.UserFlow) (*apiconn.AuditEntry, error) {
		if err := match.check("user flow", f.Version); err != nil {
			return nil, err
		}
		before := *f
		before.ConnectorIDs = maps.Clone(f.ConnectorIDs)
		if err := apply(f); err != nil {
			return nil, err
		}
		entry := s.userFlowEntry(ctx, who, apiconn.ActivityUpdateUserFlow, before, *f)
		if len(entry.Targets[0].Modified) == 0 {
			return nil, nil
		}
		return &entry, nil
	})
}

func withoutConnector(f apiconn.UserFlow, connector string) apiconn.UserFlow {
	f.ConnectorIDs = maps.Clone(f.ConnectorIDs)
	maps.DeleteFunc(f.ConnectorIDs, func(_, id string) bool { return id == connector })
	return f
}

func notLinked(id, step string) error {
	return apiconn.Errorf(apiconn.NotFound, "The step '%s' of the user flow '%s' has no API connector. Link one to it first.", step, id)
}

// maxNamed is how many user flows an error names.
const maxNamed = 10

// inUse refuses to delete a connector, naming the flows that use it.
func inUse(users []apiconn.UserFlow) error {
	var names []string
	for _, f := range users[:min(len(users), maxNamed)] {
		names = append(names, "'"+f.ID+"'")
	}
	list := strings.Join(names, ", ")
	if more := len(users) - maxNamed; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return apiconn.Errorf(apiconn.Conflict, "The API connector is used by these user flows: %s. Unlink it there first.", list)
}
