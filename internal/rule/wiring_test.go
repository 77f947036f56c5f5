package rule_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// What cannot be read closes: a deny holds always, an allow never, and it still narrows its key and encloses its model.
func TestUnreadable(t *testing.T) {
	away := `"ip_ranges":["192.0.2.0/24"]`
	everyone := r(t, "a", "allow", "*", "m", "*", "")
	deny := r(t, "b", "deny", "user:ana", "m", "infer", away).Unreadable()
	require.Equal(t, "rule_denies b", word(set(t, false, everyone, deny).Decide(ana())))
	require.True(t, set(t, false, everyone, deny).Decide(ana(func(q *rule.Request) { q.Op = rule.View })).Allowed)

	lost := rule.Rule{ID: "b", ReportOnly: true, Principals: []rule.Principal{{Kind: "user", Ref: "bo"}, {Kind: "team", Ref: "x"}}, Operations: []rule.Operation{"tune"}}
	require.Equal(t, "rule_denies b", word(set(t, true, lost.Unreadable()).Decide(ana())), "what it lacks is everything")

	allow := r(t, "b", "allow", "* key:k1", "m", "*", `"rate_limit":"1/s"`).Unreadable()
	require.Equal(t, "no_rule_allows ", word(set(t, true, allow).Decide(ana())), "its model does not fall to the default")
	require.Equal(t, "key_rule ", word(set(t, false, everyone, allow).Decide(ana(withKey))), "the key stays narrowed")
	require.True(t, set(t, false, everyone, allow).Decide(ana()).Allowed)
	require.Empty(t, rule.Rule{ID: "c", Allow: true, Principals: []rule.Principal{{Kind: "team"}}}.Unreadable().Principals)
}

func TestWhatTheCallerForgetsCloses(t *testing.T) {
	until := r(t, "a", "allow", "*", "m", "*", `"valid_until":"2020-01-01T00:00:00Z"`)
	require.False(t, set(t, false, until).Decide(ana(func(q *rule.Request) { q.At = time.Time{} })).Admits(), "no time")

	role, all := r(t, "a", "allow", "role:nurse", "m", "*", ""), r(t, "b", "deny", "*", "m", "*", "")
	d := set(t, false, role, all).Decide(ana(func(q *rule.Request) { q.Faces = []rule.Principal{{Kind: "role", Ref: "nurse"}} }))
	require.Equal(t, "rule_denies b", word(d), "everybody is anybody")

	away := r(t, "b", "deny", "*", "m", "*", `"ip_ranges":["192.0.2.0/24"]`)
	nowhere := func(q *rule.Request) { q.IP = netip.Addr{} }
	require.Equal(t, "rule_denies b", word(set(t, false, role, away).Decide(ana(nowhere))), "an unknown address could be one of these")
	require.True(t, set(t, false, role, away).Decide(ana()).Allowed)
	ours := r(t, "c", "allow", "*", "m", "*", `"ip_ranges":["0.0.0.0/0","::/0"]`)
	require.Equal(t, "condition_ip_ranges c", word(set(t, false, ours).Decide(ana(nowhere))))

	long := ana(func(q *rule.Request) { q.Model = strings.Repeat("m", 65) })
	require.False(t, set(t, true, all).Decide(long).Admits(), "no model has such an id")

	purpose := set(t, false, r(t, "a", "allow", "*", "m", "*", `"purpose":"required"`))
	for text, want := range map[string]bool{"": false, " ": false, "\u200b\t": false, "x": true, "查房": true} {
		d := purpose.Decide(ana(func(q *rule.Request) { q.Purpose = text }))
		require.Equal(t, want, d.Allowed, "%q", text)
	}
}

func TestConditionsRoundTrip(t *testing.T) {
	for _, text := range []string{
		`{}`, `{"ip_ranges":["10.0.0.0/8","fd00::/8"],"rate_limit":"10次/分钟","valid_from":"2026-01-01T00:00:00Z","valid_until":"2026-12-31T23:59:59.5Z","hours":"Mon-Fri 08:00-18:00 Asia/Shanghai","purpose":"required"}`,
	} {
		c, err := rule.ParseConditions([]byte(text))
		require.NoError(t, err)
		again, err := c.JSON()
		require.NoError(t, err)
		require.Equal(t, text, string(again))
	}
	for _, text := range []string{``, `null`, `[]`, `{"ip_ranges":[]}`, `{"hour":"x"}`, `{"hours":"always"}`} {
		c, err := rule.ParseConditions([]byte(text))
		require.Equal(t, fault.Invalid, fault.CodeOf(err), text)
		require.Equal(t, rule.Conditions{}, c)
	}
	for name, c := range map[string]rule.Conditions{
		"no ranges": {IPRanges: []netip.Prefix{}}, "no hours": {Hours: &rule.Hours{}}, "a rate": {Rate: &rule.Rate{N: 1, Per: 7}},
		"times": {From: time.Unix(1, 0), Until: time.Unix(1, 0)}, "before 1970": {From: time.Unix(-1, 0)},
		"many": {IPRanges: make([]netip.Prefix, 1001)},
	} {
		_, err := c.JSON()
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
	}
}

