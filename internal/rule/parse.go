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
	return NewParser().Rule(data)
}

// ParseConditions reads what Conditions.JSON writes. It refuses what ParseJSON refuses of conditions.
func ParseConditions(data []byte) (Conditions, error) { return NewParser().Conditions(data) }

// ParseList reads a JSON list of rules, as requests that replace a model's rules carry it. Fields in errors stand under field:
// rules[3].effect. The ids and the models may be left out. It refuses what ParseJSON refuses and an id that stands there twice.
func ParseList(data []byte, field string) ([]Rule, error) {
	v, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	return NewParser().list(v, field, nil)
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
	if m["rules"] == nil {
		return File{}, v.refuse("rules", "must be there, if only as []")
	}
	if f.Rules, err = NewParser().list(m["rules"], "rules", []string{"id", "models"}); err != nil {
		return File{}, err
	}
	return f, nil
}

// Parser reads many rules, one after the other: it remembers their time zones, each of which costs a file. One goroutine may use
// it at a time.
type Parser struct{ zones map[string]*time.Location } // as many as there are zones, at most

// NewParser answers a Parser.
func NewParser() *Parser { return &Parser{zones: map[string]*time.Location{}} }

// Rule is ParseJSON.
func (p *Parser) Rule(data []byte) (Rule, error) {
	v, err := parseJSON(data)
	if err != nil {
		return Rule{}, err
	}
	return p.rule(v, "", nil)
}

// Conditions is ParseConditions.
func (p *Parser) Conditions(data []byte) (Conditions, error) {
	v, err := parseJSON(data)
	if err != nil {
		return Conditions{}, err
	}
	c, err := p.conditions(v, "conditions.")
	if err != nil {
		return Conditions{}, err
	}
	return c, nil
}

// list reads rules, each of which must have the fields that are needed.
func (p *Parser) list(v *value, field string, needed []string) ([]Rule, error) {
	switch {
	case v.kind != isList:
		return nil, v.refuse(field, "must be a list")
	case len(v.items) > MaxRules:
		return nil, v.refuse(field, "at most %d rules", MaxRules)
	}
	out := make([]Rule, 0, len(v.items))
	first := make(map[string]int, len(v.items))
	for i, item := range v.items {
		at := fmt.Sprintf("%s[%d]", field, i)
		r, err := p.rule(item, at+".", needed)
		if err != nil {
			return nil, err
		}
		if j, ok := first[r.ID]; ok && r.ID != "" {
			if line := v.items[j].line; line > 0 {
				return nil, item.refuse(at+".id", "the rule of line %d has the same id", line)
			}
			return nil, item.refuse(at+".id", "%s[%d] has the same id", field, j)
		}
		first[r.ID] = i
		out = append(out, r)
	}
	return out, nil
}

// rule reads one rule. at stands before the names of fields; needed lists fields that must be there besides those that
// always must.
func (p *Parser) rule(v *value, at string, needed []string) (Rule, error) {
	m, err := v.fields(at, needed)
	if err != nil {
		return Rule{}, err
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

// fields answers a rule's members, of which those that are needed and those that always are must be there.
func (v *value) fields(at string, needed []string) (map[string]*value, error) {
	m, err := v.members(at, "id", "effect", "principals", "models", "operations", "conditions", "mode", "note", "owner")
	if err != nil {
		return nil, err
	}
	for _, name := range append([]string{"effect", "principals", "operations"}, needed...) {
		if m[name] == nil {
			return nil, v.refuse(at+name, "must be there")
		}
	}
	return m, nil
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

// placed answers an error about a text that stands alone with the field and line of the value that it stands in.
func (v *value) placed(at string, err error) error {
	if err == nil {
		return nil
	}
	return v.refuse(at, "%s", fault.From(err).Message)
}
