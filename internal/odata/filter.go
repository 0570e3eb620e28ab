package odata

import (
	"strconv"
	"strings"
)

// The bounds of a $filter.
const (
	MaxFilterDepth  = 50  // levels of and, or, not
	MaxFilterNodes  = 200 // comparisons and operators
	MaxFilterValues = 100 // values of one "in" list
)

// maxNesting bounds the recursion of the parser. Canonical text opens at most two levels (not and its parentheses) for
// each level of the tree, so that String of any accepted Expr is accepted again.
const maxNesting = 2 * MaxFilterDepth

// ParseFilter reads the decoded text of a $filter. Operators, functions and keywords are read in any case (OData 4.01).
// Beyond the standard it reads "not x eq y" as "not (x eq y)", which means the same. Every error is an *Error of Option
// "$filter" with the position at fault: Syntax, Empty, Limit, Unsupported or WrongType.
func ParseFilter(text string) (*Expr, error) {
	if err := checkText("$filter", text); err != nil {
		return nil, err
	}
	p := filterParser{lexer: lexer{text: text}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == endToken {
		return nil, errorf(Empty, "$filter", "Invalid filter clause: The filter is empty. Name a condition or leave the option out.")
	}
	result, err := p.climb(orLevel)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != endToken {
		return nil, p.fail(Syntax, "Syntax error", p.tok.start)
	}
	return p.condition(result)
}

// level is the precedence of a binary operator, weakest first (OData 4.01 URL conventions section 5.1.1.17).
type level uint8

const (
	noLevel level = iota
	orLevel
	andLevel
	equalityLevel
	relationalLevel
	operandLevel
)

var levels = map[Op]level{
	Or: orLevel, And: andLevel, Eq: equalityLevel, Ne: equalityLevel,
	Gt: relationalLevel, Ge: relationalLevel, Lt: relationalLevel, Le: relationalLevel, In: relationalLevel,
}

// mirrored gives each comparison the one that means the same with its sides exchanged.
var mirrored = map[Op]Op{Eq: Eq, Ne: Ne, Gt: Lt, Ge: Le, Lt: Gt, Le: Ge}

// unsupportedOperators are the binary operators of OData that are known and refused by name.
var unsupportedOperators = map[string]bool{"has": true, "add": true, "sub": true, "mul": true, "div": true, "divby": true, "mod": true}

// operand is what a part of the text turned out to be: a condition, a property or a literal.
type operand struct {
	expr     *Expr
	depth    int // of expr
	property string
	literal  *Literal
	start    int
}

// filterParser climbs operator precedence over the tokens of a lexer.
type filterParser struct {
	lexer
	tok     token
	nesting int
	nodes   int
}

func (p *filterParser) advance() (err error) {
	p.tok, err = p.next()
	return err
}

// climb reads operands joined by operators of at least the given level.
func (p *filterParser) climb(lowest level) (operand, error) {
	left, err := p.unary()
	if err != nil {
		return operand{}, err
	}
	for p.tok.kind == nameToken {
		name := strings.ToLower(p.tok.text)
		if unsupportedOperators[name] {
			return operand{}, p.fail(Unsupported, "The operator '"+name+"' is not supported", p.tok.start)
		}
		op, at := Op(name), p.tok.start
		if levels[op] == noLevel || levels[op] < lowest {
			break
		}
		if err := p.advance(); err != nil {
			return operand{}, err
		}
		if op == In {
			left, err = p.list(left, at)
		} else {
			var right operand
			if right, err = p.climb(levels[op] + 1); err == nil {
				left, err = p.combine(op, left, right, at)
			}
		}
		if err != nil {
			return operand{}, err
		}
	}
	return left, nil
}

// unary reads one operand: not, parentheses, a function, a property or a literal.
func (p *filterParser) unary() (operand, error) {
	p.nesting++
	defer func() { p.nesting-- }()
	if p.nesting > maxNesting {
		return operand{}, p.tooDeep(p.tok.start)
	}
	tok := p.tok
	switch tok.kind {
	case openToken:
		return p.parenthesis()
	case literalToken:
		return operand{literal: &tok.literal, start: tok.start}, p.advance()
	case nameToken:
		return p.named()
	case endToken:
		return operand{}, p.fail(Syntax, "Expression expected", tok.start)
	default:
		return operand{}, p.fail(Syntax, "Syntax error", tok.start)
	}
}

func (p *filterParser) parenthesis() (operand, error) {
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	inner, err := p.climb(orLevel)
	if err != nil {
		return operand{}, err
	}
	return inner, p.expect(closeToken, "')' or operator expected")
}

// named reads what begins with a name.
func (p *filterParser) named() (operand, error) {
	tok := p.tok
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	switch keyword := strings.ToLower(tok.text); keyword {
	case "not":
		inner, err := p.climb(equalityLevel)
		if err != nil {
			return operand{}, err
		}
		return p.negate(inner, tok.start)
	case "true", "false":
		return operand{literal: &Literal{BooleanLiteral, keyword}, start: tok.start}, nil
	case "null":
		return operand{literal: &Literal{NullLiteral, keyword}, start: tok.start}, nil
	}
	if p.tok.kind == openToken {
		return p.call(tok)
	}
	return operand{property: tok.text, start: tok.start}, nil
}

// call reads the arguments of the function that tok names: a property and a string.
func (p *filterParser) call(tok token) (operand, error) {
	e := &Expr{Op: Op(strings.ToLower(tok.text))}
	if !e.isFunction() {
		return operand{}, p.fail(Unsupported, "The function '"+clip(tok.text)+"' is not supported", tok.start)
	}
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	first, err := p.unary()
	if err != nil {
		return operand{}, err
	}
	if err := p.expect(commaToken, "',' expected"); err != nil {
		return operand{}, err
	}
	second, err := p.unary()
	if err != nil {
		return operand{}, err
	}
	if err := p.expect(closeToken, "')' expected"); err != nil {
		return operand{}, err
	}
	if first.property == "" {
		return operand{}, p.fail(Unsupported, "The first argument of '"+string(e.Op)+"' must be a property: another is not supported", first.start)
	}
	if second.literal == nil || second.literal.Kind != StringLiteral {
		return operand{}, p.fail(WrongType, "The second argument of '"+string(e.Op)+"' must be a string in single quotes, unlike the one", second.start)
	}
	e.Property, e.Values = first.property, []Literal{*second.literal}
	return p.node(e, 1, tok.start)
}

// list reads the parenthesised values of "in".
func (p *filterParser) list(left operand, at int) (operand, error) {
	if left.property == "" {
		return operand{}, p.fail(WrongType, "The left side of 'in' must be a property, unlike the one", left.start)
	}
	if err := p.expect(openToken, "'(' expected"); err != nil {
		return operand{}, err
	}
	e := &Expr{Op: In, Property: left.property}
	for {
		value, err := p.unary()
		if err != nil {
			return operand{}, err
		}
		if value.literal == nil || value.literal.Kind == NullLiteral {
			return operand{}, p.fail(WrongType, "The values of 'in' must be constants other than null, unlike the one", value.start)
		}
		if len(e.Values) == MaxFilterValues {
			return operand{}, p.fail(Limit, "More than "+strconv.Itoa(MaxFilterValues)+" values in the list of 'in'", value.start)
		}
		e.Values = append(e.Values, *value.literal)
		if p.tok.kind != commaToken {
			break
		}
		if err := p.advance(); err != nil {
			return operand{}, err
		}
	}
	if err := p.expect(closeToken, "')' or ',' expected"); err != nil {
		return operand{}, err
	}
	return p.node(e, 1, at)
}

func (p *filterParser) expect(kind tokenKind, otherwise string) error {
	if p.tok.kind != kind {
		return p.fail(Syntax, otherwise, p.tok.start)
	}
	return p.advance()
}

func (p *filterParser) tooDeep(at int) error {
	return p.fail(Limit, "Recursion depth exceeded allowed limit", at)
}