func TestParseList(t *testing.T) {
	list, err := rule.ParseList([]byte("["+base+","+base+"]"), "rules")
	require.NoError(t, err)
	require.Len(t, list, 2)
	for text, want := range map[string]string{
		`{}`: "rules", `null`: "rules",
		"[" + base + `,{"effect":"permit","principals":["*"],"operations":["view"]}]`:                                                                "rules[1].effect",
		"[" + base + `,{"effect":"allow","principals":["*"],"operations":["view"],"conditions":{"ip_ranges":["x"]}}]`:                                "rules[1].conditions.ip_ranges[0]",
		`[{"id":"a","effect":"allow","principals":["*"],"operations":["view"]},{"id":"a","effect":"deny","principals":["*"],"operations":["view"]}]`: "rules[1].id",
	} {
		list, err := rule.ParseList([]byte(text), "rules")
		require.Equal(t, want, fault.From(err).Field, "%v", err)
		require.Nil(t, list)
	}
}

// A list is refused where it becomes too long, not after all of it was read.
func TestLongJSONIsNotReadToItsEnd(t *testing.T) {
	text := []byte(`{"principals":[` + strings.Repeat("1,", 400_000) + `1]}`)
	_, err := rule.ParseJSON(text)
	require.ErrorContains(t, err, "at most 1000 entries")
	require.Less(t, testing.AllocsPerRun(1, func() { _, _ = rule.ParseJSON(text) }), 50_000.0)
}

func TestTooManyValuesAreRefusedUnread(t *testing.T) {
	for name, text := range map[string]string{
		"pairs": "{" + strings.Repeat("a,", 400_000) + "}", "quoted keys": "[" + strings.Repeat(`"a":1,`, 250_000) + "]", "empty pairs": strings.Repeat("a:\n", 400_000),
	} {
		_, err := rule.ParseFile([]byte(text))
		require.ErrorContains(t, err, "the file holds more than 600000 values", name)
	}
	// and a full policy is taken
	full := make([]rule.Rule, rule.MaxRules)
	for i := range full {
		full[i] = r(t, fmt.Sprint("rule-", i), "allow", "role:nurse user:rita key:01J group:radiology", "guard-nano qwen3guard-*", "view infer", `"ip_ranges":["10.0.0.0/8"],"purpose":"required"`)
		full[i].Note, full[i].Owner = "ward tablets", "user:admin"
	}
	text, err := rule.File{Default: "deny", Rules: full}.YAML()
	require.NoError(t, err)
	require.LessOrEqual(t, len(text), rule.MaxFile)
}

func TestResolve(t *testing.T) {
	ids := map[string]string{"rita": "usr_1", "ward": "grp_1"}
	find := func(p rule.Principal) (rule.Principal, error) {
		if p.Kind == rule.KindRole {
			return p, nil
		}
		if id, ok := ids[p.Ref]; ok {
			return rule.Principal{Kind: p.Kind, Ref: id}, nil
		}
		return p, fault.New(fault.NotFound, "nobody has this name")
	}
	x := r(t, "a", "allow", "* role:nurse user:rita group:ward", "m", "*", "")
	got, err := x.Resolve(find)
	require.NoError(t, err)
	require.Equal(t, []rule.Principal{{Kind: "any"}, {Kind: "role", Ref: "nurse"}, {Kind: "user", Ref: "usr_1"}, {Kind: "group", Ref: "grp_1"}}, got.Principals)
	require.Equal(t, "rita", x.Principals[2].Ref, "the rule itself stays")
	_, err = r(t, "a", "deny", "* user:usr_1", "m", "*", "").Resolve(find)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	require.Equal(t, "principals[1]", fault.From(err).Field)
}

func TestRanges(t *testing.T) {
	p, err := rule.ParsePrefix("10.0.0.0/8")
	require.NoError(t, err)
	ranges := rule.NewRanges([]netip.Prefix{p, netip.MustParsePrefix("fe80::/10")})
	for ip, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "11.0.0.0": false, "fe80::1%eth0": true, "fd00::1": false} {
		require.Equal(t, want, ranges.Has(netip.MustParseAddr(ip)), ip)
	}
	require.False(t, ranges.Has(netip.Addr{}))
	require.False(t, rule.Ranges{}.Has(netip.MustParseAddr("10.0.0.1")))
}

func TestExplanationsAreBoundedAndCanBeShown(t *testing.T) {
	rules := make([]rule.Rule, 700)
	for i := range rules {
		rules[i] = r(t, fmt.Sprintf("x%03d", i), "allow", "user:bo", "m", "*", "")
	}
	rules[699] = r(t, "x699", "allow", "user:ana", "m", "*", `"ip_ranges":["192.0.2.0/24"]`)
	rules[698] = r(t, "x698", "deny", "user:ana", "m", "*", `"purpose":"required"`)
	e := set(t, false, rules...).Explain(ana())
	require.Len(t, e.Considered, 500)
	require.Equal(t, 200, e.More)
	last := e.Considered[498:]
	require.Equal(t, []string{"x698", "x699"}, []string{last[0].RuleID, last[1].RuleID}, "those that name the caller stay")
	require.Empty(t, last[0].WouldPass, "nobody is told how to be denied")
	require.Equal(t, "an address in 192.0.2.0/24", last[1].WouldPass)
	require.Equal(t, rule.Explanation{Decision: rule.Decision{Reason: "condition_ip_ranges"}}, e.Safe())
}
