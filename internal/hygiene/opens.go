package hygiene

import (
	"slices"

	"guardhouse/internal/rule"
)

// opens says whether somebody could do more without x, by what it does only by being there: it keeps its models from falling
// to a default that allows, and as an allow it narrows the keys that it names. A deny that holds still is another matter.
func opens(rules []rule.Rule, x *rule.Rule, defaultAllow bool) bool {
	if x.ReportOnly {
		return false
	}
	others := func(is func(y *rule.Rule) bool) bool {
		return !slices.ContainsFunc(x.Models, func(model string) bool { return !closed(rules, x.ID, model, is) })
	}
	if defaultAllow && !others(func(*rule.Rule) bool { return true }) {
		return true
	}
	if !x.Allow {
		return false
	}
	return slices.ContainsFunc(x.Principals, func(p rule.Principal) bool {
		return p.Kind == rule.KindKey && !others(func(y *rule.Rule) bool { return y.Allow && slices.Contains(y.Principals, p) })
	})
}

// closed says whether an enforced rule other than one, and of a kind, is about every model of the pattern.
func closed(rules []rule.Rule, but, pattern string, is func(y *rule.Rule) bool) bool {
	for i := range rules {
		y := &rules[i]
		if y.ID != but && !y.ReportOnly && is(y) && slices.ContainsFunc(y.Models, func(m string) bool { return glob(m, pattern) }) {
			return true
		}
	}
	return false
}
