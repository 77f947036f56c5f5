package hygiene

import (
	"slices"

	"guardhouse/internal/rule"
)

// maxPairs bounds the comparisons of one analysis: a second's work.
const maxPairs = 5_000_000

// index finds the few rules that could cover another: they name its first principal or everybody, and its first model or a
// pattern.
type index struct {
	rules    []rule.Rule
	who      map[rule.Principal][]int
	models   map[string][]int
	patterns []int // rules with a pattern among their models
	left     int   // comparisons that may still be made
}

func newIndex(rules []rule.Rule) *index {
	x := &index{rules: rules, who: map[rule.Principal][]int{}, models: map[string][]int{}, left: maxPairs}
	for i := range rules {
		for _, p := range rules[i].Principals {
			x.who[p] = append(x.who[p], i)
		}
		star := false
		for _, m := range rules[i].Models {
			x.models[m] = append(x.models[m], i)
			star = star || slices.Contains([]byte(m), '*')
		}
		if star {
			x.patterns = append(x.patterns, i)
		}
	}
	return x
}

// near lists the rules that could cover r, by whichever way leaves fewer.
func (x *index) near(r *rule.Rule) [][]int {
	if len(r.Principals) == 0 || len(r.Models) == 0 {
		return nil // it concerns nobody, and is looked at elsewhere
	}
	byWho := [][]int{x.who[r.Principals[0]], x.who[rule.Principal{Kind: rule.KindAny}]}
	if r.Principals[0].Kind == rule.KindAny {
		byWho = byWho[:1]
	}
	byModel := [][]int{x.models[r.Models[0]], x.patterns}
	if size(byWho) <= size(byModel) {
		return byWho
	}
	return byModel
}

func size(lists [][]int) (n int) {
	for _, l := range lists {
		n += len(l)
	}
	return n
}

// cover answers the first rule that makes r do nothing, and whether it does the same; nil where there is none. Of two rules
// that cover one another the one with the lower id stays.
func (x *index) cover(r *rule.Rule) (by *rule.Rule, same bool) {
	for _, list := range x.near(r) {
		for _, i := range list {
			y := &x.rules[i]
			if y.ID == r.ID {
				continue
			}
			if x.left--; x.left < 0 {
				return nil, false
			}
			switch {
			case swallows(y, r):
				return y, false
			case shadows(y, r) && (y.ID < r.ID || !shadows(r, y)):
				return y, true
			}
		}
	}
	return nil, false
}
