package prompt

// postfix reads attributes, subscripts, filters and tests behind a value.
func (p *parser) postfix(e expression) (expression, error) {
	for n := 0; ; n++ {
		if n > 64 {
			return nil, invalid("an expression is too long")
		}
		var err error
		switch t := p.peek(); {
		case p.sign("."):
			e, err = p.attribute(e)
		case p.sign("["):
			e, err = p.subscript(e)
		case p.sign("|"):
			e, err = p.filter(e)
		case t.kind == tokName && t.s == "is":
			p.take()
			e, err = p.test(e)
		case t.kind == tokSign && t.s == "(":
			return nil, invalid("calls of values are not supported")
		default:
			return e, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) attribute(e expression) (expression, error) {
	name := p.take()
	if err := plainAttribute(name); err != nil {
		return nil, err
	}
	if next := p.peek(); next.kind == tokSign && next.s == "(" {
		if p.chat && method(name.s) {
			p.take()
			args, err := p.arguments()
			if err == nil && len(args) > 1 {
				err = invalid("the method %s() has a wrong number of arguments", name.s)
			}
			return textCall{name.s, e, args}, err
		}
		return nil, invalid("the method %s() is not supported", name.word())
	}
	return attribute{e, name.s}, nil
}

func (p *parser) subscript(e expression) (expression, error) {
	var parts [3]expression
	n, colons := 0, 0
	for {
		switch {
		case p.sign("]"):
			if colons == 0 {
				return p.indexed(e, parts[0])
			}
			return slice{e, parts[0], parts[1], parts[2]}, nil
		case p.sign(":"):
			if colons++; colons > 2 {
				return nil, invalid("a slice has too many parts")
			}
			n = colons
		default:
			if parts[n] != nil {
				return nil, invalid("a subscript is not closed")
			}
			var err error
			if parts[n], err = p.expression(); err != nil {
				return nil, err
			}
		}
	}
}

func (p *parser) indexed(e, at expression) (expression, error) {
	if at == nil {
		return nil, invalid("a subscript is empty")
	}
	if l, ok := at.(literal); ok {
		if s, ok := l.v.(text); ok && (s.s == "" || s.s[0] == '_') {
			return nil, invalid("a subscript that begins with an underscore is not supported")
		}
	}
	return index{e, at}, nil
}

// arity answers the least and greatest number of arguments of the filters that exist.
func arity(filter string) (low, high int, ok bool) {
	switch filter {
	case "trim", "length", "count", "upper", "lower", "first", "last":
		return 0, 0, true
	case "join":
		return 0, 1, true
	case "default", "d":
		return 0, 2, true
	case "replace":
		return 2, 2, true
	}
	return 0, 0, false
}

func (p *parser) filter(e expression) (expression, error) {
	name := p.take()
	low, high, ok := arity(name.s)
	if p.chat && name.s == "tojson" { // stands in branches for tools, which no conversation here has
		low, high, ok = 0, 1, true
	}
	if name.kind != tokName || !ok {
		return nil, invalid("the filter %s is not supported", name.word())
	}
	a := apply{name: name.s, e: e}
	if p.sign("(") {
		var err error
		if a.args, err = p.arguments(); err != nil {
			return nil, err
		}
	}
	if len(a.args) < low || len(a.args) > high {
		return nil, invalid("the filter %s has a wrong number of arguments", name.s)
	}
	return a, nil
}

func (p *parser) test(e expression) (expression, error) {
	c := check{e: e, not: p.name("not")}
	name := p.take()
	switch name.s {
	case "defined", "undefined", "none", "string", "mapping", "iterable":
		c.name = name.s
		return c, nil
	case "true", "false":
		if p.chat {
			c.name = name.s
			return c, nil
		}
	}
	return nil, invalid("the test %s is not supported", name.word())
}
