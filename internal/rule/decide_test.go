package rule_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

func set(t testing.TB, byDefault bool, rules ...rule.Rule) *rule.Set {
	t.Helper()
	s, err := rule.Compile(rules, byDefault)
	require.NoError(t, err)
	return s
}

// r makes a rule; conditions are JSON, without the braces.
func r(t testing.TB, id, effect, principals, models, operations, conditions string) rule.Rule {
	t.Helper()
	list := func(words string) string { return `["` + strings.Join(strings.Fields(words), `","`) + `"]` }
	x, err := rule.ParseJSON([]byte(fmt.Sprintf(`{"id":%q,"effect":%q,"principals":%s,"models":%s,"operations":%s,"conditions":{%s}}`,
		id, effect, list(principals), list(models), list(operations), conditions)))
	require.NoError(t, err)
	return x
}

// ana asks to infer with m on a Monday at ten in Shanghai, from the ward, without a purpose.
func ana(change ...func(*rule.Request)) rule.Request {
	q := rule.Request{
		Faces: []rule.Principal{{Kind: "any"}, {Kind: "role", Ref: "nurse"}, {Kind: "user", Ref: "ana"}, {Kind: "group", Ref: "ward"}},
		Model: "m", Op: rule.Infer, IP: netip.MustParseAddr("10.1.2.3"), At: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC),
	}
	for _, c := range change {
		c(&q)
	}
	return q
}

func withKey(q *rule.Request) { q.Key = "k1" }
func asSystem(q *rule.Request) {
	q.System, q.Faces, q.IP = true, []rule.Principal{{Kind: "any"}}, netip.Addr{}
}

