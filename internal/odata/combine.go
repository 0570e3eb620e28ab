package odata

import "strconv"

// combine joins two operands by a binary operator that stands at byte offset at.
func (p *filterParser) combine(op Op, left, right operand, at int) (operand, error) {
	switch {
	case op == And || op == Or:
		return p.junction(op, left, right, at)
	case left.expr != nil && right.literal != nil:
		return p.compareCondition(op, left, *right.literal, at)
	case right.expr != nil && left.literal != nil:
		return p.compareCondition(op, right, *left.literal, at)
	case left.property != "" && right.literal != nil:
		return p.comparison(op, left.property, *right.literal, at)
	case right.property != "" && left.literal != nil:
		return p.comparison(mirrored[op], right.property, *left.literal, at)
	default:
		return operand{}, p.fail(Unsupported, "Only a comparison of a property with a constant is supported, unlike the one", at)
	}
}

// junction joins two conditions by and or or, and flattens conditions of the same operator: both are associative.
func (p *filterParser) junction(op Op, left, right operand, at int) (operand, error) {
	e, depth := &Expr{Op: op}, 0
	for _, side := range []operand{left, right} {
		condition, err := p.condition(side)
		if err != nil {
			return operand{}, err
		}
		if condition.Op == op {
			e.Args = append(e.Args, condition.Args...)
			depth = max(depth, side.depth)
		} else {
			e.Args = append(e.Args, condition)
			depth = max(depth, side.depth+1)
		}
	}
	return p.node(e, depth, at)
}

func (p *filterParser) comparison(op Op, property string, value Literal, at int) (operand, error) {
	if value.Kind == NullLiteral && op != Eq && op != Ne {
		return operand{}, p.fail(WrongType, "null can be compared by 'eq' and 'ne' only, not by the operator", at)
	}
	return p.node(&Expr{Op: op, Property: property, Values: []Literal{value}}, 1, at)
}

// compareCondition reads "startswith(…) eq true" and the like, which older clients write: the condition or its negation.
func (p *filterParser) compareCondition(op Op, side operand, value Literal, at int) (operand, error) {
	truth, isBool := value.Bool()
	if !isBool || (op != Eq && op != Ne) {
		return operand{}, p.fail(WrongType, "A condition can be compared with true or false by 'eq' and 'ne' only, unlike the one", at)
	}
	if truth == (op == Eq) {
		return side, nil
	}
	return p.negate(side, at)
}

func (p *filterParser) negate(side operand, at int) (operand, error) {
	condition, err := p.condition(side)
	if err != nil {
		return operand{}, err
	}
	return p.node(&Expr{Op: Not, Args: []*Expr{condition}}, side.depth+1, at)
}

// condition returns the Expr of an operand, or an error if it is a mere property or constant.
func (p *filterParser) condition(side operand) (*Expr, error) {
	if side.expr == nil {
		return nil, p.fail(WrongType, "A condition is expected where there is only a property or a constant", side.start)
	}
	return side.expr, nil
}

// node counts e and makes it an operand.
func (p *filterParser) node(e *Expr, depth, at int) (operand, error) {
	if depth > MaxFilterDepth {
		return operand{}, p.tooDeep(at)
	}
	if p.nodes++; p.nodes > MaxFilterNodes {
		return operand{}, p.fail(Limit, "The node count limit of '"+strconv.Itoa(MaxFilterNodes)+"' has been exceeded", at)
	}
	return operand{expr: e, depth: depth, start: at}, nil
}
