package prompt

import (
	"strings"

	"guardhouse/internal/fault"
)

func (e literal) eval(r *run) (value, error) { return e.v, r.step() }

func (e variable) eval(r *run) (value, error) { return r.lookup(e.name), r.step() }

func (e conditional) eval(r *run) (value, error) {
	v, err := e.test.eval(r)
	switch {
	case err != nil:
		return nil, err
	case truth(v):
		return e.then.eval(r)
	case e.other == nil:
		return undefined{}, nil
	}
	return e.other.eval(r)
}

func (e unary) eval(r *run) (value, error) {
	v, err := e.e.eval(r)
	if err != nil {
		return nil, err
	}
	if e.op == "not" {
		return !truth(v), r.step()
	}
	n, ok := number(v)
	if !ok {
		return nil, invalid("- stands before %s", kindOf(v))
	}
	return -n, r.step()
}

func (e binary) eval(r *run) (value, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	a, err := e.a.eval(r)
	if err != nil {
		return nil, err
	}
	if (e.op == "and" && !truth(a)) || (e.op == "or" && truth(a)) {
		return a, nil
	}
	b, err := e.b.eval(r)
	if err != nil {
		return nil, err
	}
	switch e.op {
	case "and", "or":
		return b, nil
	case "==":
		return equal(a, b), r.compared(a, b)
	case "!=":
		return !equal(a, b), r.compared(a, b)
	case "in":
		return r.contains(a, b)
	case "~":
		return r.joined(a, b)
	case "+", "-":
		return r.sum(e.op, a, b)
	}
	return r.ordered(e.op, a, b)
}

// compared spends what a comparison of two texts reads.
func (r *run) compared(a, b value) error {
	x, okA := a.(text)
	y, okB := b.(text)
	if okA && okB && len(x.s) == len(y.s) {
		return r.spend(len(x.s))
	}
	return nil
}

func (r *run) contains(a, b value) (value, error) {
	switch list := b.(type) {
	case []value:
		for _, v := range list {
			if err := r.step(); err != nil {
				return nil, err
			}
			if equal(a, v) {
				return true, r.compared(a, v)
			}
			if err := r.compared(a, v); err != nil {
				return nil, err
			}
		}
		return false, nil
	case text:
		if t, ok := a.(text); ok {
			return strings.Contains(list.s, t.s), r.spend(len(list.s))
		}
	case *record:
		if t, ok := a.(text); ok {
			return t.s == "role" || t.s == "content", nil
		}
	}
	return nil, invalid("in cannot look for %s in %s", kindOf(a), kindOf(b))
}

func (r *run) joined(a, b value) (value, error) {
	x, err := printed(a)
	if err != nil {
		return nil, err
	}
	y, err := printed(b)
	if err != nil {
		return nil, err
	}
	return r.concat(x, y)
}

func (r *run) concat(x, y text) (value, error) {
	if err := r.spend(len(x.s) + len(y.s)); err != nil {
		return nil, err
	}
	if err := r.spend(markWork * (len(x.marks) + len(y.marks))); err != nil {
		return nil, err
	}
	var b builder
	b.add(x)
	b.add(y)
	return b.text(), nil
}

func (r *run) sum(op string, a, b value) (value, error) {
	x, okA := a.(text)
	y, okB := b.(text)
	if okA && okB && op == "+" {
		return r.concat(x, y)
	}
	m, okA := number(a)
	n, okB := number(b)
	if !okA || !okB {
		return nil, invalid("%s stands between %s and %s", op, kindOf(a), kindOf(b))
	}
	if op == "-" {
		n = -n
	}
	if m += n; m > maxNumber || m < -maxNumber {
		return nil, invalid("a number is too large")
	}
	return m, nil
}

func (r *run) ordered(op string, a, b value) (value, error) {
	order := 0
	m, okA := number(a)
	n, okB := number(b)
	x, textA := a.(text)
	y, textB := b.(text)
	switch {
	case okA && okB && m < n:
		order = -1
	case okA && okB && m > n:
		order = 1
	case okA && okB:
	case textA && textB:
		order = strings.Compare(x.s, y.s)
	default:
		return nil, invalid("%s compares %s with %s", op, kindOf(a), kindOf(b))
	}
	switch op {
	case "<":
		return order < 0, nil
	case ">":
		return order > 0, nil
	case "<=":
		return order <= 0, nil
	}
	return order >= 0, nil
}

func (e attribute) eval(r *run) (value, error) {
	v, err := e.e.eval(r)
	if err != nil {
		return nil, err
	}
	return field(v, e.name, r.step())
}

// field answers v.name for the kinds that have fields.
func field(v value, name string, err error) (value, error) {
	switch v := v.(type) {
	case *record:
		return v.get(name), err
	case *space:
		if f, ok := v.fields[name]; ok {
			return f, err
		}
		return undefined{}, err
	case *loop:
		if f, ok := v.get(name); ok {
			return f, err
		}
		return nil, invalid("loop has no %s here", token{kind: tokName, s: name}.word())
	}
	return nil, invalid("%s has no attributes", kindOf(v))
}

func (e spaceCall) eval(r *run) (value, error) {
	n := &space{fields: make(map[string]value, len(e.names))}
	for i, name := range e.names {
		v, err := e.args[i].eval(r)
		if err != nil {
			return nil, err
		}
		if _, nested := v.(*space); nested {
			return nil, invalid("a namespace inside a namespace is not supported")
		}
		n.fields[name] = v
	}
	return n, r.step()
}

const refusesConversation = "the model's chat template refuses this conversation"

// eval of raise_exception ends the rendering: the template does not take this conversation. Its words
// may hold content, so they are not passed on.
func (e raiseCall) eval(r *run) (value, error) {
	if _, err := e.e.eval(r); err != nil {
		return nil, err
	}
	return nil, fault.New(fault.Invalid, refusesConversation)
}

func (e rangeCall) eval(r *run) (value, error) {
	bounds := [2]int64{}
	for i, a := range e.args {
		v, err := a.eval(r)
		if err != nil {
			return nil, err
		}
		n, ok := v.(int64)
		if !ok {
			return nil, invalid("range takes numbers, not %s", kindOf(v))
		}
		bounds[i+2-len(e.args)] = n
	}
	n := bounds[1] - bounds[0]
	if n > maxRange {
		return nil, invalid("range makes more than %d numbers", maxRange)
	}
	list := make([]value, 0, max(n, 0))
	for i := bounds[0]; i < bounds[1]; i++ {
		if err := r.step(); err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	return list, nil
}
