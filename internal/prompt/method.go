package prompt

import "strings"

// method says which of Python's methods of texts a chat model's template may call.
func method(name string) bool {
	switch name {
	case "startswith", "endswith", "strip", "lstrip", "rstrip", "split":
		return true
	}
	return false
}

func (e textCall) eval(r *run) (value, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	v, err := e.e.eval(r)
	if err != nil {
		return nil, err
	}
	t, ok := v.(text)
	if !ok {
		return nil, invalid("%s() is asked of %s", e.name, kindOf(v))
	}
	var arg *text
	for _, a := range e.args {
		v, err := a.eval(r)
		if err != nil {
			return nil, err
		}
		s, ok := v.(text)
		if !ok {
			return nil, invalid("%s() takes a text, not %s", e.name, kindOf(v))
		}
		arg = &s
	}
	work := len(t.s) + markWork*len(t.marks)
	if arg != nil {
		work += len(arg.s)
	}
	if err := r.spend(work); err != nil {
		return nil, err
	}
	return e.call(r, t, arg)
}

func (e textCall) call(r *run, t text, arg *text) (value, error) {
	if arg == nil && (e.name == "startswith" || e.name == "endswith" || e.name == "split") {
		return nil, invalid("%s() needs a text", e.name)
	}
	switch e.name {
	case "startswith":
		return strings.HasPrefix(t.s, arg.s), nil
	case "endswith":
		return strings.HasSuffix(t.s, arg.s), nil
	case "split":
		return r.split(t, arg.s)
	}
	edge := blank
	if arg != nil {
		among := map[rune]bool{} // looking through the argument for each character would cost one text times the other
		for _, c := range arg.s {
			among[c] = true
		}
		edge = func(c rune) bool { return among[c] }
	}
	from, to := 0, len(t.s)
	if e.name != "rstrip" {
		from = len(t.s) - len(strings.TrimLeftFunc(t.s, edge))
	}
	if e.name != "lstrip" {
		to = max(from, len(strings.TrimRightFunc(t.s, edge)))
	}
	return t.cut(from, to), nil
}

// split answers the parts of t between separators. Each part looks at all marks.
func (r *run) split(t text, separator string) (value, error) {
	if separator == "" {
		return nil, invalid("split() needs a text that is not empty")
	}
	var parts []value
	for from := 0; ; {
		if err := r.step(); err != nil {
			return nil, err
		}
		if err := r.spend(markWork * len(t.marks)); err != nil {
			return nil, err
		}
		i := strings.Index(t.s[from:], separator)
		if i < 0 {
			return append(parts, t.cut(from, len(t.s))), nil
		}
		parts = append(parts, t.cut(from, from+i))
		from += i + len(separator)
	}
}
