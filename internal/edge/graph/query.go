package graph

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/odata"
)

// resource is what the query options may name of one resource.
type resource struct {
	path       string // behind the version's root: "/identity/apiConnectors"
	typeName   string // "microsoft.graph.identityApiConnector"
	properties []property
	order      []apiconn.Order // unless $orderby says otherwise
}

// property is one property of a resource.
type property struct {
	name  string
	kind  propertyKind
	plain bool // may be filtered and sorted by
}

// propertyKind is the type that a property is compared as.
type propertyKind uint8

const (
	text propertyKind = iota
	instant
)

// find matches a name without regard to case, as DSC relies on ("DisplayName eq …", contract 3.3).
func (res resource) find(name string) (property, bool) {
	i := slices.IndexFunc(res.properties, func(p property) bool { return strings.EqualFold(p.name, name) })
	if i < 0 {
		return property{}, false
	}
	return res.properties[i], true
}

func (res resource) unknown(prefix, option, name string) error {
	e := odata.UnknownPropertyError(option, name, res.typeName)
	e.Message = prefix + e.Message
	return e
}

// unsupported is Graph's refusal of a query option that this resource does not take.
func unsupported(option string) *problem {
	return &problem{status: http.StatusBadRequest, code: "Request_UnsupportedQuery", message: "The query option '" + option + "' is not supported on this resource. Leave it out."}
}

// check refuses the options that never apply to a resource, and those that apply to collections only where item is set.
func (res resource) check(o odata.Options, item bool) error {
	if o.Has("$expand") {
		return &problem{
			status: http.StatusBadRequest, code: "ExpandNotSupported",
			message: "Expand is not supported on type '" + res.typeName + "': it has no navigation property. Leave $expand out.",
		}
	}
	if o.Has("$search") {
		return unsupported("$search")
	}
	if _, err := res.selection(o); err != nil { // before a write is carried out, not when its answer is written
		return err
	}
	if !item {
		return nil
	}
	for _, option := range []string{"$filter", "$orderby", "$top", "$skip", "$count", "$skiptoken"} {
		if o.Has(option) {
			return badRequest("The query specified in the URI is not valid. The query option '" + option + "' applies to collections only.")
		}
	}
	return nil
}

// one checks the options of an operation that answers with one entity, before anything is done, and returns its selection.
func (res resource) one(o odata.Options) ([]string, error) {
	if err := res.check(o, true); err != nil {
		return nil, err
	}
	return res.selection(o)
}

// query translates the options of a listing.
func (res resource) query(o odata.Options, pageSize int) (apiconn.Query, error) {
	q := apiconn.Query{Limit: pageSize, Order: res.order}
	if err := res.check(o, false); err != nil {
		return q, err
	}
	if o.Top != nil {
		q.Limit = *o.Top
	}
	if o.Skip != nil {
		q.Skip = *o.Skip
	}
	if len(o.OrderBy) > 0 {
		q.Order = nil
	}
	for _, term := range o.OrderBy {
		p, ok := res.find(term.Property)
		if !ok {
			return q, res.unknown("Invalid orderby clause: ", "$orderby", term.Property)
		}
		if !p.plain {
			return q, &problem{status: http.StatusBadRequest, code: "Request_UnsupportedQuery", message: "Sorting by the property '" + p.name + "' is not supported."}
		}
		q.Order = append(q.Order, apiconn.Order{Property: p.name, Descending: term.Descending})
	}
	var err error
	if q.Where, err = res.where(o.Filter); err != nil {
		return q, err
	}
	if !o.Has("$skiptoken") {
		return q, nil
	}
	if q.After, err = odata.DecodeSkipToken(o.SkipToken); err != nil {
		return q, err
	}
	return q, res.checkPosition(q)
}

// checkPosition makes sure that a position belongs to the order it is used with: a value for each term, and the id, which
// ends the order wherever it is named because nothing can follow it.
func (res resource) checkPosition(q apiconn.Query) error {
	terms := len(q.Order)
	if i := slices.IndexFunc(q.Order, func(o apiconn.Order) bool { return o.Property == "id" }); i >= 0 {
		terms = i
	}
	ok := len(q.After) == terms+1
	for i := 0; ok && i < terms; i++ {
		if p, _ := res.find(q.Order[i].Property); p.kind == instant {
			_, err := strconv.ParseInt(q.After[i], 10, 64)
			ok = err == nil
		}
	}
	if !ok {
		return badRequest("The $skiptoken does not belong to this query. Follow @odata.nextLink as it was given, or start again without it.")
	}
	return nil
}

