package prompt

import "slices"

// parser reads tokens by recursive descent; depth bounds the recursion.
type parser struct {
	tokens []token
	at     int
	depth  int
	chat   bool // see compile
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.kind != tokEnd {
		p.at++
	}
	return t
}

// sign takes the sign s if it is next.
func (p *parser) sign(s string) bool {
	if t := p.peek(); t.kind == tokSign && t.s == s {
		p.at++
		return true
	}
	return false
}

// name takes the name s if it is next.
func (p *parser) name(s string) bool {
	if t := p.peek(); t.kind == tokName && t.s == s {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(s string) error {
	if p.sign(s) {
		return nil
	}
	return invalid("%q is missing before %q", s, p.peek().word())
}

func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return invalid("it is nested deeper than %d levels", maxDepth)
	}
	return nil
}

// statements reads up to the end or up to a block that closes or continues the one around it.
func (p *parser) statements() ([]statement, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	var out []statement
	for {
		switch t := p.peek(); t.kind {
		case tokEnd:
			return out, nil
		case tokData:
			p.take()
			out = append(out, dataStmt{t.s})
		case tokOpenValue:
			p.take()
			e, err := p.expression()
			if err != nil {
				return nil, err
			}
			if p.take().kind != tokCloseValue {
				return nil, invalid("a {{ }} holds more than one expression")
			}
			out = append(out, printStmt{e})
		default:
			word := p.tokens[min(p.at+1, len(p.tokens)-1)]
			if word.kind == tokName && slices.Contains([]string{"elif", "else", "endif", "endfor"}, word.s) {
				p.at++
				return out, nil
			}
			s, err := p.block()
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
	}
}

func (p *parser) block() (statement, error) {
	p.take()
	t := p.take()
	switch {
	case t.kind == tokName && t.s == "if":
		return p.ifBlock()
	case t.kind == tokName && t.s == "for":
		return p.forBlock()
	case t.kind == tokName && t.s == "set":
		return p.setBlock()
	}
	return nil, invalid("the block {%% %s %%} is not supported", t.word())
}

func (p *parser) close() error {
	if t := p.take(); t.kind != tokCloseBlock {
		return invalid("%q is not expected in a block", t.word())
	}
	return nil
}

func (p *parser) ifBlock() (statement, error) {
	var s ifStmt
	var err error
	if s.test, err = p.expression(); err != nil {
		return nil, err
	}
	if err = p.close(); err != nil {
		return nil, err
	}
	if s.then, err = p.statements(); err != nil {
		return nil, err
	}
	switch t := p.take(); {
	case t.kind == tokName && t.s == "endif":
		return s, p.close()
	case t.kind == tokName && t.s == "elif":
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer func() { p.depth-- }()
		next, err := p.ifBlock()
		s.rest = []statement{next}
		return s, err
	case t.kind == tokName && t.s == "else":
		if err := p.close(); err != nil {
			return nil, err
		}
		if s.rest, err = p.statements(); err != nil {
			return nil, err
		}
		if !p.name("endif") {
			return nil, invalid("an if block is not closed")
		}
		return s, p.close()
	}
	return nil, invalid("an if block is not closed")
}

func (p *parser) forBlock() (statement, error) {
	var s forStmt
	var err error
	name := p.take()
	if name.kind != tokName || !p.name("in") {
		return nil, invalid("only loops of the form {%% for name in list %%} are supported")
	}
	s.name = name.s
	if s.list, err = p.or(); err != nil {
		return nil, err
	}
	if p.name("if") {
		if s.filter, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if p.name("recursive") {
		return nil, invalid("recursive loops are not supported")
	}
	if err = p.close(); err != nil {
		return nil, err
	}
	if s.body, err = p.statements(); err != nil {
		return nil, err
	}
	if p.name("else") {
		if err = p.close(); err != nil {
			return nil, err
		}
		if s.empty, err = p.statements(); err != nil {
			return nil, err
		}
	}
	if !p.name("endfor") {
		return nil, invalid("a for block is not closed")
	}
	return s, p.close()
}

func (p *parser) setBlock() (statement, error) {
	name := p.take()
	if name.kind != tokName {
		return nil, invalid("a set block names no variable")
	}
	s := setStmt{name: name.s}
	if p.sign(".") {
		field := p.take()
		if err := plainAttribute(field); err != nil {
			return nil, err
		}
		s.field = field.s
	}
	if !p.sign("=") {
		return nil, invalid("only set blocks of the form {%% set name = value %%} are supported")
	}
	var err error
	if s.e, err = p.expression(); err != nil {
		return nil, err
	}
	return s, p.close()
}

// plainAttribute refuses what is no name, and names that begin with an underscore: in the reference
// they lead into the interpreter (threat M5).
func plainAttribute(t token) error {
	if t.kind != tokName {
		return invalid("an attribute has no name")
	}
	if t.s[0] == '_' {
		return invalid("the attribute %s is not supported", t.word())
	}
	return nil
}
