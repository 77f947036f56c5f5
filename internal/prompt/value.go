package prompt

import (
	"strings"
)

// value is nil (none), undefined, bool, int64, text, []value, *record, *space or *loop.
type value any

type undefined struct{}

// maxNumber bounds whole numbers, so that sums cannot overflow.
const maxNumber = int64(1) << 40

// text is a string that knows which of its bytes came out of a message (threat T1): wherever the
// template puts them, they are never read as special tokens.
type text struct {
	s     string
	marks []mark // in order, not overlapping
}

// mark says that s[from:to] is content of message msg. An empty content keeps an empty mark: it
// separates the template's text before it from the text behind.
type mark struct{ from, to, msg int }

// record is one message.
type record struct{ role, content text }

func (m *record) get(name string) value {
	switch name {
	case "role":
		return m.role
	case "content":
		return m.content
	}
	return undefined{}
}

// space is what namespace() answers: the one thing that a set block can change from inside a loop.
type space struct{ fields map[string]value }

// loop is the variable loop.
type loop struct{ at, n int }

func (l *loop) get(name string) (value, bool) {
	switch name {
	case "index":
		return int64(l.at + 1), true
	case "index0":
		return int64(l.at), true
	case "revindex":
		return int64(l.n - l.at), true
	case "revindex0":
		return int64(l.n - l.at - 1), true
	case "first":
		return l.at == 0, true
	case "last":
		return l.at == l.n-1, true
	case "length":
		return int64(l.n), true
	}
	return nil, false
}

// cut answers t.s[from:to] with its marks.
func (t text) cut(from, to int) text {
	out := text{s: t.s[from:to]}
	for _, m := range t.marks {
		a, b := max(m.from, from), min(m.to, to)
		if a <= b {
			out.marks = append(out.marks, mark{a - from, b - from, m.msg})
		}
	}
	return out
}

// like answers s, wholly marked if t has any content in it: for results whose bytes cannot be traced.
func (t text) like(s string) text {
	if len(t.marks) == 0 {
		return text{s: s}
	}
	return text{s: s, marks: []mark{{0, len(s), t.marks[0].msg}}}
}

// builder joins texts.
type builder struct {
	b     strings.Builder
	marks []mark
}

func (b *builder) add(t text) {
	at := b.b.Len()
	b.b.WriteString(t.s)
	for _, m := range t.marks {
		b.marks = append(b.marks, mark{m.from + at, m.to + at, m.msg})
	}
}

func (b *builder) text() text { return text{s: b.b.String(), marks: b.marks} }

// truth answers what Python takes a value for in a condition.
func truth(v value) bool {
	switch v := v.(type) {
	case bool:
		return v
	case int64:
		return v != 0
	case text:
		return v.s != ""
	case []value:
		return len(v) > 0
	case *record, *space, *loop:
		return true
	}
	return false
}

// equal compares as Python does for the kinds that exist here.
func equal(a, b value) bool {
	switch x := a.(type) {
	case text:
		y, ok := b.(text)
		return ok && x.s == y.s
	case nil:
		return b == nil
	case undefined:
		_, ok := b.(undefined)
		return ok
	case *record:
		y, ok := b.(*record)
		return ok && x.role.s == y.role.s && x.content.s == y.content.s
	}
	m, okA := number(a)
	n, okB := number(b)
	return okA && okB && m == n
}

// number answers a whole number; true and false are 1 and 0.
func number(v value) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// kindOf names a value's kind for an error text.
func kindOf(v value) string {
	switch v.(type) {
	case nil:
		return "none"
	case undefined:
		return "an undefined value"
	case bool:
		return "a truth value"
	case int64:
		return "a number"
	case text:
		return "a text"
	case []value:
		return "a list"
	case *record:
		return "a message"
	case *loop:
		return "loop"
	}
	return "a namespace"
}
