package rule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"guardhouse/internal/fault"
)

// Most of each in one rule.
const (
	maxPrincipals = 256
	maxModels     = 256
	maxRanges     = 1_000
	maxNote       = 1_000 // characters
)

// Words of a rule's text.
const (
	effectAllow    = "allow"
	effectDeny     = "deny"
	modeEnforce    = "enforce"
	modeReportOnly = "report-only"
)

// ParseJSON reads one rule in the spelling of the API. The id and the models may be left out there: the server makes the
// one, the route implies the other. It refuses, as fault.Invalid with the field: unknown and repeated fields, wrong types,
// null, what a field does not allow, and a rate on a deny.
func ParseJSON(data []byte) (Rule, error) {
	v, err := parseJSON(data)
	if err != nil {
		return Rule{}, err
	}
	return newParser().rule(v, "", nil)
}

// ParseFile reads a whole policy in YAML (or in JSON, which is YAML too). Every rule needs its id and its models. It refuses
// what ParseJSON refuses, with the line, and version other than 1, an id that stands there twice, a file without `rules`
// (a half-written one), anchors, aliases, tags, and what goes past MaxFile or MaxRules.
func ParseFile(data []byte) (File, error) {
	v, err := parseYAML(data)
	if err != nil {
		return File{}, err
	}
	m, err := v.members("", "version", "default", "rules")
	if err != nil {
		return File{}, err
	}
	if n := m["version"]; n == nil || n.kind != isOther || n.text != "1" {
		return File{}, v.refuse("version", "must be 1")
	}
	var f File
	if d := m["default"]; d != nil {
		if f.Default, err = d.oneOf("default", effectDeny, effectAllow); err != nil {
			return File{}, err
		}
	}
	f.Rules, err = newParser().rules(v, m["rules"])
	if err != nil {
		return File{}, err
	}
	return f, nil
}

// parser remembers the time zones that it read: each costs a file.
type parser struct{ zones map[string]*time.Location }

func newParser() *parser { return &parser{zones: map[string]*time.Location{}} }

func (p *parser) rules(file, list *value) ([]Rule, error) {
	switch {
	case list == nil:
		return nil, file.refuse("rules", "must be there, if only as []")
	case list.kind != isList:
		return nil, list.refuse("rules", "must be a list")
	case len(list.items) > MaxRules:
		return nil, list.refuse("rules", "at most %d rules", MaxRules)
	}
	out := make([]Rule, 0, len(list.items))
	lines := make(map[string]int, len(list.items))
	for i, item := range list.items {
		at := fmt.Sprintf("rules[%d]", i)
		r, err := p.rule(item, at+".", []string{"id", "models"})
		if err != nil {
			return nil, err
		}
		if line, ok := lines[r.ID]; ok {
			return nil, item.refuse(at+".id", "the rule of line %d has the same id", line)
		}
		lines[r.ID] = item.line
		out = append(out, r)
	}
	return out, nil
}

// rule reads one rule. at stands before the names of fields; needed lists fields that must be there besides those that
// always must.
func (p *parser) rule(v *value, at string, needed []string) (Rule, error) {
	m, err := v.members(at, "id", "effect", "principals", "models", "operations", "conditions", "mode", "note", "owner")
	if err != nil {
		return Rule{}, err
	}
	for _, name := range append([]string{"effect", "principals", "operations"}, needed...) {
		if m[name] == nil {
			return Rule{}, v.refuse(at+name, "must be there")
		}
	}
	var r Rule
	steps := []struct {
		name string
		read func(*value, string) error
	}{
		{"id", func(v *value, at string) (err error) { r.ID, err = v.id(at); return err }},
		{"effect", func(v *value, at string) error {
			word, err := v.oneOf(at, effectAllow, effectDeny)
			r.Allow = word == effectAllow
			return err
		}},
		{"mode", func(v *value, at string) error {
			word, err := v.oneOf(at, modeEnforce, modeReportOnly)
			r.ReportOnly = word == modeReportOnly
			return err
		}},
		{"principals", func(v *value, at string) (err error) {
			r.Principals, err = list(v, at, maxPrincipals, (*value).principal)
			return err
		}},
		{"models", func(v *value, at string) (err error) {
			r.Models, err = list(v, at, maxModels, (*value).model)
			return err
		}},
		{"operations", func(v *value, at string) (err error) {
			r.Operations, err = list(v, at, maxKeys, (*value).operation)
			return err
		}},
		{"conditions", func(v *value, at string) (err error) { r.Conditions, err = p.conditions(v, at+"."); return err }},
		{"note", func(v *value, at string) (err error) { r.Note, err = v.note(at); return err }},
		{"owner", func(v *value, at string) (err error) { r.Owner, err = v.owner(at); return err }},
	}
	for _, s := range steps {
		if item := m[s.name]; item != nil {
			if err := s.read(item, at+s.name); err != nil {
				return Rule{}, err
			}
		}
	}
	if !r.Allow && r.Conditions.Rate != nil {
		return Rule{}, v.refuse(at+"conditions."+CondRate, "a rule that denies has no rate")
	}
	return r, nil
}

// members answers a map's values by name. It refuses any name but those known.
func (v *value) members(at string, known ...string) (map[string]*value, error) {
	if v.kind != isMap {
		return nil, v.refuse(strings.TrimSuffix(at, "."), "must be an object")
	}
	out := make(map[string]*value, len(v.keys))
	for i, k := range v.keys {
		if !slices.Contains(known, k) {
			return nil, v.items[i].refuse(strings.TrimSuffix(at, "."), "the field %s is unknown", shown(k))
		}
		out[k] = v.items[i]
	}
	return out, nil
}

// list reads a list of one or more, dropping what stands there twice.
func list[T comparable](v *value, at string, most int, read func(*value, string) (T, error)) ([]T, error) {
	switch {
	case v.kind != isList:
		return nil, v.refuse(at, "must be a list")
	case len(v.items) == 0:
		return nil, v.refuse(at, "must not be empty")
	case len(v.items) > most:
		return nil, v.refuse(at, "at most %d entries", most)
	}
	out := make([]T, 0, len(v.items))
	seen := make(map[T]bool, len(v.items))
	for i, item := range v.items {
		x, err := read(item, fmt.Sprintf("%s[%d]", at, i))
		if err != nil {
			return nil, err
		}
		if !seen[x] {
			out = append(out, x)
		}
		seen[x] = true
	}
	return out, nil
}

// word answers a text. It refuses every other kind of value: in YAML, quotes make a text of 12 or true.
func (v *value) word(at string) (string, error) {
	if v.kind != isString {
		return "", v.refuse(at, "must be a text")
	}
	return v.text, nil
}

func (v *value) oneOf(at string, words ...string) (string, error) {
	w, err := v.word(at)
	if err == nil && !slices.Contains(words, w) {
		err = v.refuse(at, "must be %s", strings.Join(words, " or "))
	}
	return w, err
}

// invalid is an error about a text that stands alone, for parsers of single words.
func invalid(format string, args ...any) error { return fault.Newf(fault.Invalid, format, args...) }

// placed gives such an error its field and line.
func (v *value) placed(at string, err error) error {
	if err == nil {
		return nil
	}
	return v.refuse(at, "%s", fault.From(err).Message)
}