func TestOrderOfEvaluation(t *testing.T) {
	const away, here = `"ip_ranges":["192.0.2.0/24"]`, `"ip_ranges":["10.0.0.0/8"]`
	for name, c := range map[string]struct {
		q     rule.Request
		rules []rule.Rule
		want  string // allow or the reason, with the rule
	}{
		"no rule":                     {ana(), nil, "default_deny "},
		"rule for somebody else":      {ana(), []rule.Rule{r(t, "a", "allow", "user:bo", "m", "*", "")}, "no_rule_allows "},
		"rule for another operation":  {ana(), []rule.Rule{r(t, "a", "allow", "*", "m", "view", "")}, "no_rule_allows "},
		"rule for another model":      {ana(), []rule.Rule{r(t, "a", "allow", "*", "mm", "*", "")}, "default_deny "},
		"allowed":                     {ana(), []rule.Rule{r(t, "a", "allow", "group:ward", "m*", "infer", here)}, "allow a"},
		"the lowest id is named":      {ana(), []rule.Rule{r(t, "b", "allow", "*", "m", "*", ""), r(t, "a", "allow", "role:nurse", "*", "*", "")}, "allow a"},
		"a deny wins":                 {ana(), []rule.Rule{r(t, "a", "allow", "*", "m", "*", ""), r(t, "b", "deny", "*", "*", "*", "")}, "rule_denies b"},
		"a deny that does not hold":   {ana(), []rule.Rule{r(t, "a", "allow", "*", "m", "*", ""), r(t, "b", "deny", "*", "*", "*", away)}, "allow a"},
		"a deny alone closes":         {ana(), []rule.Rule{r(t, "b", "deny", "*", "*", "*", away)}, "no_rule_allows "},
		"contradiction":               {ana(), []rule.Rule{r(t, "a", "allow", "user:ana", "m", "infer", here), r(t, "b", "deny", "user:ana", "m", "infer", here)}, "rule_denies b"},
		"a condition fails":           {ana(), []rule.Rule{r(t, "a", "allow", "*", "m", "*", away)}, "condition_ip_ranges a"},
		"the nearest is named":        {ana(), []rule.Rule{r(t, "a", "allow", "*", "m", "*", away+`,"purpose":"required"`), r(t, "b", "allow", "*", "m", "*", `"purpose":"required"`)}, "condition_purpose b"},
		"expired":                     {ana(), []rule.Rule{r(t, "a", "allow", "*", "m", "*", `"valid_until":"2026-11-23T02:00:00Z"`)}, "condition_valid_until a"},
		"in its last moment":          {ana(), []rule.Rule{r(t, "a", "allow", "*", "m", "*", `"valid_until":"2026-11-23T02:00:00.000000001Z"`)}, "allow a"},
		"in its first moment":         {ana(), []rule.Rule{r(t, "a", "allow", "*", "m", "*", `"valid_from":"2026-11-23T10:00:00+08:00"`)}, "allow a"},
		"not yet":                     {ana(), []rule.Rule{r(t, "a", "allow", "*", "m", "*", `"valid_from":"2026-11-23T02:00:00.000000001Z"`)}, "condition_valid_from a"},
		"out of hours":                {ana(), []rule.Rule{r(t, "a", "allow", "*", "m", "*", `"hours":"Tue 08:00-18:00 Asia/Shanghai"`)}, "condition_hours a"},
		"key as its owner":            {ana(withKey), []rule.Rule{r(t, "a", "allow", "user:ana", "m", "*", "")}, "allow a"},
		"key named alone":             {ana(withKey), []rule.Rule{r(t, "a", "allow", "key:k1", "m", "*", "")}, "no_rule_allows "},
		"owner and key":               {ana(withKey), []rule.Rule{r(t, "a", "allow", "*", "m", "*", ""), r(t, "b", "allow", "key:k1", "m", "infer", "")}, "allow b"},
		"key's rule does not cover":   {ana(withKey), []rule.Rule{r(t, "a", "allow", "*", "m", "*", ""), r(t, "b", "allow", "key:k1", "m", "view", "")}, "key_rule "},
		"key's rule does not hold":    {ana(withKey), []rule.Rule{r(t, "a", "allow", "*", "m", "*", ""), r(t, "b", "allow", "key:k1", "m", "*", away)}, "condition_ip_ranges b"},
		"key's rule on other models":  {ana(withKey), []rule.Rule{r(t, "a", "allow", "*", "m", "*", ""), r(t, "b", "allow", "key:k1", "n", "*", "")}, "allow a"},
		"another key's rule":          {ana(withKey), []rule.Rule{r(t, "a", "allow", "*", "m", "*", ""), r(t, "b", "allow", "key:k2", "m", "view", "")}, "allow a"},
		"deny for the key":            {ana(withKey), []rule.Rule{r(t, "a", "allow", "*", "m", "*", ""), r(t, "b", "deny", "key:k1", "m", "*", "")}, "rule_denies b"},
		"deny for the key, no key":    {ana(), []rule.Rule{r(t, "a", "allow", "*", "m", "*", ""), r(t, "b", "deny", "key:k1", "m", "*", "")}, "allow a"},
		"a key among the faces":       {ana(func(q *rule.Request) { q.Faces = append(q.Faces, rule.Principal{Kind: "key", Ref: "k9"}) }), []rule.Rule{r(t, "a", "allow", "key:k9", "m", "*", "")}, "no_rule_allows "},
		"system":                      {ana(asSystem), nil, "allow "},
		"system past rules of others": {ana(asSystem), []rule.Rule{r(t, "a", "deny", "role:nurse", "m", "*", "")}, "allow "},
		"system and a deny for all":   {ana(asSystem), []rule.Rule{r(t, "a", "deny", "*", "m", "*", "")}, "rule_denies a"},
		"system has no address":       {ana(asSystem), []rule.Rule{r(t, "a", "deny", "*", "m", "*", `"ip_ranges":["0.0.0.0/0","::/0"]`)}, "allow "},
		"system is not counted":       {ana(asSystem), []rule.Rule{r(t, "a", "allow", "*", "m", "*", `"rate_limit":"1/day"`)}, "allow "},
		"no such operation":           {ana(func(q *rule.Request) { q.Op = "*" }), []rule.Rule{r(t, "a", "allow", "*", "m", "*", "")}, "no_rule_allows "},
		"report-only alone":           {ana(), []rule.Rule{reportOnly(r(t, "a", "allow", "*", "m", "*", ""))}, "default_deny "},
		"report-only deny":            {ana(), []rule.Rule{r(t, "a", "allow", "*", "m", "*", ""), reportOnly(r(t, "b", "deny", "*", "m", "*", ""))}, "allow a"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				d := set(t, false, c.rules...).Decide(c.q)
				require.Equal(t, c.want, word(d), "%+v", d)
				require.Equal(t, d, set(t, false, c.rules...).Explain(c.q).Decision)
				slices.Reverse(c.rules) // the order of the rules is nobody's business
			}
			if strings.HasPrefix(c.want, rule.ReasonDefault) {
				require.True(t, set(t, true, c.rules...).Decide(c.q).Allowed, "allowed by default")
			} else {
				require.Equal(t, c.want, word(set(t, true, c.rules...).Decide(c.q)))
			}
		})
	}
}

