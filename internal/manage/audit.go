package manage

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

// ListAuditEntries returns a page of the tenant's directory audit.
func (s *Service) ListAuditEntries(ctx context.Context, who auth.Caller, q apiconn.Query) (apiconn.Page[apiconn.AuditEntry], error) {
	if err := who.Require(auth.AuditLogReadAll); err != nil {
		return apiconn.Page[apiconn.AuditEntry]{}, err
	}
	return s.Store.AuditEntries(ctx, who.TenantID, q)
}

// GetAuditEntry returns one entry of the tenant's directory audit.
func (s *Service) GetAuditEntry(ctx context.Context, who auth.Caller, id string) (apiconn.AuditEntry, error) {
	if err := who.Require(auth.AuditLogReadAll); err != nil {
		return apiconn.AuditEntry{}, err
	}
	return s.Store.AuditEntry(ctx, who.TenantID, id)
}

// operations is the operationType of each activity.
var operations = map[string]string{
	apiconn.ActivityCreateConnector: "Add",
	apiconn.ActivityUpdateConnector: "Update",
	apiconn.ActivityDeleteConnector: "Delete",
	apiconn.ActivityCreateUserFlow:  "Add",
	apiconn.ActivityUpdateUserFlow:  "Update",
	apiconn.ActivityDeleteUserFlow:  "Delete",
}

// auditEntry describes a change of a connector from before to after; a zero Connector is "not there".
func (s *Service) auditEntry(ctx context.Context, who auth.Caller, activity string, before, after apiconn.Connector) *apiconn.AuditEntry {
	subject := after
	if subject.ID == "" {
		subject = before
	}
	entry := s.entry(ctx, who, activity, apiconn.AuditTarget{
		ID: subject.ID, DisplayName: subject.DisplayName, Type: "IdentityApiConnector",
		Modified: modified(auditFacts(before), auditFacts(after)),
	})
	return &entry
}

// userFlowEntry describes a change of a user flow from before to after; a zero UserFlow is "not there".
func (s *Service) userFlowEntry(ctx context.Context, who auth.Caller, activity string, before, after apiconn.UserFlow) apiconn.AuditEntry {
	subject := after
	if subject.ID == "" {
		subject = before
	}
	return s.entry(ctx, who, activity, apiconn.AuditTarget{
		ID: subject.ID, DisplayName: subject.ID, Type: "IdentityUserFlow", // a user flow has no other name
		Modified: modified(userFlowFacts(before), userFlowFacts(after)),
	})
}

func (s *Service) entry(ctx context.Context, who auth.Caller, activity string, target apiconn.AuditTarget) apiconn.AuditEntry {
	return apiconn.AuditEntry{
		TenantID: who.TenantID, ID: uuid.NewString(), At: s.Now(),
		Activity: activity, Category: "ResourceManagement", Service: "B2C", Operation: operations[activity],
		CorrelationID: apiconn.RequestID(ctx), Actor: who.Actor(), Targets: []apiconn.AuditTarget{target},
	}
}

// fact is one property as an audit entry shows it. mark differs whenever the property was set anew, also
// where the shown value is only a mask.
type fact struct{ property, shown, mark string }

func auditFacts(c apiconn.Connector) []fact {
	if c.ID == "" {
		return nil
	}
	const configuration = "authenticationConfiguration/"
	facts := []fact{
		{"displayName", c.DisplayName, c.DisplayName},
		{"targetUrl", apiconn.RedactQuery(c.TargetURL), c.TargetURL},
		{configuration + "@odata.type", c.Authentication.Type, c.Authentication.Type},
	}
	for name, value := range c.Authentication.Open {
		facts = append(facts, fact{configuration + name, value, value})
	}
	for name, sealed := range c.Authentication.Sealed {
		if !strings.HasPrefix(name, apiconn.CertificateMember("")) {
			facts = append(facts, fact{configuration + name, apiconn.Mask, strconv.FormatInt(sealed.Version, 10)})
		}
	}
	if len(c.Authentication.Certificates) > 0 {
		thumbprints := make([]string, len(c.Authentication.Certificates))
		for i, certificate := range c.Authentication.Certificates {
			thumbprints[i] = certificate.Thumbprint
		}
		list := strings.Join(thumbprints, ",")
		facts = append(facts, fact{configuration + "certificateList", list, list})
	}
	slices.SortStableFunc(facts[3:], func(a, b fact) int { return strings.Compare(a.property, b.property) })
	return facts
}

func userFlowFacts(f apiconn.UserFlow) []fact {
	if f.ID == "" {
		return nil
	}
	version := strconv.FormatFloat(float64(f.TypeVersion), 'g', -1, 32)
	facts := []fact{{"userFlowType", f.Type, f.Type}, {"userFlowTypeVersion", version, version}}
	if f.Kind == apiconn.B2C {
		enabled := strconv.FormatBool(f.LanguageCustomization)
		facts = append(facts, fact{"isLanguageCustomizationEnabled", enabled, enabled})
	}
	if f.DefaultLanguage != "" {
		facts = append(facts, fact{"defaultLanguageTag", f.DefaultLanguage, f.DefaultLanguage})
	}
	for _, step := range apiconn.Steps {
		if id := f.ConnectorIDs[step.Name]; id != "" {
			facts = append(facts, fact{"apiConnectorConfiguration/" + step.Name, id, id})
		}
	}
	return facts
}

// modified lists the properties that differ, in the order of their names' first appearance.
func modified(before, after []fact) []apiconn.Modified {
	var changes []apiconn.Modified
	for _, a := range after {
		i := slices.IndexFunc(before, func(b fact) bool { return b.property == a.property })
		switch {
		case i < 0:
			changes = append(changes, apiconn.Modified{Property: a.property, New: a.shown})
		case before[i].mark != a.mark:
			changes = append(changes, apiconn.Modified{Property: a.property, Old: before[i].shown, New: a.shown})
		}
	}
	for _, b := range before {
		if !slices.ContainsFunc(after, func(a fact) bool { return a.property == b.property }) {
			changes = append(changes, apiconn.Modified{Property: b.property, Old: b.shown})
		}
	}
	return changes
}
