package prompt

import (
	"strconv"
	"strings"
)

// run is one rendering: variables, what was printed, and what is left of the budgets.
type run struct {
	scopes []map[string]value
	out    builder
	steps  int
	work   int
}

func newRun(msgs []Message) *run {
	list := make([]value, len(msgs))
	size := 0
	for i, m := range msgs {
		size += len(m.Content)
		list[i] = &record{
			role:    text{s: m.Role},
			content: text{s: m.Content, marks: []mark{{0, len(m.Content), i}}},
		}
	}
	return &run{
		scopes: []map[string]value{{"messages": list, "add_generation_prompt": true}},
		steps:  maxSteps + stepsEach*len(msgs),
		work:   maxWork + workFactor*size,
	}
}

// step spends one step.
func (r *run) step() error {
	if r.steps--; r.steps < 0 {
		return invalid("it takes too many steps")
	}
	return nil
}

// spend spends n bytes of text.
func (r *run) spend(n int) error {
	if r.work -= n; r.work < 0 {
		return invalid("it makes too much text")
	}
	return nil
}

func (r *run) lookup(name string) value {
	for i := len(r.scopes) - 1; i >= 0; i-- {
		if v, ok := r.scopes[i][name]; ok {
			return v
		}
	}
	return undefined{}
}

func (r *run) all(list []statement) error {
	for _, s := range list {
		if err := s.exec(r); err != nil {
			return err
		}
	}
	return nil
}

func (s dataStmt) exec(r *run) error { return r.print(text{s: s.s}) }

func (r *run) print(t text) error {
	if err := r.step(); err != nil {
		return err
	}
	if err := r.spend(len(t.s)); err != nil {
		return err
	}
	r.out.add(t)
	return nil
}

func (s printStmt) exec(r *run) error {
	v, err := s.e.eval(r)
	if err != nil {
		return err
	}
	t, err := printed(v)
	if err != nil {
		return err
	}
	return r.print(t)
}

// printed answers a value as text: nothing for an undefined one, as the reference has it.
func printed(v value) (text, error) {
	switch v := v.(type) {
	case text:
		return v, nil
	case int64:
		return text{s: strconv.FormatInt(v, 10)}, nil
	case bool:
		if v {
			return text{s: "True"}, nil
		}
		return text{s: "False"}, nil
	case nil:
		return text{s: "None"}, nil
	case undefined:
		return text{}, nil
	}
	return text{}, invalid("%s cannot be printed", kindOf(v))
}

func (s ifStmt) exec(r *run) error {
	if err := r.step(); err != nil {
		return err
	}
	v, err := s.test.eval(r)
	if err != nil {
		return err
	}
	if truth(v) {
		return r.all(s.then)
	}
	return r.all(s.rest)
}

func (s setStmt) exec(r *run) error {
	v, err := s.e.eval(r)
	if err != nil {
		return err
	}
	if s.field == "" {
		r.scopes[len(r.scopes)-1][s.name] = v
		return r.step()
	}
	n, ok := r.lookup(s.name).(*space)
	if !ok {
		return invalid("only fields of a namespace can be set")
	}
	if _, has := n.fields[s.field]; !has && len(n.fields) >= 64 {
		return invalid("a namespace has too many names")
	}
	if _, nested := v.(*space); nested {
		return invalid("a namespace inside a namespace is not supported")
	}
	n.fields[s.field] = v
	return r.step()
}

func (s forStmt) exec(r *run) error {
	v, err := s.list.eval(r)
	if err != nil {
		return err
	}
	list, ok := v.([]value)
	if !ok {
		if _, none := v.(undefined); !none {
			return invalid("a loop runs over %s", kindOf(v))
		}
	}
	if s.filter != nil {
		if list, err = s.chosen(r, list); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return r.all(s.empty)
	}
	if len(list) > maxLoop {
		return invalid("a loop has more than %d turns", maxLoop)
	}
	depth := len(r.scopes)
	defer func() { r.scopes = r.scopes[:depth] }()
	state := &loop{n: len(list)}
	for i, item := range list {
		if err := r.step(); err != nil {
			return err
		}
		state.at = i
		r.scopes = append(r.scopes[:depth], map[string]value{s.name: item, "loop": state})
		if err := r.all(s.body); err != nil {
			return err
		}
	}
	return nil
}

// chosen answers the items for which the loop's condition holds.
func (s forStmt) chosen(r *run, list []value) ([]value, error) {
	depth := len(r.scopes)
	defer func() { r.scopes = r.scopes[:depth] }()
	var out []value
	for _, item := range list {
		r.scopes = append(r.scopes[:depth], map[string]value{s.name: item})
		v, err := s.filter.eval(r)
		if err != nil {
			return nil, err
		}
		if truth(v) {
			out = append(out, item)
		}
	}
	return out, nil
}

// trimmed answers t without the white space at its ends, by Python's idea of white space.
func (t text) trimmed() text {
	left := len(t.s) - len(strings.TrimLeftFunc(t.s, blank))
	return t.cut(left, max(left, len(strings.TrimRightFunc(t.s, blank))))
}
