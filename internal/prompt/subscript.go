package prompt

import "unicode/utf8"

func (e index) eval(r *run) (value, error) {
	v, err := e.e.eval(r)
	if err != nil {
		return nil, err
	}
	at, err := e.at.eval(r)
	if err != nil {
		return nil, err
	}
	if name, ok := at.(text); ok {
		if _, isText := v.(text); isText {
			return undefined{}, r.step()
		}
		return field(v, name.s, r.step())
	}
	i, ok := at.(int64)
	if !ok {
		return nil, invalid("a subscript is %s", kindOf(at))
	}
	switch v := v.(type) {
	case []value:
		if i < 0 {
			i += int64(len(v))
		}
		if i < 0 || i >= int64(len(v)) {
			return undefined{}, r.step()
		}
		return v[i], r.step()
	case text:
		n := int64(utf8.RuneCountInString(v.s))
		if i < 0 {
			i += n
		}
		if i < 0 || i >= n {
			return undefined{}, r.step()
		}
		from := offset(v.s, i)
		_, size := utf8.DecodeRuneInString(v.s[from:])
		return v.cut(from, from+size), r.spend(len(v.s))
	}
	return nil, invalid("%s has no members", kindOf(v))
}

// offset answers where the character number n of s begins.
func offset(s string, n int64) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

func (e slice) eval(r *run) (value, error) {
	v, err := e.e.eval(r)
	if err != nil {
		return nil, err
	}
	var bounds [3]*int64
	for i, part := range []expression{e.from, e.to, e.step} {
		if part == nil {
			continue
		}
		p, err := part.eval(r)
		if err != nil {
			return nil, err
		}
		n, ok := p.(int64)
		if !ok && p != nil {
			return nil, invalid("a bound of a slice is %s", kindOf(p))
		}
		if ok {
			bounds[i] = &n
		}
	}
	switch v := v.(type) {
	case []value:
		return r.sliceList(v, bounds)
	case text:
		return r.sliceText(v, bounds)
	}
	return nil, invalid("%s cannot be sliced", kindOf(v))
}

// resolve answers start, end and step for n members by Python's rules.
func resolve(n int64, bounds [3]*int64) (from, to, step int64, err error) {
	step = 1
	if bounds[2] != nil {
		step = *bounds[2]
	}
	if step == 0 {
		return 0, 0, 0, invalid("a slice has a step of 0")
	}
	low, high := int64(0), n
	from, to = 0, n
	if step < 0 {
		low, high = -1, n-1
		from, to = n-1, -1
	}
	clamp := func(p *int64, fallback int64) int64 {
		if p == nil {
			return fallback
		}
		i := *p
		if i < 0 {
			i += n
		}
		return min(max(i, low), high)
	}
	return clamp(bounds[0], from), clamp(bounds[1], to), step, nil
}

func (r *run) sliceList(v []value, bounds [3]*int64) (value, error) {
	from, to, step, err := resolve(int64(len(v)), bounds)
	if err != nil {
		return nil, err
	}
	var out []value
	for i := from; (step > 0 && i < to) || (step < 0 && i > to); i += step {
		if err := r.step(); err != nil {
			return nil, err
		}
		out = append(out, v[i])
	}
	return out, nil
}

func (r *run) sliceText(v text, bounds [3]*int64) (value, error) {
	if err := r.spend(4 * len(v.s)); err != nil {
		return nil, err
	}
	from, to, step, err := resolve(int64(utf8.RuneCountInString(v.s)), bounds)
	if err != nil {
		return nil, err
	}
	if step == 1 {
		a := offset(v.s, from)
		return v.cut(a, a+offset(v.s[a:], max(to-from, 0))), nil
	}
	runes := []rune(v.s)
	var out []rune
	for i := from; (step > 0 && i < to) || (step < 0 && i > to); i += step {
		out = append(out, runes[i])
	}
	return v.like(string(out)), nil
}
