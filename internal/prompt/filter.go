package prompt

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

func (e apply) eval(r *run) (value, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	v, err := e.e.eval(r)
	if err != nil {
		return nil, err
	}
	args := make([]value, len(e.args))
	for i, a := range e.args {
		if args[i], err = a.eval(r); err != nil {
			return nil, err
		}
	}
	switch e.name {
	case "length", "count":
		return r.length(v)
	case "first":
		return r.end(v, 0)
	case "last":
		return r.end(v, -1)
	case "default", "d":
		return fallback(v, args), nil
	case "join":
		return r.joinList(v, args)
	case "tojson":
		return nil, invalid("the filter tojson is not supported")
	}
	t, err := printed(v)
	if err != nil {
		return nil, err
	}
	if err := r.spend(2 * len(t.s)); err != nil {
		return nil, err
	}
	switch e.name {
	case "trim":
		return t.trimmed(), nil
	case "upper":
		return t.like(cases.Upper(language.Und).String(t.s)), nil
	case "lower":
		return t.like(cases.Lower(language.Und).String(t.s)), nil
	}
	return r.replace(t, args)
}

func (r *run) length(v value) (value, error) {
	switch v := v.(type) {
	case []value:
		return int64(len(v)), nil
	case text:
		return int64(utf8.RuneCountInString(v.s)), r.spend(len(v.s))
	case *record:
		return int64(2), nil
	case undefined:
		return int64(0), nil
	}
	return nil, invalid("%s has no length", kindOf(v))
}

// end answers the first or last member, undefined if there is none.
func (r *run) end(v value, at int64) (value, error) {
	switch v.(type) {
	case []value, text:
		return index{literal{v}, literal{at}}.eval(r)
	}
	return nil, invalid("%s has no members", kindOf(v))
}

func fallback(v value, args []value) value {
	_, missing := v.(undefined)
	if len(args) > 1 && truth(args[1]) && !truth(v) {
		missing = true
	}
	switch {
	case !missing:
		return v
	case len(args) > 0:
		return args[0]
	}
	return text{}
}

func (r *run) joinList(v value, args []value) (value, error) {
	list, ok := v.([]value)
	if !ok {
		return nil, invalid("join works on lists, not on %s", kindOf(v))
	}
	var separator text
	var err error
	if len(args) > 0 {
		if separator, err = printed(args[0]); err != nil {
			return nil, err
		}
	}
	var b builder
	for i, item := range list {
		t, err := printed(item)
		if err != nil {
			return nil, err
		}
		if err := r.spend(len(t.s) + len(separator.s) + markWork*(len(t.marks)+len(separator.marks)) + 1); err != nil {
			return nil, err
		}
		if i > 0 {
			b.add(separator)
		}
		b.add(t)
	}
	return b.text(), nil
}

// replace marks its whole result as content if any of the three texts holds some.
func (r *run) replace(t text, args []value) (value, error) {
	from, ok1 := args[0].(text)
	to, ok2 := args[1].(text)
	if !ok1 || !ok2 {
		return nil, invalid("replace takes two texts")
	}
	if from.s == "" {
		return nil, invalid("replace looks for an empty text")
	}
	n := strings.Count(t.s, from.s)
	if err := r.spend(len(t.s) + n*len(to.s)); err != nil {
		return nil, err
	}
	out := t.like(strings.ReplaceAll(t.s, from.s, to.s))
	if len(out.marks) == 0 && n > 0 {
		out = to.like(out.s)
	}
	return out, nil
}

func (e check) eval(r *run) (value, error) {
	v, err := e.e.eval(r)
	if err != nil {
		return nil, err
	}
	var is bool
	switch e.name {
	case "none":
		is = v == nil
	case "undefined":
		_, is = v.(undefined)
	case "defined":
		_, missing := v.(undefined)
		is = !missing
	case "string":
		_, is = v.(text)
	case "true", "false":
		is = v == (e.name == "true")
	case "mapping":
		_, is = v.(*record)
	case "iterable":
		switch v.(type) {
		case text, []value, *record, undefined:
			is = true
		}
	}
	return is != e.not, r.step()
}
