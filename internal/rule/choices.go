package rule

import (
	"slices"
	"strings"
)

// Choices lists what may be charged for the request, each choice whole or not at all and the first that fits: one of Rated
// with one of KeyRated, in the order of their ids, a rule that is in both only once. It is nil where nothing is to be charged.
// The decision's rule is then the choice's last.
func (d Decision) Choices() [][]RatedRule {
	if len(d.Rated) == 0 || len(d.KeyRated) == 0 {
		var out [][]RatedRule
		for _, r := range slices.Concat(d.Rated, d.KeyRated) {
			out = append(out, []RatedRule{r})
		}
		return out
	}
	out := make([][]RatedRule, 0, len(d.Rated)*len(d.KeyRated))
	for _, a := range d.Rated {
		for _, b := range d.KeyRated {
			if a.RuleID == b.RuleID {
				out = append(out, []RatedRule{a})
			} else {
				out = append(out, []RatedRule{a, b})
			}
		}
	}
	return out
}

// String is the rule's id and what it would have done, as audit rows write it.
func (r Reported) String() string {
	word := effectDeny
	if r.Allow {
		word = effectAllow
	}
	return strings.Join([]string{r.RuleID, word}, ":")
}
