package hygiene

import (
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/rule"
)

// Bound has looks end sooner than anybody would wait for in a test.
func (s *Service) Bound(longest time.Duration, compared int) {
	s.longest, s.compared = longest, compared
}

// Opens answers which of the rules would open something if they went, and how many comparisons that took.
func Opens(rules []rule.Rule, defaultAllow bool) (open []string, compared int) {
	const most = 1 << 40
	stored := make([]access.StoredRule, len(rules))
	for i := range rules {
		stored[i].Rule = rules[i]
	}
	x := newIndex(stored, most)
	for i := range rules {
		if x.opens(&rules[i], defaultAllow) {
			open = append(open, rules[i].ID)
		}
	}
	return open, most - x.spare
}
