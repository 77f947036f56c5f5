package prompt

import "slices"

// expression reads a conditional: a if test else b.
func (p *parser) expression() (expression, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	e, err := p.or()
	for err == nil && p.name("if") {
		c := conditional{then: e}
		if c.test, err = p.or(); err != nil {
			return nil, err
		}
		if p.name("else") {
			if c.other, err = p.expression(); err != nil {
				return nil, err
			}
		}
		e = c
	}
	return e, err
}

func (p *parser) or() (expression, error) {
	e, err := p.and()
	for n := 0; err == nil && p.name("or"); n++ {
		e, err = p.pair(n, "or", e, p.and)
	}
	return e, err
}

func (p *parser) and() (expression, error) {
	e, err := p.not()
	for n := 0; err == nil && p.name("and"); n++ {
		e, err = p.pair(n, "and", e, p.not)
	}
	return e, err
}

// pair reads the right side of an operator. A chain of n is a tree of depth n: it is bounded so that
// evaluation does not recurse without end.
func (p *parser) pair(n int, op string, left expression, next func() (expression, error)) (expression, error) {
	if n > 256 {
		return nil, invalid("an expression is too long")
	}
	right, err := next()
	return binary{op, left, right}, err
}

func (p *parser) not() (expression, error) {
	if !p.name("not") {
		return p.compare()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	e, err := p.not()
	return unary{"not", e}, err
}

func (p *parser) compare() (expression, error) {
	e, err := p.sum()
	if err != nil {
		return nil, err
	}
	t := p.peek()
	switch {
	case t.kind == tokSign && slices.Contains([]string{"==", "!=", "<", ">", "<=", ">="}, t.s):
		p.take()
		e, err = p.pair(0, t.s, e, p.sum)
	case t.kind == tokName && t.s == "in":
		p.take()
		e, err = p.pair(0, "in", e, p.sum)
	case t.kind == tokName && t.s == "not" && p.at+1 < len(p.tokens) && p.tokens[p.at+1].s == "in":
		p.at += 2
		if e, err = p.pair(0, "in", e, p.sum); err == nil {
			e = unary{"not", e}
		}
	default:
		return e, nil
	}
	if t := p.peek(); t.kind == tokSign && slices.Contains([]string{"==", "!=", "<", ">", "<=", ">="}, t.s) {
		return nil, invalid("chained comparisons are not supported")
	}
	return e, err
}

func (p *parser) sum() (expression, error) {
	e, err := p.join()
	for n := 0; err == nil; n++ {
		switch {
		case p.sign("+"):
			e, err = p.pair(n, "+", e, p.join)
		case p.sign("-"):
			e, err = p.pair(n, "-", e, p.join)
		default:
			return e, nil
		}
	}
	return e, err
}

func (p *parser) join() (expression, error) {
	e, err := p.signed()
	for n := 0; err == nil && p.sign("~"); n++ {
		e, err = p.pair(n, "~", e, p.signed)
	}
	if t := p.peek(); err == nil && t.kind == tokSign && slices.Contains([]string{"*", "/", "//", "%", "**"}, t.s) {
		return nil, invalid("the operator %s is not supported", t.s)
	}
	return e, err
}

func (p *parser) signed() (expression, error) {
	if p.sign("-") {
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer func() { p.depth-- }()
		e, err := p.signed()
		return unary{"-", e}, err
	}
	if p.sign("+") {
		return nil, invalid("the sign + before a value is not supported")
	}
	e, err := p.primary()
	if err != nil {
		return nil, err
	}
	return p.postfix(e)
}

func (p *parser) primary() (expression, error) {
	t := p.take()
	switch {
	case t.kind == tokText:
		for p.peek().kind == tokText {
			t.s += p.take().s
		}
		return literal{text{s: t.s}}, nil
	case t.kind == tokNumber:
		return literal{t.n}, nil
	case t.kind == tokName:
		return p.named(t)
	case t.kind == tokSign && t.s == "(":
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		return e, p.expect(")")
	case t.kind == tokSign && (t.s == "[" || t.s == "{"):
		return nil, invalid("list and dictionary literals are not supported")
	}
	return nil, invalid("a value is missing before %q", t.word())
}

func (p *parser) named(t token) (expression, error) {
	switch t.s {
	case "true", "True":
		return literal{true}, nil
	case "false", "False":
		return literal{false}, nil
	case "none", "None":
		return literal{nil}, nil
	}
	if t.s[0] == '_' {
		return nil, invalid("the name %s is not supported", t.word())
	}
	if next := p.peek(); next.kind == tokSign && next.s == "(" {
		return p.call(t)
	}
	return variable{t.s}, nil
}

// call reads the three functions that exist.
func (p *parser) call(t token) (expression, error) {
	p.take()
	switch t.s {
	case "namespace":
		return p.namespace()
	case "raise_exception":
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		return raiseCall{e}, p.expect(")")
	case "range":
		args, err := p.arguments()
		if err == nil && (len(args) < 1 || len(args) > 2) {
			err = invalid("range takes one or two numbers")
		}
		return rangeCall{args}, err
	}
	return nil, invalid("the function %s is not supported", t.word())
}

func (p *parser) namespace() (expression, error) {
	var c spaceCall
	for !p.sign(")") {
		name := p.take()
		if err := plainAttribute(name); err != nil {
			return nil, err
		}
		if err := p.expect("="); err != nil {
			return nil, err
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		c.names, c.args = append(c.names, name.s), append(c.args, e)
		if len(c.names) > 64 {
			return nil, invalid("a namespace has too many names")
		}
		if !p.sign(",") && p.peek().s != ")" {
			return nil, invalid("a namespace is not closed")
		}
	}
	return c, nil
}

// arguments reads expressions up to the closing bracket.
func (p *parser) arguments() ([]expression, error) {
	var out []expression
	for !p.sign(")") {
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		if out = append(out, e); len(out) > 4 {
			return nil, invalid("a call has too many arguments")
		}
		if !p.sign(",") && p.peek().s != ")" {
			return nil, invalid("a call is not closed")
		}
	}
	return out, nil
}
