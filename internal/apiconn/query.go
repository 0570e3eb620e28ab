package apiconn

// Query is what a listing asks for, already resolved to properties of one resource: the edge parses, the store answers.
type Query struct {
	Where  *Condition // nil: everything
	Order  []Order    // the store appends the id, so that every order is total
	Skip   int
	Limit  int      // rows to return at the most; 0: the store's own maximum
	After  []string // keyset position from Page.Next; its values belong to Order and the id
	Search string
}

// Order is one $orderby term.
type Order struct {
	Property   string // the Graph name
	Descending bool
}

// Op is an operator of a Condition.
type Op string

// The operators. And, Or and Not take Args; all others compare Property with Values.
const (
	And        Op = "and"
	Or         Op = "or"
	Not        Op = "not"
	Eq         Op = "eq"
	Ne         Op = "ne"
	Gt         Op = "gt"
	Ge         Op = "ge"
	Lt         Op = "lt"
	Le         Op = "le"
	In         Op = "in"
	StartsWith Op = "startswith"
	EndsWith   Op = "endswith"
	Contains   Op = "contains"
)

// Condition is a node of a filter. Comparisons are ordinal on strings (by code point) and by instant on times, whose
// values are integer microseconds since 1970 in decimal.
type Condition struct {
	Op       Op
	Args     []*Condition
	Property string   // the Graph name
	Values   []string // one value; for In any number
	Null     bool     // for Eq and Ne: compare with null instead of Values
}

// Page is one page of a listing.
type Page[T any] struct {
	Items []T
	Next  []string // keyset position of the next page; nil: this was the last
}
