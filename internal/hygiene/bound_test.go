package hygiene_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/hygiene"
	"guardhouse/internal/rule"
)

// opensIfGone is what the index finds quickly, found slowly: each rule against each other.
func opensIfGone(rules []rule.Rule, x *rule.Rule, defaultAllow bool) bool {
	alone := func(does func(y *rule.Rule) bool) bool {
		return slices.ContainsFunc(x.Models, func(model string) bool {
			as := strings.ReplaceAll(model, "*", "\x00")
			return !slices.ContainsFunc(rules, func(y rule.Rule) bool {
				about := func(pattern string) bool { return rule.Match(pattern, as) }
				return y.ID != x.ID && !y.ReportOnly && does(&y) && slices.ContainsFunc(y.Models, about)
			})
		})
	}
	narrows := func(p rule.Principal) bool {
		return p.Kind == rule.KindKey && alone(func(y *rule.Rule) bool { return y.Allow && slices.Contains(y.Principals, p) })
	}
	return !x.ReportOnly && (defaultAllow && alone(func(*rule.Rule) bool { return true }) || x.Allow && slices.ContainsFunc(x.Principals, narrows))
}

func TestWhatARuleKeepsIsFound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rules := parse(t, anyRules().Draw(rt, "rules"))
		byDefault := rapid.Bool().Draw(rt, "default")
		var want []string
		for i := range rules {
			if opensIfGone(rules, &rules[i], byDefault) {
				want = append(want, rules[i].ID)
			}
		}
		got, _ := hygiene.Opens(rules, byDefault)
		require.Equal(rt, want, got)
	})
}

// As many rules as there may be are looked over in a time that grows as they do.
func TestWhatRulesKeepIsFoundInTime(t *testing.T) {
	some := func(n int) (rules []rule.Rule) {
		for i := range n {
			r := rule.Rule{ID: fmt.Sprintf("r%05d", i), Allow: true, Principals: []rule.Principal{{Kind: rule.KindAny}}, Operations: []rule.Operation{rule.Infer}}
			for j := range 20 {
				r.Models = append(r.Models, fmt.Sprintf("m-%d-%d", i/2*2, j)) // two rules share each
			}
			r.Models = append(r.Models, fmt.Sprintf("m-%d", i)) // and one they don't
			rules = append(rules, r)
		}
		return rules
	}
	open, compared := hygiene.Opens(some(10_000), true)
	require.Len(t, open, 10_000)
	require.Less(t, compared, 10_000*21*4)
	everybody := append(some(10_000), parse(t, "z allow * * view")...)
	open, compared = hygiene.Opens(everybody, true)
	require.Equal(t, []string{"z"}, open)
	require.Less(t, compared, 10_000*21*8)
}

const planted = `a allow * m view,infer
b allow user:usr_bo m infer
c deny user:usr_bo m* infer
d allow user:usr_ana n infer {"valid_until":"2026-11-01T00:00:00Z"}
e deny user:usr_ana n infer`

// What could not be looked at in the time there is is not said, and proposes nothing.
func TestALookIsBounded(t *testing.T) {
	h := newHouse(t, "allow")
	h.enforce(planted)
	require.Equal(t, []string{"contradictory:b by c -> remove", "expired:d -> remove"}, h.found())
	require.False(t, h.look().Cut)
	h.Bound(time.Minute, 0)
	require.Equal(t, []string{"expired:d"}, h.found())
	seen := h.look()
	require.True(t, seen.Cut)
	require.False(t, seen.Items[0].Opens, "that is not known")
	h.Bound(time.Nanosecond, 1000)
	seen = h.look()
	require.True(t, seen.Cut)
	require.Zero(t, seen.Rows)
}

// A look takes its turn among all that takes seconds, and ends with whoever asked.
func TestALookTakesItsTurn(t *testing.T) {
	h := newHouse(t, "")
	h.enforce(planted)
	var taken, given int
	busy := fault.New(fault.Busy, "later")
	h.Turn = func(context.Context, string) (func(), error) {
		taken++
		if taken > 1 {
			return nil, busy
		}
		return func() { given++ }, nil
	}
	h.look()
	require.Equal(t, 1, given)
	_, err := h.Look(t.Context(), cy(), 0)
	require.ErrorIs(t, err, busy)
	_, err = h.Apply(t.Context(), cy(), hygiene.Order{Finding: "contradictory:b"})
	require.ErrorIs(t, err, busy)
	page, err := h.log.List(t.Context(), audit.Filter{Action: string(access.ACLManage), Decision: audit.Error})
	require.NoError(t, err)
	require.Len(t, page.Items, 1, "an act that could not be done leaves its row, a look none")
	require.Equal(t, 1, given)
	h.Turn = func(context.Context, string) (func(), error) { return func() {}, nil }
	left, leave := context.WithCancel(t.Context())
	leave()
	_, err = h.Look(left, cy(), 0)
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
}
