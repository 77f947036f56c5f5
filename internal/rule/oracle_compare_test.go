package rule_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/rule"
)

// oracleCases is the number of rule sets to compare: GH_ORACLE_CASES, or a share that takes seconds. Each set meets
// requestsPerSet requests. Case n is the same on every machine and in every run.
func oracleCases(t *testing.T) uint64 {
	t.Helper()
	if text := os.Getenv("GH_ORACLE_CASES"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "GH_ORACLE_CASES is a number")
		return n
	}
	if testing.Short() {
		return 1_000
	}
	return 5_000
}

const requestsPerSet = 4

// The package and the oracle agree on random rule sets and requests: on 20,000 decisions, or with GH_ORACLE_CASES=1000000 on
// four for each of a million rule sets (some minutes: give -timeout).
func TestTheOracleAgrees(t *testing.T) {
	t.Parallel()
	cases, parts := oracleCases(t), uint64(4)
	for part := range parts {
		t.Run(strconv.FormatUint(part, 10), func(t *testing.T) {
			t.Parallel()
			seen := tally{}
			for n := part; n < cases; n += parts {
				oracleCase(t, n, seen)
			}
			if cases >= 1_000 {
				seen.check(t)
			}
		})
	}
}

func oracleCase(t *testing.T, n uint64, seen tally) {
	t.Helper()
	d := newDice(n)
	rules, allow := d.rules(), d.in(3)
	set := compiled(t, allow, rules)
	for range requestsPerSet {
		q := d.request(rules)
		seen.count(oracleDecide(rules, allow, q))
		if difference := oracleDiffers(set, rules, allow, q); difference != "" {
			rules, difference = oracleShrink(t, rules, allow, q, difference)
			require.FailNow(t, "the oracle disagrees", "case %d: %s\n%s", n, difference, oracleTold(rules, allow, q))
		}
	}
}

// tally is what the cases came to: a generator that never meets a kind of answer compares nothing about it.
type tally map[string]int

func (c tally) count(a oracleAnswer) {
	c[fmt.Sprint(a.Reason, " ", a.Allowed)]++
	for name, met := range map[string]bool{"report": len(a.Report) > 0, "rated": len(a.Rated) > 0, "alternatives": len(a.Rated) > 1, "key rated": len(a.KeyRated) > 0} {
		if met {
			c[name]++
		}
	}
}

func (c tally) check(t *testing.T) {
	t.Helper()
	t.Log(c)
	for _, kind := range []string{
		"deny false", "allow true", "closed false", "default true", "default false", "system true", "key false", "report", "rated", "alternatives", "key rated",
	} {
		require.Positive(t, c[kind], "no case with %q", kind)
	}
}

// oracleDiffers says in what set and oracle disagree, "" when in nothing.
func oracleDiffers(set *rule.Set, rules []oracleRule, allow bool, q oracleRequest) string {
	want, got := oracleDecide(rules, allow, q), set.Decide(asRequest(q))
	switch {
	case got.Admits() != want.Allowed:
		return fmt.Sprintf("admitted is %v (%s %s), the oracle says %v (%s %v)", got.Admits(), got.RuleID, got.Reason, want.Allowed, want.Reason, want.Deciding)
	case got.RuleID == "" && len(want.Deciding) > 0 && want.Reason != "system", got.RuleID != "" && !slices.Contains(want.Deciding, got.RuleID):
		return fmt.Sprintf("rule %q decides, the oracle says one of %v (%s)", got.RuleID, want.Deciding, want.Reason)
	case got.Admits() == (got.Reason != ""):
		return fmt.Sprintf("admitted is %v and the reason %q", got.Admits(), got.Reason)
	case got.Allowed != (want.Allowed && len(want.Rated)+len(want.KeyRated) == 0), got.Allowed && got.IfRoom:
		return fmt.Sprintf("allowed at once is %v, if there is room %v, and the rates are %v and %v", got.Allowed, got.IfRoom, want.Rated, want.KeyRated)
	case !slices.Equal(reportedIDs(got.Report), want.Report):
		return fmt.Sprintf("report is %v, the oracle says %v", reportedIDs(got.Report), want.Report)
	case !slices.Equal(ratedIDs(got.Rated), want.Rated):
		return fmt.Sprintf("rated is %v, the oracle says %v", ratedIDs(got.Rated), want.Rated)
	case !slices.Equal(ratedIDs(got.KeyRated), want.KeyRated):
		return fmt.Sprintf("the key's rated are %v, the oracle says %v", ratedIDs(got.KeyRated), want.KeyRated)
	}
	if bad := groupsDiffer(got.Groups(), want); bad != "" {
		return bad
	}
	return reasonDiffers(got, want, rules, q)
}

// groupsDiffer: what is charged together is one of the owner's rates and one of the key's, where there are any.
func groupsDiffer(groups [][]rule.RatedRule, want oracleAnswer) string {
	var left []string
	for _, ids := range [][]string{want.Rated, want.KeyRated} {
		if len(ids) > 0 {
			left = append(left, strings.Join(ids, " "))
		}
	}
	for i, group := range groups {
		if i >= len(left) || left[i] != strings.Join(ratedIDs(group), " ") {
			return fmt.Sprintf("one of %v may be charged, the oracle says one of each of %q", group, left)
		}
	}
	if len(left) > len(groups) {
		return fmt.Sprintf("%q can't be charged", left[len(groups):])
	}
	return ""
}

