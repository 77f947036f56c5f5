package rule_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/rule"
)

// What is counted is never less than what is written: with ids, with names, and with every note that there may be.
func TestWhatIsCountedIsNeverLessThanWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f rule.File
		for i := range rapid.IntRange(1, 3).Draw(t, "rules") {
			r := drawRule(t, fmt.Sprint("r", i))
			r.Note = rapid.StringOfN(rapid.SampledFrom([]rune("ab \n\t'\"\\:#,-?[]{}é病\u3000😀\U000E0041")), 0, 60, -1).Draw(t, "text")
			if r.Check() != nil {
				r.Note = ""
			}
			f.Rules = append(f.Rules, r)
		}
		names := map[string]string{"yes": rapid.SampledFrom([]string{"", "bo", strings.Repeat("病", 64), strings.Repeat("𐐀", 64)}).Draw(t, "name")}
		named := func(p rule.Principal) string { return names[p.Ref] }
		bytes, values := rule.Size(f.Rules, named)
		worst, _ := rule.Size(f.Rules, nil)
		require.LessOrEqual(t, bytes, worst)
		for range 2 {
			text, err := f.YAML()
			require.NoError(t, err)
			require.LessOrEqual(t, len(text), bytes, "%s", text)
			require.LessOrEqual(t, rule.Values(text), values, "%s", text)
			for i := range f.Rules {
				for j, p := range f.Rules[i].Principals {
					if names[p.Ref] != "" {
						f.Rules[i].Principals[j].Ref = names[p.Ref]
					}
				}
			}
		}
	})
}

// A large house fits, and it is known without writing it.
func TestALargePolicyFits(t *testing.T) {
	rules := hospital(rule.MaxRules)
	asked := 0
	require.True(t, rule.Fits(rules, func(p rule.Principal) string { asked++; return "name-of-" + p.Ref }))
	require.Less(t, asked, 2*rule.MaxRules, "each rule names a person and a group, each of whom is asked for once")
	made := testing.AllocsPerRun(1, func() { rule.Fits(rules, nil) })
	require.Less(t, made, 30.0*rule.MaxRules, "nothing is written")
	for i := range rules {
		rules[i].Note = strings.Repeat("病", 300)
	}
	require.False(t, rule.Fits(rules, func(rule.Principal) string { return "" }), "too many bytes")
	for i := range rules {
		rules[i].Note = strings.Repeat(",", 30)
	}
	require.False(t, rule.Fits(rules, func(rule.Principal) string { return "" }), "too many values")
	require.False(t, rule.Fits(make([]rule.Rule, rule.MaxRules+1), nil))
}
