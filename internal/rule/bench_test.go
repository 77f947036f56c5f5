package rule_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/rule"
)

// hospital answers n rules as a large house has them: most for one role, group or person and one model, some for families of
// models, a tenth that deny, a fifth with conditions, a few on everything.
func hospital(n int) []rule.Rule {
	hours, err := rule.ParseHours("Mon-Fri 08:00-18:00 Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	out := make([]rule.Rule, n)
	for i := range out {
		r := rule.Rule{
			ID: fmt.Sprintf("rule-%06d", i), Allow: i%10 != 0, ReportOnly: i%50 == 7,
			Principals: []rule.Principal{
				{Kind: rule.KindRole, Ref: fmt.Sprintf("role%d", i%9)},
				{Kind: rule.KindUser, Ref: fmt.Sprintf("usr_%d", i%997)},
				{Kind: rule.KindGroup, Ref: fmt.Sprintf("grp_%d", i%53)},
			},
			Models:     []string{fmt.Sprintf("model-%d", i%(n/10+1))},
			Operations: []rule.Operation{rule.View, rule.Infer},
		}
		switch i % 10 {
		case 0:
			r.Operations = []rule.Operation{rule.Download}
		case 3:
			r.Models = []string{fmt.Sprintf("model-%d*", i%97), fmt.Sprintf("*-%d-q4", i%31)}
		case 5:
			r.Conditions.IPRanges = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
		case 8:
			r.Conditions.Hours = &hours
			r.Conditions.Until = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		out[i] = r
	}
	out[n-1].Principals, out[n-1].Models = []rule.Principal{{Kind: rule.KindAny}}, []string{"guard-nano"}
	return out
}

func asker(model string, op rule.Operation) rule.Request {
	return rule.Request{
		Faces: []rule.Principal{
			{Kind: rule.KindAny},
			{Kind: rule.KindRole, Ref: "role5"},
			{Kind: rule.KindUser, Ref: "usr_5"},
			{Kind: rule.KindGroup, Ref: "grp_5"},
			{Kind: rule.KindGroup, Ref: "grp_6"},
		},
		Key: "key_1", Model: model, Op: op, IP: netip.MustParseAddr("10.1.2.3"), At: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC), Purpose: "triage",
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		s, err := rule.Compile(hospital(n), false)
		require.NoError(b, err)
		outside := asker("model-5", rule.Infer)
		outside.IP, outside.At = netip.MustParseAddr("192.0.2.1"), outside.At.Add(12*time.Hour)
		for _, c := range []struct {
			name string
			r    rule.Request
		}{
			{"allowed", asker("model-5", rule.Infer)},
			{"refused", asker("model-5", rule.Train)},
			{"condition", outside},
			{"unknown", asker("no-such-model", rule.View)},
		} {
			b.Run(fmt.Sprintf("rules=%d/%s", n, c.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s.Decide(c.r)
				}
			})
		}
	}
}

// Every rule speaks of the same model and the same people, on conditions that all fail: the longest way there is.
func BenchmarkDecideWorst(b *testing.B) {
	rules := hospital(10_000)
	for i := range rules {
		rules[i].Models, rules[i].Principals, rules[i].Operations = []string{"m"}, []rule.Principal{{Kind: rule.KindAny}}, []rule.Operation{rule.Every}
		rules[i].Conditions = rule.Conditions{IPRanges: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	}
	s, err := rule.Compile(rules, false)
	require.NoError(b, err)
	for b.Loop() {
		s.Decide(asker("m", rule.Infer))
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		rules := hospital(n)
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rule.Compile(rules, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseFile(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		text, err := rule.File{Default: "deny", Rules: hospital(n)}.YAML()
		require.NoError(b, err)
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rule.ParseFile(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
