package hygiene

import (
	"slices"

	"guardhouse/internal/rule"
)

// place is a model or a pattern of them: as any enforced rule closes it by being there, or as one key is narrowed on it.
type place struct {
	key   rule.Principal // the zero value for nobody's key
	model string
}

// opens says whether somebody could do more without r, by what it does only by being there: it keeps its models from falling
// to a default that allows, and as an allow it narrows the keys that it names. A deny that holds still is another matter. Where
// no more may be compared it says yes, so that nothing is proposed that is not known.
func (x *index) opens(r *rule.Rule, defaultAllow bool) bool {
	if r.ReportOnly {
		return false
	}
	if defaultAllow && x.alone(r, rule.Principal{}) {
		return true
	}
	return r.Allow && slices.ContainsFunc(r.Principals, func(p rule.Principal) bool { return p.Kind == rule.KindKey && x.alone(r, p) })
}

// alone says whether one of r's models has no other rule that closes it, or that narrows the key there.
func (x *index) alone(r *rule.Rule, key rule.Principal) bool {
	return slices.ContainsFunc(r.Models, func(model string) bool {
		other := func(i int) bool { return x.rules[i].ID != r.ID }
		return !slices.ContainsFunc(x.keepers(place{key, model}), other)
	})
}

// keepers answers two of the rules that keep a place as it is, or as many as there are: without one of them the other does. It
// is nil where no more may be compared.
func (x *index) keepers(at place) []int {
	if found, known := x.kept[at]; known {
		return found
	}
	var found []int
	enough := func() bool { return len(found) == 2 || x.spare < 0 }
	keep := func(i int) {
		x.spare--
		if !x.rules[i].ReportOnly && !slices.Contains(found, i) {
			found = append(found, i)
		}
	}
	if at.key.Kind == rule.KindKey {
		for _, i := range x.who[at.key] {
			y := &x.rules[i].Rule
			if enough() {
				break
			}
			if y.Allow && all([]string{at.model}, y.Models, glob, &x.spare) {
				keep(i)
			}
		}
	} else {
		x.closers(at.model, keep, enough)
	}
	if x.spare < 0 {
		return nil
	}
	x.kept[at] = found
	return found
}

// closers hands keep the rules that are about every model of a pattern, until there are enough.
func (x *index) closers(model string, keep func(i int), enough func() bool) {
	some := func(list []int) {
		for _, i := range list {
			if enough() {
				return
			}
			keep(i)
		}
	}
	some(x.models[model])
	for _, y := range x.globs {
		if enough() {
			return
		}
		if x.spare--; glob(y, model) {
			some(x.models[y])
		}
	}
}
