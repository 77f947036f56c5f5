package hygiene

import (
	"strings"

	"guardhouse/internal/access"
	"guardhouse/internal/rule"
)

// maxCompared bounds the comparisons of one analysis, for what does nothing and again for what opens something: a second or two
// of one core each. One is of two principals, models or ranges; patterns take 0.2 microseconds.
const maxCompared = 10_000_000

// index finds the few rules that could cover another: they name its first principal or everybody, and its first model or a
// pattern.
type index struct {
	rules    []access.StoredRule
	who      map[rule.Principal][]int
	models   map[string][]int // by model or pattern, as it is written
	patterns []int            // rules with a pattern among their models
	globs    []string         // the patterns of enforced rules, each once
	kept     map[place][]int
	left     int // comparisons that may still be made for cover
	spare    int // and for opens
}

func newIndex(rules []access.StoredRule, most int) *index {
	x := &index{
		rules: rules, who: map[rule.Principal][]int{}, models: map[string][]int{}, kept: map[place][]int{}, left: most, spare: most,
	}
	seen := map[string]bool{}
	for i := range rules {
		r := &rules[i].Rule
		for _, p := range r.Principals {
			x.who[p] = append(x.who[p], i)
		}
		star := false
		for _, m := range r.Models {
			x.models[m] = append(x.models[m], i)
			if !strings.Contains(m, "*") {
				continue
			}
			star = true
			if !r.ReportOnly && !seen[m] {
				seen[m] = true
				x.globs = append(x.globs, m)
			}
		}
		if star {
			x.patterns = append(x.patterns, i)
		}
	}
	return x
}

// cut says that not all was compared.
func (x *index) cut() bool { return x.left < 0 || x.spare < 0 }

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
			y := &x.rules[i].Rule
			if y.ID == r.ID || x.rules[i].Unreadable {
				continue
			}
			if x.left--; x.left < 0 {
				return nil, false
			}
			switch {
			case swallows(y, r, &x.left):
				return y, false
			case shadows(y, r, &x.left) && (y.ID < r.ID || !shadows(r, y, &x.left)):
				return y, true
			}
		}
	}
	return nil, false
}
