package store

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// maxComparisons bounds a filter: SQLite refuses expressions deeper than 1,000, and nobody writes such a filter by hand.
const maxComparisons = 250

// property is how a Graph property is found in a table. Every column is NOT NULL.
type property struct {
	expression string // the column; of integer microseconds if time
	time       bool
	nullable   bool // the empty text stands for null
}

// resource is a table that can be listed.
type resource struct {
	name       string
	properties map[string]property // by Graph name
	searched   []string            // the columns that Query.Search looks into
}

// query builds a statement's text and collects its parameters.
type query struct {
	dialect     dialect
	resource    resource
	text        strings.Builder
	args        []any
	comparisons int
}

// bind adds a parameter and returns its place in the text. No text from outside enters in any other way.
func (q *query) bind(value any) string {
	q.args = append(q.args, value)
	return "$" + strconv.Itoa(len(q.args))
}

// where returns the condition for tenant's rows that match the filter and the search.
func (q *query) where(tenant string, filter *apiconn.Condition, search string) (string, error) {
	clauses := []string{"tenant_id = " + q.bind(tenant)}
	if filter != nil {
		clause, err := q.condition(filter)
		if err != nil {
			return "", err
		}
		clauses = append(clauses, clause)
	}
	if search != "" {
		parameter := q.bind(search)
		var found []string
		for _, column := range q.resource.searched {
			found = append(found, q.dialect.contains(column, parameter))
		}
		if len(found) == 0 {
			return "", apiconn.Errorf(apiconn.Invalid, "$search is not supported on this resource.")
		}
		clauses = append(clauses, "("+strings.Join(found, " OR ")+")")
	}
	return strings.Join(clauses, " AND "), nil
}

func (q *query) condition(c *apiconn.Condition) (string, error) {
	switch c.Op {
	case apiconn.And, apiconn.Or:
		return q.combination(c)
	case apiconn.Not:
		if len(c.Args) != 1 {
			return "", fmt.Errorf("a filter's not has %d arguments instead of 1", len(c.Args))
		}
		inner, err := q.condition(c.Args[0])
		if err != nil {
			return "", err
		}
		return "NOT (" + inner + ")", nil
	default:
		if q.comparisons++; q.comparisons > maxComparisons {
			return "", apiconn.Invalidf("$filter", "The $filter has more than %d comparisons. Use fewer.", maxComparisons)
		}
		return q.comparison(c)
	}
}

func (q *query) combination(c *apiconn.Condition) (string, error) {
	if len(c.Args) == 0 {
		return "", fmt.Errorf("a filter's %s has no arguments", c.Op)
	}
	var parts []string
	for _, arg := range c.Args {
		part, err := q.condition(arg)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	word := " AND "
	if c.Op == apiconn.Or {
		word = " OR "
	}
	return "(" + strings.Join(parts, word) + ")", nil
}

func (q *query) comparison(c *apiconn.Condition) (string, error) {
	p, err := q.property(c.Property)
	if err != nil {
		return "", err
	}
	if c.Null {
		return null(p, c.Op)
	}
	if c.Op == apiconn.In {
		return q.in(p, c.Values)
	}
	if len(c.Values) != 1 {
		return "", fmt.Errorf("a filter's %s on %s has %d values instead of 1", c.Op, c.Property, len(c.Values))
	}
	value, err := p.value(c.Values[0])
	if err != nil {
		return "", err
	}
	if sign, ok := comparisonSigns[c.Op]; ok {
		return p.expression + sign + q.bind(value), nil
	}
	if p.time {
		return "", fmt.Errorf("a filter has %s on %s, which is a time", c.Op, c.Property)
	}
	parameter := q.bind(value)
	switch c.Op {
	case apiconn.StartsWith:
		return fmt.Sprintf("substr(%s, 1, length(%s)) = %[2]s", p.expression, parameter), nil
	case apiconn.EndsWith:
		// Where the parameter is longer than the column, the engines disagree on what substr gives, but all give less.
		return fmt.Sprintf("substr(%[1]s, length(%[1]s) - length(%[2]s) + 1) = %[2]s", p.expression, parameter), nil
	case apiconn.Contains:
		return q.dialect.contains(p.expression, parameter), nil
	default:
		return "", fmt.Errorf("a filter has the unknown operator %q", c.Op)
	}
}

var comparisonSigns = map[apiconn.Op]string{
	apiconn.Eq: " = ", apiconn.Ne: " <> ", apiconn.Gt: " > ", apiconn.Ge: " >= ", apiconn.Lt: " < ", apiconn.Le: " <= ",
}

// in has a parameter for each value; no value at all matches nothing.
func (q *query) in(p property, values []string) (string, error) {
	if q.comparisons += len(values); q.comparisons > maxComparisons {
		return "", apiconn.Invalidf("$filter", "The $filter has more than %d comparisons. Use fewer.", maxComparisons)
	}
	if len(values) == 0 {
		return "1 = 0", nil
	}
	var parameters []string
	for _, text := range values {
		value, err := p.value(text)
		if err != nil {
			return "", err
		}
		parameters = append(parameters, q.bind(value))
	}
	return p.expression + " IN (" + strings.Join(parameters, ", ") + ")", nil
}

// null compares with null. Any other operator than eq and ne is false then (OData 4.01 URL conventions, section 5.1.1.1).
func null(p property, op apiconn.Op) (string, error) {
	switch {
	case op == apiconn.Eq && p.nullable:
		return p.expression + " = ''", nil
	case op == apiconn.Ne && p.nullable:
		return p.expression + " <> ''", nil
	case op == apiconn.Ne:
		return "1 = 1", nil
	default:
		return "1 = 0", nil
	}
}

// property finds a property by its Graph name. The edge has checked the name, so an unknown one is a fault of ours.
func (q *query) property(name string) (property, error) {
	p, ok := q.resource.properties[name]
	if !ok {
		return property{}, fmt.Errorf("%s cannot be filtered or sorted by the property %q", q.resource.name, name)
	}
	return p, nil
}

// value turns a condition's text into a parameter.
func (p property) value(text string) (any, error) {
	if !p.time {
		return text, nil
	}
	micros, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("a time in a query is not a number of microseconds: %w", err)
	}
	return micros, nil
}
