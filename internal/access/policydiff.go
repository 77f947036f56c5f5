package access

import (
	"slices"
	"strings"

	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Origins of rules, as the tables spell them.
const (
	originShipped = "shipped"
	originAdmin   = "admin"
	originImport  = "import"
	originFile    = "file"
)

// compare says which rules are new, differ and are gone, and refuses those among the first two that no reader would take.
func (p *policyPlan) compare() error {
	slices.SortFunc(p.write.Rules, func(a, b rule.Rule) int { return strings.Compare(a.ID, b.ID) })
	old := make(map[string]*stored, len(p.before))
	for i := range p.before {
		old[p.before[i].ID] = &p.before[i]
	}
	p.Added, p.Changed, p.Removed, p.moved = nil, nil, nil, nil
	kept := make(map[string]bool, len(p.write.Rules))
	for i := range p.write.Rules {
		r := &p.write.Rules[i]
		kept[r.ID] = true
		was := old[r.ID]
		if was != nil && same(was.Rule, *r) {
			if was.Origin != r.Origin {
				p.moved = append(p.moved, r)
			}
			continue
		}
		if err := storable(r); err != nil {
			return err
		}
		if was == nil {
			p.Added = append(p.Added, r.ID)
		} else {
			p.Changed = append(p.Changed, r.ID)
		}
	}
	for i := range p.before {
		if !kept[p.before[i].ID] {
			p.Removed = append(p.Removed, p.before[i].ID)
		}
	}
	p.Rules = p.write.Rules
	return nil
}

// storable refuses a rule that no reader of rules would take, and an origin that no table knows.
func storable(r *rule.Rule) error {
	err := r.Check()
	switch {
	case err != nil:
		f := fault.From(err)
		return fault.Newf(fault.Invalid, "rule %q: %s", r.ID, f.Message).WithField(f.Field)
	case len(r.Models) == 0:
		return fault.Newf(fault.Invalid, "rule %q: models: a rule needs at least one model", r.ID).WithField("models")
	case !slices.Contains([]string{originShipped, originAdmin, originImport, originFile}, r.Origin):
		return fault.Newf(fault.Invalid, "rule %q has an origin that is none", r.ID)
	}
	return nil
}

// same says whether two rules mean and say the same. The order of principals, models and operations says nothing, and neither does
// where a rule came from.
func same(a, b rule.Rule) bool {
	return a.Allow == b.Allow && a.ReportOnly == b.ReportOnly && a.Note == b.Note && a.Owner == b.Owner &&
		alike(a.Principals, b.Principals, func(x, y rule.Principal) int { return strings.Compare(x.String(), y.String()) }) &&
		alike(a.Models, b.Models, strings.Compare) &&
		alike(a.Operations, b.Operations, func(x, y rule.Operation) int { return strings.Compare(string(x), string(y)) }) &&
		sameConditions(a.Conditions, b.Conditions)
}

func sameConditions(a, b rule.Conditions) bool {
	x, err := a.JSON()
	y, other := b.JSON()
	return err == nil && other == nil && string(x) == string(y)
}

// alike says whether both hold the same values, in whatever order and however often.
func alike[T comparable](a, b []T, order func(x, y T) int) bool {
	if slices.Equal(a, b) {
		return true
	}
	sorted := func(list []T) []T {
		list = slices.Clone(list)
		slices.SortFunc(list, order)
		return slices.Compact(list)
	}
	return slices.Equal(sorted(a), sorted(b))
}

// differing are the rules that have to be written.
func (p *policyPlan) differing() []rule.Rule {
	out := make([]rule.Rule, 0, len(p.Added)+len(p.Changed))
	for i := range p.write.Rules {
		id := p.write.Rules[i].ID
		_, changed := slices.BinarySearch(p.Changed, id)
		if p.added(id) || changed {
			out = append(out, p.write.Rules[i])
		}
	}
	return out
}

func (p *policyPlan) added(id string) bool {
	_, found := slices.BinarySearch(p.Added, id)
	return found
}
