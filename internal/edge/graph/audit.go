package graph

import (
	"context"
	"net/url"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/odata"
)

// audits is the directoryAudit resource (contract section 6). The newest comes first unless $orderby says otherwise.
var audits = resource{
	path:     "/auditLogs/directoryAudits",
	typeName: "microsoft.graph.directoryAudit",
	properties: []property{
		{name: "id", plain: true},
		{name: "category", plain: true},
		{name: "correlationId", plain: true},
		{name: "result"},
		{name: "resultReason"},
		{name: "activityDisplayName", plain: true},
		{name: "activityDateTime", kind: instant, plain: true},
		{name: "loggedByService", plain: true},
		{name: "operationType", plain: true},
		{name: "initiatedBy"},
		{name: "targetResources"},
		{name: "additionalDetails"},
	},
	order: []apiconn.Order{{Property: "activityDateTime", Descending: true}},
}

func (h *Handler) listAudits(ctx context.Context, c *call) (answer, error) {
	q, err := audits.query(c.options, h.opts.PageSize)
	if err != nil {
		return answer{}, err
	}
	if c.options.Count {
		return answer{}, unsupported("$count")
	}
	chosen, err := audits.selection(c.options)
	if err != nil {
		return answer{}, err
	}
	page, err := h.opts.Manage.ListAuditEntries(ctx, c.caller, q)
	if err != nil {
		return answer{}, err
	}
	entities := make([]odata.Entity, len(page.Items))
	for i, entry := range page.Items {
		entities[i] = auditEntity(c, entry, chosen)
	}
	return audits.listing(c, chosen, nil, page.Next, entities), nil
}

func (h *Handler) getAudit(ctx context.Context, c *call) (answer, error) {
	chosen, err := audits.one(c.options)
	if err != nil {
		return answer{}, err
	}
	entry, err := h.opts.Manage.GetAuditEntry(ctx, c.caller, c.keys[0])
	if err != nil {
		return answer{}, err
	}
	entity := auditEntity(c, entry, chosen)
	entity.ContextURL = audits.context(c, chosen, "/$entity")
	return c.ok(odata.AppendEntity(nil, entity, c.format)), nil
}

func auditEntity(c *call, e apiconn.AuditEntry, chosen []string) odata.Entity {
	return odata.Entity{
		ID:   c.base() + audits.path + "/" + url.PathEscape(e.ID),
		Type: audits.typeName,
		Properties: project([]odata.Property{
			{Name: "id", Value: odata.String(e.ID)},
			{Name: "category", Value: odata.String(e.Category)},
			{Name: "correlationId", Value: orNull(e.CorrelationID)},
			{Name: "result", Value: odata.String("success")},
			{Name: "resultReason", Value: odata.String("")},
			{Name: "activityDisplayName", Value: odata.String(e.Activity)},
			{Name: "activityDateTime", Value: odata.DateTimeOffset(e.At)},
			{Name: "loggedByService", Value: odata.String(e.Service)},
			{Name: "operationType", Value: odata.String(e.Operation)},
			{Name: "initiatedBy", Value: initiatedBy(e.Actor)},
			{Name: "targetResources", Value: targetResources(e.Targets)},
			{Name: "additionalDetails", Value: additionalDetails(e.Details)},
		}, chosen),
	}
}

func initiatedBy(a apiconn.Actor) odata.Complex {
	const declared, app, user = "microsoft.graph.auditActivityInitiator", "microsoft.graph.appIdentity", "microsoft.graph.userIdentity"
	initiator := odata.Complex{Type: declared, Declared: declared, Properties: []odata.Property{{Name: "user"}, {Name: "app"}}}
	if a.UserID != "" {
		initiator.Properties[0].Value = odata.Complex{Type: user, Declared: user, Properties: []odata.Property{
			{Name: "id", Value: odata.String(a.UserID)},
			{Name: "displayName", Value: orNull(a.UserName)},
			{Name: "userPrincipalName", Value: orNull(a.UserPrincipalName)},
			{Name: "ipAddress", Value: orNull(a.IPAddress)},
		}}
		return initiator
	}
	initiator.Properties[1].Value = odata.Complex{Type: app, Declared: app, Properties: []odata.Property{
		{Name: "appId", Value: orNull(a.AppID)},
		{Name: "displayName", Value: orNull(a.AppName)},
		{Name: "servicePrincipalId", Value: orNull(a.ServicePrincipalID)},
		{Name: "servicePrincipalName", Value: nil},
	}}
	return initiator
}

func targetResources(targets []apiconn.AuditTarget) odata.ComplexCollection {
	list := odata.ComplexCollection{Declared: "microsoft.graph.targetResource"}
	for _, t := range targets {
		modified := odata.ComplexCollection{Declared: "microsoft.graph.modifiedProperty"}
		for _, m := range t.Modified {
			modified.Items = append(modified.Items, odata.Complex{Type: modified.Declared, Properties: []odata.Property{
				{Name: "displayName", Value: odata.String(m.Property)},
				{Name: "oldValue", Value: orNull(m.Old)},
				{Name: "newValue", Value: orNull(m.New)},
			}})
		}
		list.Items = append(list.Items, odata.Complex{Type: list.Declared, Properties: []odata.Property{
			{Name: "id", Value: odata.String(t.ID)},
			{Name: "displayName", Value: orNull(t.DisplayName)},
			{Name: "type", Value: orNull(t.Type)},
			{Name: "userPrincipalName"},
			{Name: "groupType"},
			{Name: "modifiedProperties", Value: modified},
		}})
	}
	return list
}

func additionalDetails(details []apiconn.KeyValue) odata.ComplexCollection {
	list := odata.ComplexCollection{Declared: "microsoft.graph.keyValue"}
	for _, d := range details {
		list.Items = append(list.Items, odata.Complex{Type: list.Declared, Properties: []odata.Property{
			{Name: "key", Value: odata.String(d.Key)},
			{Name: "value", Value: orNull(d.Value)},
		}})
	}
	return list
}

// orNull writes an absent text as null.
func orNull(text string) odata.PropertyValue {
	if text == "" {
		return nil
	}
	return odata.String(text)
}