func reportOnly(x rule.Rule) rule.Rule { x.ReportOnly = true; return x }

func word(d rule.Decision) string {
	switch {
	case d.Admits():
		return "allow " + d.RuleID
	case d.Failing != nil:
		return d.Reason + " " + d.Failing.RuleID
	}
	return d.Reason + " " + d.RuleID
}

func TestAddressesMeet(t *testing.T) {
	q := func(ip string) rule.Request { return ana(func(q *rule.Request) { q.IP = netip.MustParseAddr(ip) }) }
	s := set(t, false, r(t, "a", "allow", "*", "m", "*", `"ip_ranges":["10.0.0.0/8","10.1.0.0/16","192.0.2.7","fe80::/10","2001:db8::/32"]`))
	for ip, want := range map[string]bool{
		"10.0.0.0": true, "10.255.255.255": true, "9.255.255.255": false, "11.0.0.0": false, "192.0.2.7": true, "192.0.2.8": false,
		"::ffff:10.1.2.3": true, "::ffff:11.1.2.3": false, "::a00:1": false, "fe80::1%eth0": true, "fe80::1": true, "2001:db8:ffff::": true, "2001:db9::": false,
	} {
		require.Equal(t, want, s.Decide(q(ip)).Allowed, ip)
	}
	require.False(t, s.Decide(ana(func(q *rule.Request) { q.IP = netip.Addr{} })).Allowed)
	everywhere := set(t, false, r(t, "a", "allow", "*", "m", "*", `"ip_ranges":["0.0.0.0/0"]`))
	require.True(t, everywhere.Decide(q("::ffff:1.2.3.4")).Allowed)
	require.False(t, everywhere.Decide(q("2001:db8::1")).Allowed, "/0 is one family")

	// 1,000 ranges in any order, looked at as one list and asked one by one
	var ranges []netip.Prefix
	x := r(t, "a", "allow", "*", "m", "*", "")
	for i := range 1000 {
		p, err := netip.AddrFrom4([4]byte{byte(i * 7), byte(i), byte(i * 13), 0}).Prefix(8 + i%25)
		require.NoError(t, err)
		ranges = append(ranges, p)
	}
	x.Conditions.IPRanges = ranges
	s = set(t, false, x)
	for i := range 5000 {
		ip := netip.AddrFrom4([4]byte{byte(i * 3), byte(i / 5), byte(i * 11), byte(i)})
		want := slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(ip) })
		require.Equal(t, want, s.Decide(q(ip.String())).Allowed, ip)
	}
}