// where translates a filter, resolving its names and checking its types.
func (res resource) where(e *odata.Expr) (*apiconn.Condition, error) {
	if e == nil {
		return nil, nil
	}
	c := &apiconn.Condition{Op: apiconn.Op(e.Op)}
	if len(e.Args) > 0 {
		for _, arg := range e.Args {
			translated, err := res.where(arg)
			if err != nil {
				return nil, err
			}
			c.Args = append(c.Args, translated)
		}
		return c, nil
	}
	p, ok := res.find(e.Property)
	if !ok {
		return nil, res.unknown("Invalid filter clause: ", "$filter", e.Property)
	}
	if !p.plain {
		return nil, &problem{status: http.StatusBadRequest, code: "Request_UnsupportedQuery", message: "Filtering by the property '" + p.name + "' is not supported."}
	}
	c.Property = p.name
	for _, literal := range e.Values {
		if literal.Kind == odata.NullLiteral && (e.Op == odata.Eq || e.Op == odata.Ne) {
			c.Null = true
			continue
		}
		value, ok := p.value(literal)
		if !ok || (p.kind != text && (e.Op == odata.StartsWith || e.Op == odata.EndsWith || e.Op == odata.Contains)) {
			return nil, badRequest(fmt.Sprintf("Invalid filter clause: the operator '%s' cannot be applied to the property '%s' and the value given. Compare it with %s.", e.Op, p.name, p.kind.example()))
		}
		c.Values = append(c.Values, value)
	}
	return c, nil
}

// value converts a literal to the form in which the property is compared. A GUID may stand without quotes.
func (p property) value(l odata.Literal) (string, bool) {
	if p.kind == instant {
		at, ok := l.Time()
		return strconv.FormatInt(at.UnixMicro(), 10), ok
	}
	return l.Text, l.Kind == odata.StringLiteral || l.Kind == odata.GUIDLiteral
}

func (k propertyKind) example() string {
	if k == instant {
		return "a time such as 2026-01-02T03:04:05Z, by eq, ne, gt, ge, lt, le or in"
	}
	return "a string in single quotes"
}

// selection is the properties that $select leaves, by their own names; nil is all of them.
func (res resource) selection(o odata.Options) ([]string, error) {
	var chosen []string
	for _, name := range o.Select {
		if name == "*" {
			return nil, nil
		}
		p, ok := res.find(name)
		if !ok {
			return nil, res.unknown("Parsing OData Select and Expand failed: ", "$select", name)
		}
		if !slices.Contains(chosen, p.name) {
			chosen = append(chosen, p.name)
		}
	}
	return chosen, nil
}

// project keeps the chosen properties of an entity.
func project(properties []odata.Property, chosen []string) []odata.Property {
	if chosen == nil {
		return properties
	}
	return slices.DeleteFunc(properties, func(p odata.Property) bool { return !slices.Contains(chosen, p.Name) })
}

// within is the resource under another path, unless that is "".
func (res resource) within(path string) resource {
	res.path = cmp.Or(path, res.path)
	return res
}

// context is the context URL of a listing, or of one entity where suffix is "/$entity" (contract 2.2 and 3.3).
func (res resource) context(c *call, chosen []string, suffix string) string {
	selected := ""
	if chosen != nil {
		selected = "(" + strings.Join(chosen, ",") + ")"
	}
	return c.base() + "/$metadata#" + strings.TrimPrefix(res.path, "/") + selected + suffix
}

// listing renders a page: its entities, the count where it was asked for, and the link to the next page.
func (res resource) listing(c *call, chosen []string, count *int64, next []string, entities []odata.Entity) answer {
	link := ""
	if next != nil {
		link = c.base() + res.path + "?" + odata.NextQuery(c.query, odata.EncodeSkipToken(next))
	}
	return c.ok(odata.AppendCollection(nil, res.context(c, chosen, ""), count, link, entities, c.format))
}
