package hygiene_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/hygiene"
	"guardhouse/internal/rule"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func anyRules() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
		var lines []string
		for i := range rapid.IntRange(2, 9).Draw(t, "rules") {
			effect := pick("effect", "allow", "allow", "allow", "deny", "deny/report")
			c := []string{}
			if r := pick("ip", "", "", `"10.0.0.0/8"`, `"10.1.0.0/16"`, `"10.0.0.0/8","192.0.2.0/24"`); r != "" {
				c = append(c, `"ip_ranges":[`+r+`]`)
			}
			if r := pick("hours", "", "", "", "Mon-Fri 08:00-18:00 UTC", "Mon 08:00-18:00 UTC"); r != "" {
				c = append(c, `"hours":"`+r+`"`)
			}
			if r := pick("until", "", "", "2026-11-01", "2027-01-01", "2028-01-01"); r != "" {
				c = append(c, `"valid_until":"`+r+`T00:00:00Z"`)
			}
			if pick("purpose", "", "", "x") != "" {
				c = append(c, `"purpose":"required"`)
			}
			if effect == "allow" && pick("rate", "", "", "x") != "" {
				c = append(c, `"rate_limit":"5/min"`)
			}
			lines = append(lines, fmt.Sprintf("r%d %s %s %s %s {%s}", i, effect,
				pick("who", "*", "*", "role:reviewer", "user:usr_ana", "key:key_1", "key:key_1,*", "role:reviewer,user:usr_bo"),
				pick("model", "m", "n", "m,n", "*", "m*", "*n"), pick("ops", "infer", "view,infer", "*"), strings.Join(c, ",")))
		}
		return strings.Join(lines, "\n")
	})
}

func requests(from time.Time) []rule.Request {
	var out []rule.Request
	role := rule.Principal{Kind: rule.KindRole, Ref: "reviewer"}
	for _, who := range []rule.Request{
		{Faces: []rule.Principal{role, {Kind: rule.KindUser, Ref: "usr_ana"}}},
		{Faces: []rule.Principal{{Kind: rule.KindUser, Ref: "usr_bo"}}},
		{Faces: []rule.Principal{role, {Kind: rule.KindUser, Ref: "usr_ana"}}, Key: "key_1"},
		{Faces: []rule.Principal{role}, Key: "key_2"},
		{System: true},
	} {
		for _, model := range []string{"m", "n", "mn", "q"} {
			for _, op := range []rule.Operation{rule.View, rule.Infer, rule.Download} {
				for _, ip := range []string{"", "10.1.2.3", "10.200.0.1", "192.0.2.9", "203.0.113.1"} {
					for _, after := range []time.Duration{0, 20 * time.Hour, 100 * 24 * time.Hour} {
						for _, purpose := range []string{"", "x"} {
							r := who
							r.Model, r.Op, r.At, r.Purpose = model, op, from.Add(after), purpose
							if ip != "" {
								r.IP = netip.MustParseAddr(ip)
							}
							out = append(out, r)
						}
					}
				}
			}
		}
	}
	return out
}

// weight is what a decision comes to for whoever asks: yes, if there is room, or no.
func weight(d rule.Decision) string { return fmt.Sprint(d.Allowed, d.IfRoom) }

// Removing what is said to do nothing changes no decision of any request; removing what is over, or names nobody any more,
// lets nobody do more (D1).
func TestFindingsAreSound(t *testing.T) {
	all := requests(noon())
	found := map[string]int{}
	for _, byDefault := range []string{"deny", "allow"} {
		h := newHouse(t, byDefault)
		rapid.Check(t, func(rt *rapid.T) {
			text := anyRules().Draw(rt, "rules")
			h.enforce(text)
			rules := h.guard.Rules()
			before, err := rule.Compile(rules, byDefault == "allow")
			require.NoError(t, err)
			var nothing []string
			for _, f := range h.look().Items {
				found[f.Code]++
				if f.Proposal == nil || f.Proposal.Kind != hygiene.Remove {
					continue
				}
				gone := without(rules, f.RuleID)
				after, err := rule.Compile(gone, byDefault == "allow")
				require.NoError(t, err)
				for _, r := range all {
					was, is := before.Decide(r), after.Decide(r)
					require.Equal(t, weight(was), weight(is), "%s: %+v\n%s", f.ID, r, text)
				}
				nothing = append(nothing, f.RuleID)
			}
			after, err := rule.Compile(without(rules, nothing...), byDefault == "allow")
			require.NoError(t, err)
			if byDefault == "deny" {
				for _, r := range all {
					require.Equal(t, weight(before.Decide(r)), weight(after.Decide(r)), "all of them: %+v\n%s", r, text)
				}
			}
		})
	}
	t.Logf("found %v", found) // TestPlantedRulesAreFound says that each kind is found; how many there are here is chance
}

func without(rules []rule.Rule, ids ...string) []rule.Rule {
	return slices.DeleteFunc(slices.Clone(rules), func(r rule.Rule) bool { return slices.Contains(ids, r.ID) })
}

// Many rules that differ in little are told apart, and all of them found when one makes them idle.
func TestManyRules(t *testing.T) {
	h := newHouse(t, "")
	var lines []string
	for i := range 600 {
		lines = append(lines, fmt.Sprintf("r%05d allow * m infer {\"ip_ranges\":[\"10.%d.%d.0/24\"]}", i, i/250, i%250))
	}
	h.enforce(strings.Join(lines, "\n"))
	require.Empty(t, h.found())
	h.enforce(strings.Join(lines, "\n") + "\nz allow * m,n infer")
	require.Len(t, h.found(), 600)
}
