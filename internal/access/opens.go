package access

import (
	"net/netip"
	"slices"
	"time"

	"guardhouse/internal/rule"
)

// opens says whether after the change somebody may do what he might not before: an allow comes or reaches further, a deny goes
// or reaches less far, or a default that denied allows. Where that can't be told from the two texts it says yes: asking once too
// often costs a password, asking too little costs a model.
func (p *policyPlan) opens(allowByDef bool) bool {
	was, is := byDefaultAllows(p.def, allowByDef), byDefaultAllows(p.write.Default, allowByDef)
	if is && !was {
		return true
	}
	differing := p.differing()
	after := make(map[string]*rule.Rule, len(differing))
	for i := range differing {
		after[differing[i].ID] = &differing[i]
	}
	for i := range p.before {
		b := &p.before[i]
		a := after[b.ID]
		_, removed := slices.BinarySearch(p.Removed, b.ID)
		if (a != nil || removed) && (b.unreadable || letsIn(&b.Rule, a, is)) {
			return true
		}
		delete(after, b.ID)
	}
	for _, a := range after {
		if letsIn(nil, a, is) {
			return true
		}
	}
	return false
}

func byDefaultAllows(stored string, setting bool) bool {
	return stored == defaultAllow || stored == "" && setting
}

// letsIn says it of one rule, nil for one that is not there. One that only reports decides nothing, so it is not there either.
func letsIn(before, after *rule.Rule, open bool) bool {
	before, after = deciding(before), deciding(after)
	switch {
	case before == nil:
		return after != nil && after.Allow
	case !before.Allow:
		return after == nil || after.Allow || !within(before, after)
	case after == nil || !after.Allow:
		// The last rule about a model leaves it to the default; one that names a key held it to what the rule says.
		return open || namesKey(before)
	case !within(after, before), !namesKeys(before, after):
		return true
	}
	if !all(before.Models, after.Models, everyModel) {
		return open || namesKey(before)
	}
	return namesKey(before) && !(namesKeys(after, before) && all(before.Operations, after.Operations, rule.Every))
}

func deciding(r *rule.Rule) *rule.Rule {
	if r == nil || r.ReportOnly {
		return nil
	}
	return r
}

const everyModel = "*"

func anybody() rule.Principal { return rule.Principal{Kind: rule.KindAny} }

func namesKey(r *rule.Rule) bool {
	return slices.ContainsFunc(r.Principals, func(p rule.Principal) bool { return p.Kind == rule.KindKey })
}

// namesKeys says whether r names the keys that other does. One that is only among everybody is neither held to r nor let in by
// it where another rule holds it.
func namesKeys(r, other *rule.Rule) bool {
	return !slices.ContainsFunc(other.Principals, func(p rule.Principal) bool {
		return p.Kind == rule.KindKey && !slices.Contains(r.Principals, p)
	})
}

// within says whether wide holds wherever narrow does.
func within(narrow, wide *rule.Rule) bool {
	return all(narrow.Principals, wide.Principals, anybody()) && all(narrow.Models, wide.Models, everyModel) &&
		all(narrow.Operations, wide.Operations, rule.Every) && stricter(narrow.Conditions, wide.Conditions)
}

// all says whether every one of few is among many, which has all of them where it has every.
func all[T comparable](few, many []T, every T) bool {
	if slices.Contains(many, every) {
		return true
	}
	for _, x := range few {
		if !slices.Contains(many, x) {
			return false
		}
	}
	return true
}

// stricter says whether wide's conditions hold whenever narrow's do.
func stricter(narrow, wide rule.Conditions) bool {
	ranges := len(wide.IPRanges) == 0 || len(narrow.IPRanges) > 0 && all(narrow.IPRanges, wide.IPRanges, netip.Prefix{})
	rate := wide.Rate == nil || narrow.Rate != nil && narrow.Rate.N <= wide.Rate.N && narrow.Rate.Per >= wide.Rate.Per
	hours := wide.Hours == nil || narrow.Hours != nil && narrow.Hours.String() == wide.Hours.String()
	return ranges && rate && hours && !narrow.From.Before(wide.From) && endsBy(narrow.Until, wide.Until) && (narrow.Purpose || !wide.Purpose)
}

// endsBy says whether one that ends at until is over when the other is; zero is never.
func endsBy(until, other time.Time) bool {
	return other.IsZero() || !until.IsZero() && !until.After(other)
}