func TestRates4Rules(t *testing.T) {
	rated := func(id, who, rate string) rule.Rule {
		return r(t, id, "allow", who, "m", "infer", `"rate_limit":"`+rate+`"`)
	}
	ids := func(list []rule.RatedRule) (out []string) {
		for _, x := range list {
			out = append(out, x.RuleID)
		}
		return out
	}
	away := r(t, "0", "allow", "*", "m", "*", `"rate_limit":"1/s","ip_ranges":["192.0.2.0/24"]`)

	d := set(t, false, rated("b", "*", "6/min"), rated("a", "role:nurse user:ana", "1/s"), rated("c", "user:bo", "1/s"), away).Decide(ana())
	require.False(t, d.Allowed, "not before it was charged")
	require.True(t, d.IfRoom)
	require.Equal(t, "a", d.RuleID)
	require.Equal(t, []string{"a", "b"}, ids(d.Rated), "each once, by id, only those whose conditions hold")
	require.Equal(t, [][]rule.RatedRule{d.Rated}, d.Groups())
	require.Equal(t, []string{"a", "b", "a", "a"}, []string{d.Charged([]int{0}), d.Charged([]int{1}), d.Charged([]int{-1}), d.Charged(nil)})
	require.Equal(t, rule.Decision{Reason: rule.ReasonRate, RuleID: "a"}, d.NoRoom())

	d = set(t, false, rated("a", "*", "6/min"), r(t, "b", "allow", "*", "m", "infer", "")).Decide(ana())
	require.Equal(t, "allow b", word(d), "where one needs no room, nothing is charged")
	require.True(t, d.Allowed)
	require.Empty(t, d.Rated)
	require.Nil(t, d.Groups())
	require.Equal(t, "b", d.Charged(nil))

	d = set(t, false, rated("a", "* key:k1", "6/min"), rated("b", "*", "1/s"), rated("c", "key:k1", "1/s")).Decide(ana(withKey))
	require.Equal(t, []string{"a", "b"}, ids(d.Rated))
	require.Equal(t, []string{"a", "c"}, ids(d.KeyRated))
	require.Equal(t, [][]rule.RatedRule{d.Rated, d.KeyRated}, d.Groups())
	require.Equal(t, "c", d.Charged([]int{1, 1}), "the key's own")
	require.Equal(t, "a", d.Charged([]int{1, 0}))

	d = set(t, false, r(t, "a", "allow", "*", "m", "*", ""), rated("b", "key:k1", "6/min")).Decide(ana(withKey))
	require.Equal(t, []string{"b"}, ids(d.KeyRated))
	require.Equal(t, [][]rule.RatedRule{d.KeyRated}, d.Groups())
	require.False(t, d.Allowed, "the key's rate counts as well")
	require.True(t, d.IfRoom)
	d = set(t, false, rated("a", "*", "6/min"), rated("b", "*", "6/min"), r(t, "k", "allow", "key:k1", "m", "*", "")).Decide(ana(withKey))
	require.Equal(t, []string{"k", "k"}, []string{d.RuleID, d.Charged([]int{1})}, "the key's rule decided, the owner's is charged")
	require.Equal(t, "a", d.NoRoom().RuleID)
	d = set(t, false, rated("a", "*", "6/min"), r(t, "b", "deny", "*", "m", "*", "")).Decide(ana())
	require.Equal(t, "rule_denies b", word(d))
	require.Empty(t, d.Rated)
}

func TestFailingSaysWhatWouldPass(t *testing.T) {
	d := set(t, false, r(t, "a", "allow", "*", "m", "*",
		`"ip_ranges":["192.0.2.0/24"],"valid_from":"2027-01-01T00:00:00Z","hours":"Tue 08:00-18:00 Asia/Shanghai","purpose":"required","rate_limit":"1/s"`)).Decide(ana())
	require.Equal(t, &rule.Failing{
		RuleID: "a", Condition: rule.CondIP, Others: []string{rule.CondFrom, rule.CondHours, rule.CondPurpose},
		WouldPass: "an address in 192.0.2.0/24 and a time from 2027-01-01T00:00:00Z on and a time within Tue 08:00-18:00 Asia/Shanghai, next from 2026-11-24T08:00:00+08:00 and a purpose",
	}, d.Failing)
}

func TestReported(t *testing.T) {
	s := set(t, false, reportOnly(r(t, "b", "deny", "*", "m", "*", "")), reportOnly(r(t, "a", "allow", "user:ana group:ward", "m*", "*", "")),
		reportOnly(r(t, "c", "deny", "*", "m", "*", `"purpose":"required"`)), reportOnly(r(t, "d", "deny", "key:k1", "m", "*", "")))
	require.Equal(t, []rule.Reported{{RuleID: "a", Allow: true}, {RuleID: "b"}}, s.Decide(ana()).Report)
	require.Equal(t, []rule.Reported{{RuleID: "a", Allow: true}, {RuleID: "b"}, {RuleID: "d"}}, s.Decide(ana(withKey)).Report)
	require.Equal(t, "a:allow", s.Decide(ana()).Report[0].String())
	require.Equal(t, "b:deny", s.Decide(ana()).Report[1].String())
}

