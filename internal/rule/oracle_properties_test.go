package rule_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/rule"
)

// property holds for a fifth of the oracle's cases, on sets and requests of its own.
func property(t *testing.T, seed uint64, holds func(t *testing.T, d dice, rules []oracleRule, allow bool, q oracleRequest)) {
	t.Helper()
	t.Parallel()
	for n := range oracleCases(t) / 5 {
		d := newDice(seed<<40 + n)
		rules, allow := d.rules(), d.in(3)
		holds(t, d, rules, allow, d.request(rules))
	}
}

func decided(t *testing.T, rules []oracleRule, allow bool, q oracleRequest) rule.Decision {
	t.Helper()
	return compiled(t, allow, rules).Decide(asRequest(q))
}

// another rule that meets those of a set.
func (d dice) another(change func(*oracleRule)) oracleRule {
	for {
		if rules := d.rules(); len(rules) > 0 {
			r := rules[0]
			r.ID = pick(d, "a-new", "r1-new", "z-new")
			change(&r)
			return r
		}
	}
}

// narrower: whatever passes after passed before, and where rates had to have room, some of the same still must.
func narrower(t *testing.T, before, after rule.Decision, why func() string) {
	t.Helper()
	if !after.Admits() {
		return
	}
	if !before.Admits() || !fewerWays(before.Rated, after.Rated) || !fewerWays(before.KeyRated, after.KeyRated) {
		require.FailNow(t, "wider", "%s\nbefore: %+v\nafter: %+v", why(), before, after)
	}
}

func fewerWays(before, after []rule.RatedRule) bool {
	if len(before) == 0 {
		return true
	}
	for _, r := range after {
		if !slices.Contains(ratedIDs(before), r.RuleID) {
			return false
		}
	}
	return len(after) > 0
}

func TestADenyNeverWidens(t *testing.T) {
	property(t, 1, func(t *testing.T, d dice, rules []oracleRule, allow bool, q oracleRequest) {
		deny := d.another(func(r *oracleRule) { r.Deny, r.Rate = true, "" })
		more := append(slices.Clone(rules), deny)
		narrower(t, decided(t, rules, allow, q), decided(t, more, allow, q), func() string { return fmt.Sprintf("%+v\n%s", deny, oracleTold(more, allow, q)) })
	})
}

func TestTheOrderOfRulesDoesNotMatter(t *testing.T) {
	property(t, 2, func(t *testing.T, d dice, rules []oracleRule, allow bool, q oracleRequest) {
		before := decided(t, rules, allow, q)
		mixed := make([]oracleRule, 0, len(rules))
		for _, i := range d.Perm(len(rules)) {
			r := rules[i]
			r.Principals, r.Models, r.Operations = d.mixed(r.Principals), d.mixed(r.Models), d.mixed(r.Operations)
			r.IPRanges = d.mixed(r.IPRanges)
			mixed = append(mixed, r)
		}
		q.Faces = d.mixed(q.Faces)
		require.Equal(t, before, decided(t, mixed, allow, q), "%s", oracleTold(rules, allow, q))
	})
}