// reasonDiffers looks at what the contract leaves open only in its words: a refusal for another reason than the one that
// decided, and a failing condition that holds.
func reasonDiffers(got rule.Decision, want oracleAnswer, rules []oracleRule, q oracleRequest) string {
	if f := got.Failing; f != nil {
		at := slices.IndexFunc(rules, func(r oracleRule) bool { return r.ID == f.RuleID })
		if got.Admits() || want.Reason == "deny" || at < 0 || rules[at].Deny || rules[at].ReportOnly || !oracleFails(rules[at], f.Condition, q) {
			return fmt.Sprintf("the nearest failing condition is %s of %s, which does not fail", f.Condition, f.RuleID)
		}
		if got.Reason != rule.FailedCondition+f.Condition {
			return fmt.Sprintf("the reason is %q and %s failed", got.Reason, f.Condition)
		}
		return ""
	}
	reasons := map[string]string{"deny": rule.ReasonDenied, "closed": rule.ReasonNoRule, "key": rule.ReasonKeyRule, "default": rule.ReasonDefault}
	if !want.Allowed && got.Reason != reasons[want.Reason] {
		return fmt.Sprintf("the reason is %q, the oracle says %q", got.Reason, want.Reason)
	}
	return ""
}

// oracleFails says whether one condition of a rule fails.
func oracleFails(r oracleRule, condition string, q oracleRequest) bool {
	alone := map[string]oracleRule{
		rule.CondIP: {IPRanges: r.IPRanges}, rule.CondFrom: {From: r.From}, rule.CondUntil: {Until: r.Until},
		rule.CondHours: {Hours: r.Hours}, rule.CondPurpose: {Purpose: r.Purpose},
	}
	return !oracleHolds(alone[condition], q)
}

// oracleShrink leaves rules out as long as there is a disagreement.
func oracleShrink(t *testing.T, rules []oracleRule, allow bool, q oracleRequest, difference string) (fewer []oracleRule, of string) {
	t.Helper()
	for i := 0; i < len(rules); i++ {
		fewer := slices.Delete(slices.Clone(rules), i, i+1)
		if still := oracleDiffers(compiled(t, allow, fewer), fewer, allow, q); still != "" {
			rules, difference, i = fewer, still, -1
		}
	}
	return rules, difference
}

func oracleTold(rules []oracleRule, allow bool, q oracleRequest) string {
	var b strings.Builder
	fmt.Fprintf(&b, "default allow: %v\nrequest: %+v\n", allow, q)
	for _, r := range rules {
		fmt.Fprintf(&b, "rule: %s\n", must(json.Marshal(asJSON(r))))
	}
	return b.String()
}

// compiled reads every rule from its text.
func compiled(t *testing.T, allow bool, rules []oracleRule) *rule.Set {
	t.Helper()
	read := make([]rule.Rule, 0, len(rules))
	for _, r := range rules {
		text := must(json.Marshal(asJSON(r)))
		one, err := rule.ParseJSON(text)
		require.NoError(t, err, string(text))
		read = append(read, one)
	}
	set, err := rule.Compile(read, allow)
	require.NoError(t, err)
	return set
}

func asJSON(r oracleRule) map[string]any {
	m := map[string]any{"id": r.ID, "effect": "allow", "principals": r.Principals, "models": r.Models, "operations": r.Operations}
	if r.Deny {
		m["effect"] = "deny"
	}
	if r.ReportOnly {
		m["mode"] = "report-only"
	}
	conditions := map[string]any{}
	for name, text := range map[string]string{"rate_limit": r.Rate, "valid_from": r.From, "valid_until": r.Until, "hours": r.Hours} {
		if text != "" {
			conditions[name] = text
		}
	}
	if len(r.IPRanges) > 0 {
		conditions["ip_ranges"] = r.IPRanges
	}
	if r.Purpose {
		conditions["purpose"] = "required"
	}
	if len(conditions) > 0 {
		m["conditions"] = conditions
	}
	return m
}

func asRequest(q oracleRequest) rule.Request {
	out := rule.Request{Key: q.Key, System: q.System, Model: q.Model, Op: rule.Operation(q.Operation), At: q.At, Purpose: q.Purpose}
	for _, face := range q.Faces {
		kind, ref, _ := strings.Cut(face, ":")
		if kind == "*" {
			kind = rule.KindAny
		}
		out.Faces = append(out.Faces, rule.Principal{Kind: kind, Ref: ref})
	}
	if q.IP != "" {
		out.IP = must(netip.ParseAddr(q.IP))
	}
	return out
}

func reportedIDs(list []rule.Reported) []string {
	var out []string
	for _, r := range list {
		if r.Allow {
			out = append(out, r.RuleID+":allow")
		} else {
			out = append(out, r.RuleID+":deny")
		}
	}
	return out
}

func ratedIDs(list []rule.RatedRule) []string {
	var out []string
	for _, r := range list {
		out = append(out, r.RuleID)
	}
	return out
}