func TestExplain(t *testing.T) {
	e := set(t, true, r(t, "a", "allow", "user:bo", "m", "*", ""), r(t, "b", "allow", "*", "m*", "infer", `"purpose":"required","rate_limit":"6/min"`),
		r(t, "c", "deny", "*", "m", "*", `"ip_ranges":["10.0.0.0/8"],"hours":"Mon 08:00-18:00 Asia/Shanghai"`), reportOnly(r(t, "d", "deny", "*", "m", "*", "")),
		r(t, "e", "allow", "*", "m", "view", ""), r(t, "f", "allow", "key:k1", "*", "*", ""), r(t, "g", "allow", "*", "other", "*", "")).Explain(ana(withKey))
	require.Equal(t, "rule_denies c", word(e.Decision))
	require.True(t, e.AnyEnforced && e.DefaultAllow)
	var why []string
	for _, c := range e.Considered {
		why = append(why, c.RuleID+": "+c.Why+" ("+c.WouldPass+")")
	}
	require.Equal(t, []string{
		"a: names other principals ()",
		"b: does not hold: purpose (a purpose)",
		"c: denies (an address outside 10.0.0.0/8 or a time outside Mon 08:00-18:00 Asia/Shanghai)",
		"d: would hold, and is only reported ()",
		"f: holds for the key, which narrows what its owner may ()",
	}, why)
	require.Equal(t, []rule.Checked{
		{Condition: rule.CondRate, Holds: true, Value: "6/min"},
		{Condition: rule.CondPurpose, Value: "required", WouldPass: "a purpose"},
	}, e.Considered[1].Conditions)
}

func TestCompileRefuses(t *testing.T) {
	good := r(t, "a", "allow", "*", "m", "*", "")
	rate := rule.Rate{N: 1, Per: time.Second}
	for name, change := range map[string]func(*rule.Rule){
		"no id":         func(x *rule.Rule) { x.ID = "" },
		"same id":       func(x *rule.Rule) { x.ID = "z" },
		"kind":          func(x *rule.Rule) { x.Principals = []rule.Principal{{Kind: "everybody"}} },
		"any with name": func(x *rule.Rule) { x.Principals = []rule.Principal{{Kind: "any", Ref: "x"}} },
		"no name":       func(x *rule.Rule) { x.Principals = []rule.Principal{{Kind: "user"}} },
		"operation":     func(x *rule.Rule) { x.Operations = []rule.Operation{"View"} },
		"deny, rate":    func(x *rule.Rule) { x.Allow, x.Conditions.Rate = false, &rate },
		"rate of 0":     func(x *rule.Rule) { x.Conditions.Rate = &rule.Rate{Per: time.Second} },
		"prefix":        func(x *rule.Rule) { x.Conditions.IPRanges = make([]netip.Prefix, 1) },
		"no ranges":     func(x *rule.Rule) { x.Conditions.IPRanges = []netip.Prefix{} },
		"no hours":      func(x *rule.Rule) { x.Conditions.Hours = &rule.Hours{} },
		"ends first":    func(x *rule.Rule) { x.Conditions.From, x.Conditions.Until = time.Unix(2, 0), time.Unix(2, 0) },
		"before 1970":   func(x *rule.Rule) { x.Conditions.Until = time.Unix(-1, 0) },
	} {
		x := good
		change(&x)
		s, err := rule.Compile([]rule.Rule{r(t, "z", "allow", "*", "m", "*", ""), x}, false)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		require.ErrorContains(t, err, fmt.Sprintf("rule %q: ", x.ID), name)
		require.Nil(t, s)
	}
	nobody := good
	nobody.Principals = nil
	require.Equal(t, "no_rule_allows ", word(set(t, true, nobody).Decide(ana())), "a rule for nobody closes what it names")
	nowhere := good
	nowhere.Models = nil
	require.True(t, set(t, true, nowhere).Decide(ana()).Allowed, "a rule for no model concerns none")
}