func (d dice) mixed(list []string) []string {
	list = slices.Clone(list)
	d.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func TestAKeyNeverExceedsItsOwner(t *testing.T) {
	property(t, 3, func(t *testing.T, d dice, rules []oracleRule, allow bool, q oracleRequest) {
		if q.System {
			return
		}
		q.Key = pick(d, "a", "b", "c")
		owner := q
		owner.Key = ""
		byOwner, byKey := decided(t, rules, allow, owner), decided(t, rules, allow, q)
		narrower(t, byOwner, byKey, func() string { return oracleTold(rules, allow, q) })
		if byKey.Admits() {
			require.Equal(t, byOwner.Rated, byKey.Rated, "the owner's rates count for the key\n%s", oracleTold(rules, allow, q))
		}
	})
}

// What is made for a key opens nothing, neither for it nor for its owner.
func TestAnAllowForAKeyOpensNothing(t *testing.T) {
	property(t, 4, func(t *testing.T, d dice, rules []oracleRule, allow bool, q oracleRequest) {
		more := append(slices.Clone(rules), d.another(func(r *oracleRule) { r.Deny, r.Principals = false, []string{pick(d, "key:a", "key:b")} }))
		before, after := decided(t, rules, allow, q), decided(t, more, allow, q)
		if oracleNamed(rules, q) { // another rule that names the key may well open what those before closed; not beyond its owner
			q.Key = ""
			before = decided(t, rules, allow, q)
		}
		if after.Admits() {
			require.True(t, before.Admits(), "%s", oracleTold(more, allow, q))
		}
	})
}

func TestAnAllowForOneOperationOpensNoOther(t *testing.T) {
	property(t, 5, func(t *testing.T, d dice, rules []oracleRule, allow bool, q oracleRequest) {
		one := d.another(func(r *oracleRule) { r.Deny, r.Operations = false, some(d, 1, "view", "infer", "train", "download") })
		more := append(slices.Clone(rules), one)
		before, after := compiled(t, allow, rules), compiled(t, allow, more)
		for _, q.Operation = range []string{"view", "infer", "train", "download"} {
			if q.Operation != one.Operations[0] {
				narrower(t, before.Decide(asRequest(q)), after.Decide(asRequest(q)), func() string { return oracleTold(more, allow, q) })
			}
		}
	})
}

// Rules are taken away one after the other; when none is left that concerns the model nobody passes.
func TestDeletingTheLastRuleOpensNothing(t *testing.T) {
	property(t, 6, func(t *testing.T, d dice, rules []oracleRule, _ bool, q oracleRequest) {
		if q.System {
			return
		}
		for {
			concerns := func(r oracleRule) bool { return !r.ReportOnly && oracleModel(r, q.Model) }
			last := slices.IndexFunc(rules, concerns)
			if last < 0 {
				break
			}
			rules = slices.Delete(slices.Clone(rules), last, last+1)
		}
		for _, q.Operation = range []string{"view", "infer", "train", "download"} {
			got := decided(t, rules, false, q)
			require.False(t, got.Admits(), "%s", oracleTold(rules, false, q))
			require.Empty(t, got.RuleID)
			require.Equal(t, rule.ReasonDefault, got.Reason)
		}
	})
}

func TestReportOnlyRulesNeverChangeADecision(t *testing.T) {
	property(t, 7, func(t *testing.T, d dice, rules []oracleRule, allow bool, q oracleRequest) {
		for range d.IntN(3) {
			rules = append(rules, d.another(func(r *oracleRule) { r.ReportOnly, r.ID = true, fmt.Sprint(r.ID, len(rules)) }))
		}
		enforced := slices.DeleteFunc(slices.Clone(rules), func(r oracleRule) bool { return r.ReportOnly })
		want, got := decided(t, enforced, allow, q), decided(t, rules, allow, q)
		require.Empty(t, want.Report)
		got.Report = nil
		require.Equal(t, want, got, "%s", oracleTold(rules, allow, q))
	})
}

func TestANarrowerConditionNeverWidensAnAllow(t *testing.T) {
	property(t, 8, func(t *testing.T, d dice, rules []oracleRule, allow bool, q oracleRequest) {
		rules = append(rules, d.another(func(r *oracleRule) { r.Deny, r.ReportOnly = false, false }))
		tight := slices.Clone(rules)
		i := pick(d, d.Perm(len(tight))...)
		if tight[i].Deny {
			i = len(tight) - 1
		}
		d.tighten(&tight[i])
		narrower(t, decided(t, rules, allow, q), decided(t, tight, allow, q), func() string { return fmt.Sprintf("%+v\n%s", tight[i], oracleTold(rules, allow, q)) })
	})
}

// tighten adds a condition to a rule, or takes away of one that it has.
func (d dice) tighten(r *oracleRule) {
	switch n := d.IntN(6); {
	case n == 0 && len(r.IPRanges) == 0:
		r.IPRanges = some(d, 2, "10.0.0.0/9", "::/1", "10.0.0.1/32")
	case n == 0 && len(r.IPRanges) > 1:
		r.IPRanges = r.IPRanges[1:]
	case n == 1 && r.From == "" && r.Until == "":
		r.From = pick(d, times()...)
	case n == 2 && r.Until == "" && r.From == "":
		r.Until = pick(d, times()...)
	case n == 3 && r.Hours == "":
		r.Hours = d.hours()
	case n == 4 && r.Rate == "":
		r.Rate = "6/min"
	default:
		r.Purpose = true
	}
}

// A system principal is stopped by denies on everybody and by nothing else.
func TestOnlyADenyOnEverybodyStopsTheSystem(t *testing.T) {
	property(t, 9, func(t *testing.T, d dice, rules []oracleRule, allow bool, q oracleRequest) {
		q.System, q.Faces, q.Key = true, []string{"*"}, ""
		stopped := slices.ContainsFunc(rules, func(r oracleRule) bool {
			return r.Deny && !r.ReportOnly && slices.Contains(r.Principals, "*") && oracleMatches(r, q.Faces, q) && oracleHolds(r, q)
		})
		require.Equal(t, !stopped, decided(t, rules, allow, q).Admits(), "%s", oracleTold(rules, allow, q))
	})
}

// A star stands in rules alone: asked for, it is no operation, and neither is any other word.
func TestWhatIsNoOperationOpensNothing(t *testing.T) {
	property(t, 10, func(t *testing.T, d dice, rules []oracleRule, _ bool, q oracleRequest) {
		q.Operation = pick(d, "*", "", "Infer", "infer ", "admin")
		require.False(t, decided(t, rules, true, q).Admits(), "%s", oracleTold(rules, true, q))
	})
}
