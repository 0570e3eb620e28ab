package store

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// MaxPage is how many rows a listing returns at the most, whatever it is asked for.
const MaxPage = 1000

// sortTerm is one resolved term of an order.
type sortTerm struct {
	property
	descending bool
}

// sortTerms resolves an order and makes it total by the id, in the direction of the last term.
func (q *query) sortTerms(order []apiconn.Order) ([]sortTerm, error) {
	var terms []sortTerm
	descending := false
	for _, o := range order {
		p, err := q.property(o.Property)
		if err != nil {
			return nil, err
		}
		terms = append(terms, sortTerm{p, o.Descending})
		if o.Property == "id" { // no two rows share it: later terms decide nothing
			return terms, nil
		}
		descending = o.Descending
	}
	return append(terms, sortTerm{q.resource.properties["id"], descending}), nil
}

// orderBy writes the terms as ORDER BY's list; prefix goes before each column.
func orderBy(terms []sortTerm, prefix string) string {
	var parts []string
	for _, t := range terms {
		part := prefix + t.expression
		if t.descending {
			part += " DESC"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// after returns the condition that a row lies behind position, which a Page.Next of the same order gave.
func (q *query) after(terms []sortTerm, position []string) (string, error) {
	if len(position) != len(terms) {
		return "", errPosition
	}
	values := make([]any, len(terms))
	for i, t := range terms {
		value, err := t.value(position[i])
		if err != nil {
			return "", errPosition.Because(err)
		}
		values[i] = value
	}
	uniform := true
	for _, t := range terms {
		uniform = uniform && t.descending == terms[0].descending
	}
	if uniform {
		return q.rowValueAfter(terms, values), nil
	}
	return q.stepwiseAfter(terms, values), nil
}

// errPosition answers a position that no listing of ours gave. It is a table of one: Because copies it.
var errPosition = apiconn.Invalidf("$skiptoken", "The $skiptoken is not valid for this request. Start again from the first page.")

// rowValueAfter is (a, b) > (x, y): an index on (a, b) finds the place at once.
func (q *query) rowValueAfter(terms []sortTerm, values []any) string {
	var columns, parameters []string
	for i, t := range terms {
		columns = append(columns, t.expression)
		parameters = append(parameters, q.bind(values[i]))
	}
	return fmt.Sprintf("(%s) %s (%s)", strings.Join(columns, ", "), beyond(terms[0]), strings.Join(parameters, ", "))
}

// stepwiseAfter is a > x OR (a = x AND b < y), for directions that differ.
func (q *query) stepwiseAfter(terms []sortTerm, values []any) string {
	var equal, cases []string
	for i, t := range terms {
		parameter := q.bind(values[i])
		last := t.expression + " " + beyond(t) + " " + parameter
		cases = append(cases, "("+strings.Join(append(equal[:i:i], last), " AND ")+")")
		equal = append(equal, t.expression+" = "+parameter)
	}
	return "(" + strings.Join(cases, " OR ") + ")"
}

func beyond(t sortTerm) string {
	if t.descending {
		return "<"
	}
	return ">"
}

// rows completes a listing: the condition, the order, and one row more than limit to see whether another page follows.
func (q *query) rows(columns, table, tenant string, ask apiconn.Query) (limit int, terms []sortTerm, err error) {
	limit = ask.Limit
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	where, err := q.where(tenant, ask.Where, ask.Search)
	if err != nil {
		return 0, nil, err
	}
	if terms, err = q.sortTerms(ask.Order); err != nil {
		return 0, nil, err
	}
	if ask.After != nil {
		clause, err := q.after(terms, ask.After)
		if err != nil {
			return 0, nil, err
		}
		where += " AND " + clause
	}
	// The numbers are written out: PostgreSQL would make a plan for each request to see how few rows a parameter asks for.
	fmt.Fprintf(&q.text, "SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT %d", columns, table, where, orderBy(terms, ""), limit+1)
	if ask.Skip > 0 {
		fmt.Fprintf(&q.text, " OFFSET %d", ask.Skip)
	}
	return limit, terms, nil
}

// page cuts rows to limit. position gives a row's value of a Graph property, as Query.After takes it.
func page[T any](rows []T, limit int, order []apiconn.Order, position func(row T, property string) string) apiconn.Page[T] {
	if len(rows) <= limit {
		return apiconn.Page[T]{Items: rows}
	}
	rows = rows[:limit]
	last := rows[limit-1]
	var next []string
	for _, o := range order {
		next = append(next, position(last, o.Property))
		if o.Property == "id" {
			return apiconn.Page[T]{Items: rows, Next: next}
		}
	}
	return apiconn.Page[T]{Items: rows, Next: append(next, position(last, "id"))}
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
