package limit

import (
	"math"
	"time"
)

// countName names one count: whose, of what, and the first day of its period, in days since 1970.
type countName struct {
	of    string
	day   int32
	unit  Unit
	span  Span
	scope Scope
}

// counter is a quota's count. held is what requests under way have reserved and not settled.
type counter struct {
	used, held int64
	over       int64 // the own time from which nobody needs it
	unsaved    bool
	unit       Unit
}

const (
	secondsPerDay = 24 * 60 * 60
	// grace a period's count outlives it, for a clock that is set back and for work that ends after midnight.
	grace = int64(24 * time.Hour)
)

// dear is how many tokens or milliseconds a request or an image counts for where one count has to go: quotas on these are
// nearly spent at numbers with which one on tokens has hardly begun.
const dear = 1_000

// weight is what forgetting the counter would give away: nothing once it is over and saved.
func (c *counter) weight(at int64) int64 {
	switch {
	case at <= c.over:
		w := add(c.used, c.held)
		if c.unit == Requests || c.unit == Images {
			w = min(w, math.MaxInt64/dear) * dear
		}
		return max(2, w) // more than an old one
	case c.unsaved:
		return 1
	}
	return 0
}

// add answers a + b of a count and what is added to it, at most the largest number.
func add(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// left answers how much of most is left, 0 where more than that is used.
func (c counter) left(most int64) int64 { return max(0, most-add(c.used, c.held)) }

// start answers the first moment of the period.
func (n countName) start() time.Time { return time.Unix(int64(n.day)*secondsPerDay, 0).UTC() }

// count answers the name of the claim's count at now, and when its period ends.
func (c *Claim) count(now time.Time) (countName, time.Time) {
	begins, ends := c.Quota.Span.period(now)
	day := int32(begins.Unix() / secondsPerDay)
	return countName{of: c.Of, day: day, unit: c.Quota.Unit, span: c.Quota.Span, scope: c.Scope}, ends
}

// Use is what somebody has used of one unit in one period.
type Use struct {
	Unit  Unit
	Span  Span
	Start time.Time
	Used  int64 // settled
	Held  int64 // reserved by what is under way
}

// Usage answers what of has used in now's day and month, units nobody counted left out.
func (l *Limiter) Usage(now time.Time, by Scope, of string) []Use {
	if int(by) >= scopes {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Use
	for unit := range Unit(units) {
		for span := range Span(spans) {
			c := Claim{Scope: by, Of: of, Quota: &Quota{Unit: unit, Span: span}}
			name, _ := c.count(now)
			if v := l.counts[by].get(name); v != nil {
				all = append(all, Use{unit, span, name.start(), v.used, v.held})
			}
		}
	}
	return all
}