func TestASetDoesNotChange(t *testing.T) {
	x := r(t, "a", "allow", "user:ana", "m", "infer", `"ip_ranges":["192.0.2.0/24"],"rate_limit":"1/s"`)
	s := set(t, false, x)
	x.Principals[0], x.Models[0], x.Operations[0], x.Conditions.IPRanges[0] = rule.Principal{Kind: "any"}, "*", "*", netip.MustParsePrefix("0.0.0.0/0")
	x.Conditions.Rate.N = 1000
	require.False(t, s.Decide(ana()).Allowed)
	require.True(t, s.Explain(ana()).Considered[0].Principal)
	x.Principals[0] = rule.Principal{Kind: "user", Ref: "bo"}
	e := s.Explain(ana(func(q *rule.Request) { q.IP = netip.MustParseAddr("192.0.2.1") }))
	require.Equal(t, int64(1), e.Decision.Rated[0].Rate.N)
	require.True(t, e.Considered[0].Principal, "what explains is what decided")
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, id string
		want        bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"*", "anything", true},
		{"a*", "a", true},
		{"a*", "ba", false},
		{"*a", "ba", true},
		{"*a", "ab", false},
		{"a*c", "abc", true},
		{"a*c", "abd", false},
		{"a*a", "a", false},
		{"a*b*c", "axbxc", true},
		{"a*b*c", "acb", false},
		{"**", "x", true},
		{"a.c", "abc", false},
		{"*ab", "aab", true},
		{"*b*", "abc", true},
		{"*b*", "ac", false},
		{"*-q4", "m-q4", true},
		{"ab*ba", "aba", false},
	} {
		s := set(t, false, r(t, "a", "allow", "*", c.pattern, "*", ""))
		require.Equal(t, c.want, s.Decide(ana(func(q *rule.Request) { q.Model = c.id })).Allowed, "%q %q", c.pattern, c.id)
		require.Equal(t, c.want, rule.Match(c.pattern, c.id), "%q %q", c.pattern, c.id)
	}
	require.True(t, rule.Match("*", ""))
	long := set(t, false, rule.Rule{ID: "a", Allow: true, Principals: []rule.Principal{{Kind: "any"}}, Models: []string{strings.Repeat("*a", 500) + "b"}, Operations: []rule.Operation{"*"}})
	require.False(t, long.Decide(ana(func(q *rule.Request) { q.Model = strings.Repeat("a", 5000) })).Allowed)
}

// 50,000 rules compile, decide as few do, and more than a set may hold are refused.
func TestFiftyThousandRules(t *testing.T) {
	rules := hospital(50_000)
	s := set(t, false, rules...)
	for _, model := range []string{"model-5", "guard-nano", "model-17-1-q4", "none"} {
		for _, op := range []rule.Operation{rule.View, rule.Infer, rule.Download} {
			q := asker(model, op)
			// the same, with only the rules that could count
			var few []rule.Rule
			for _, x := range rules {
				if slices.ContainsFunc(x.Models, func(p string) bool { return p == model || strings.Contains(p, "*") }) {
					few = append(few, x)
				}
			}
			require.Equal(t, set(t, false, few...).Decide(q), s.Decide(q), "%s %s", model, op)
		}
	}
	wide := rule.Rule{Allow: true, Operations: []rule.Operation{"*"}}
	for i := range 400 {
		wide.Principals = append(wide.Principals, rule.Principal{Kind: "user", Ref: fmt.Sprint(i)})
		wide.Models = append(wide.Models, fmt.Sprint("m", i))
	}
	another := wide
	wide.ID, another.ID = "a", "b"
	_, err := rule.Compile([]rule.Rule{wide, another}, false)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.ErrorContains(t, err, `rule "b": with it`)

	ranges := make([]rule.Rule, 201)
	for i := range ranges {
		ranges[i] = r(t, fmt.Sprint(i), "allow", "*", "m", "*", "")
		for j := range 1000 {
			ranges[i].Conditions.IPRanges = append(ranges[i].Conditions.IPRanges, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(j >> 8), byte(j), 0}), 24))
		}
	}
	_, err = rule.Compile(ranges, false)
	require.ErrorContains(t, err, "address ranges")
	patterns := make([]rule.Rule, 1001)
	for i := range patterns {
		patterns[i] = r(t, fmt.Sprint(i), "allow", "*", fmt.Sprintf("a*%d m", i), "*", "")
	}
	_, err = rule.Compile(patterns[:1000], false)
	require.NoError(t, err)
	_, err = rule.Compile(patterns, false)
	require.ErrorContains(t, err, "more than 1000 patterns")
}
