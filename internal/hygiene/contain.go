package hygiene

import (
	"net/netip"
	"slices"
	"strings"

	"guardhouse/internal/rule"
)

// The analysis is sound and not complete: what it says is so whatever is asked, and there is more that it does not see. It
// compares rules two by two, and hours by their text. Whoever asks hands in how many comparisons are left, and each takes one.

// shadows says whether no decision changes when x is taken out of a set that holds y: both do the same, and y holds wherever x
// does. y goes on closing the models of x and narrowing the keys that x names.
func shadows(y, x *rule.Rule, left *int) bool {
	return enforced(x, y) && x.Allow == y.Allow && (!x.Allow || y.Conditions.Rate == nil) && covers(y, x, left)
}

// swallows says whether no decision changes when the allow x is taken out of a set that holds the deny y: y holds wherever x
// does. An allow that names a key narrows it by being there, so such a one is never swallowed.
func swallows(y, x *rule.Rule, left *int) bool {
	names := func(p rule.Principal) bool { return p.Kind == rule.KindKey }
	return enforced(x, y) && x.Allow && !y.Allow && !slices.ContainsFunc(x.Principals, names) && covers(y, x, left)
}

func enforced(x, y *rule.Rule) bool { return !x.ReportOnly && !y.ReportOnly }

// covers says whether every request that x fits and whose conditions but a rate hold fits y, and its conditions hold too.
func covers(y, x *rule.Rule, left *int) bool {
	return all(x.Principals, y.Principals, whose(x.Allow), left) && all(x.Operations, y.Operations, wider, left) &&
		all(x.Models, y.Models, glob, left) && implies(x.Conditions, y.Conditions, left)
}

// all says whether each of xs is within one of ys.
func all[T any](xs, ys []T, within func(y, x T) bool, left *int) bool {
	for _, x := range xs {
		at := slices.IndexFunc(ys, func(y T) bool { return within(y, x) })
		if at < 0 {
			*left -= len(ys)
			return false
		}
		*left -= at + 1
	}
	return true
}

// whose answers when one principal is within another. As an allow, a rule that names a key narrows that key, which one that names
// everybody does not.
func whose(allow bool) func(y, x rule.Principal) bool {
	return func(y, x rule.Principal) bool {
		return y == x || y.Kind == rule.KindAny && (!allow || x.Kind != rule.KindKey)
	}
}

func wider(y, x rule.Operation) bool { return y == x || y == rule.Every }

// glob says whether the pattern y fits every id that x fits: x's stars stand for a letter that no pattern has, so that only
// stars of y can meet them.
func glob(y, x string) bool { return rule.Match(y, strings.ReplaceAll(x, "*", "\x00")) }

// implies says whether y's conditions hold whenever x's do, the rates left out.
func implies(x, y rule.Conditions, left *int) bool {
	switch {
	case y.IPRanges != nil && (x.IPRanges == nil || !all(x.IPRanges, y.IPRanges, holds, left)):
		return false
	case !y.From.IsZero() && x.From.Before(y.From):
		return false
	case !y.Until.IsZero() && (x.Until.IsZero() || x.Until.After(y.Until)):
		return false
	case y.Hours != nil && (x.Hours == nil || x.Hours.String() != y.Hours.String()):
		return false
	}
	return x.Purpose || !y.Purpose
}

func holds(y, x netip.Prefix) bool { return y.Bits() <= x.Bits() && y.Contains(x.Addr()) }
