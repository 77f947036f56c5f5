package settings

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// maxValue bounds a value; the longest that any key takes is the name of a model.
const maxValue = 256

// plan is a change that was found good: what is written, and what the audit row says of it.
type plan struct {
	version int64              // that the change was made on
	writes  map[string]*string // nil = the row goes
	diff    map[string]any     // key -> {from, to}
	policy  []string           // keys that verdicts follow from
}

// details is what the row says: every key with what was in force before and what is from now on.
func (p plan) details() map[string]any {
	if len(p.writes) == 0 {
		return map[string]any{"change": "none"}
	}
	return map[string]any{"change": "settings", "version": p.version + 1, "settings": p.diff}
}

// plan decides inside the transaction, on the rows as they are then. Beside an error it answers the keys that were asked for,
// as far as they are ours: a name that is none may be anything, a password too.
func (s *Service) plan(tx *db.Tx, p access.Principal, c Change) (plan, map[string]any, error) {
	asked := map[string]any{"change": "settings", "keys": s.ours(c)}
	if err := s.guard.Administer(tx, p, access.SettingsManage); err != nil {
		return plan{}, asked, err
	}
	if s.asksAgain(c) {
		if err := p.Confirmed(); err != nil {
			return plan{}, asked, err
		}
	}
	version, rows, err := readIn(tx)
	if err != nil {
		return plan{}, asked, err
	}
	if c.Version != nil && *c.Version != version {
		return plan{}, asked, stale()
	}
	out := plan{version: version, writes: map[string]*string{}, diff: map[string]any{}}
	before := valuesOf(rows)
	after := maps.Clone(before)
	for _, key := range slices.Sorted(maps.Keys(c.Values)) {
		value := c.Values[key]
		old, stored := before[key]
		if value != nil || !stored { // what is stored may always be taken back, a value of another release too
			if err := s.mayStore(key, value); err != nil {
				return plan{}, asked, err
			}
		}
		switch {
		case value == nil && stored:
			delete(after, key)
		case value != nil && (!stored || old != *value):
			after[key] = *value
		default:
			continue
		}
		out.writes[key] = value
	}
	if err := s.sound(c, before, after); err != nil {
		return plan{}, asked, err
	}
	out.compare(s, before, after)
	return out, out.details(), nil
}

// asksAgain says whether a change holds a value that is not changed without the password.
func (s *Service) asksAgain(c Change) bool {
	for key := range c.Values {
		if f, ok := s.field(key); ok && f.Confirm {
			return true
		}
	}
	return false
}

// compare fills in what the change means.
func (p *plan) compare(s *Service, before, after map[string]string) {
	badBefore, badAfter := s.o.Check(before), s.o.Check(after)
	for _, key := range slices.Sorted(maps.Keys(p.writes)) {
		f, known := s.field(key)
		if !known {
			p.diff[key] = map[string]any{"reset": true}
			continue
		}
		from, to := effective(f, before, badBefore), effective(f, after, badAfter)
		line := map[string]any{"from": from, "to": to}
		if p.writes[key] == nil {
			line["reset"] = true
		}
		p.diff[key] = line
		if f.Policy && from != to {
			p.policy = append(p.policy, key)
		}
	}
}

// effective answers the value that holds for f with these stored values, of which bad ones are not in force.
func effective(f Field, stored map[string]string, bad map[string]error) string {
	value, ok := stored[f.Key]
	switch {
	case f.fixed():
		return f.Given
	case ok && bad[f.Key] == nil:
		return value
	}
	return f.Default
}

// showable says which names of a caller may stand in an answer.
var showable = regexp.MustCompile(`^[a-z0-9_.]{1,64}$`)

// mayStore refuses a key that is none, one that is never stored, and a value where a stronger source decides.
func (s *Service) mayStore(key string, value *string) error {
	f, known := s.field(key)
	switch {
	case !known && showable.MatchString(key):
		return fault.Newf(fault.Invalid, "%s is no setting that the console knows.", key).WithField(key)
	case !known:
		return fault.New(fault.Invalid, "A member is no setting that the console knows.")
	case f.Applies == "":
		return fault.Newf(fault.Invalid, "%s is set in the configuration file, the environment or a flag, never here.", key).WithField(key)
	case value == nil:
		return nil
	case f.fixed():
		return fault.Newf(fault.Conflict, "%s is fixed by %s: change it there.", key, place(f.Source)).WithField(key)
	case len(*value) > maxValue:
		return fault.Newf(fault.Invalid, "%s is longer than %d bytes.", key, maxValue).WithField(key)
	}
	return nil
}

// place says in words where a stronger value stands.
func place(source string) string {
	switch source {
	case File:
		return "the configuration file"
	case Environment:
		return "the environment"
	case Flag:
		return "a flag of the command line"
	}
	return source
}

// sound refuses values that could not be in force: the change's own, and others that it would push out. What was out of
// force before is not this caller's fault.
func (s *Service) sound(c Change, before, after map[string]string) error {
	was, is := s.o.Check(before), s.o.Check(after)
	for _, key := range slices.Sorted(maps.Keys(is)) {
		value, asked := c.Values[key]
		if (asked && value != nil) || was[key] == nil {
			return fault.Newf(fault.Invalid, "%s %s.", key, strings.TrimSuffix(is[key].Error(), ".")).WithField(blamed(c, key))
		}
	}
	return nil
}

// blamed answers the key to point at: the one that is wrong, or the first of the change that pushed it out.
func blamed(c Change, key string) string {
	if v, asked := c.Values[key]; asked && v != nil {
		return key
	}
	return slices.Sorted(maps.Keys(c.Values))[0]
}

// ours answers the keys of a change that are settings, in order.
func (s *Service) ours(c Change) []any {
	keys := []any{}
	for _, key := range slices.Sorted(maps.Keys(c.Values)) {
		if _, known := s.field(key); known {
			keys = append(keys, key)
		}
	}
	return keys
}

// target names what a change is about in the audit log: one setting, or all of them.
func (s *Service) target(c Change) string {
	if keys := s.ours(c); len(keys) == 1 && len(c.Values) == 1 {
		key, _ := keys[0].(string)
		return "setting:" + key
	}
	return "settings"
}
