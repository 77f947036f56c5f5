package limit

import (
	"time"

	"guardhouse/internal/fault"
)

// Refusal is nil where the request was let in at now, else RateLimited with the limit that had no room and the time to wait.
func (o Outcome) Refusal(now time.Time) error {
	if o.Allowed {
		return nil
	}
	s, named := o.Refused()
	if !named {
		return fault.New(fault.RateLimited, "This is more at once than the limit ever lets through.")
	}
	l := fault.Limit{Name: s.Claim.Policy, Max: s.Limit, Left: s.Remaining}
	what, of := "limit", "requests"
	if q := s.Claim.Quota; q != nil {
		l.Unit, l.Span = q.Unit.String(), q.Span.String()
		what, of = "quota", l.Unit
	}
	if o.Never {
		return fault.Newf(fault.RateLimited, "This is more at once than the %s %s ever lets through.", what, l.Name).WithLimit(l)
	}
	l.Until = now.Add(o.Retry)
	if q := s.Claim.Quota; q != nil {
		_, l.Until = q.Span.period(now)
	} else if whole := l.Until.Truncate(time.Second); whole.Before(l.Until) {
		l.Until = whole.Add(time.Second) // whoever obeys is not a moment early
	}
	l.Until = l.Until.UTC()
	return fault.Newf(fault.RateLimited, "The %s %s has no room for this until %s: %d of %d %s are left.", what, l.Name, l.Until.Format(time.RFC3339), l.Left, l.Max, of).
		WithRetry(o.Retry).WithLimit(l)
}

// Refused answers the limit that had no room, of several the one that has none for longest, and whether there is one: a broken
// request has none.
func (o Outcome) Refused() (found Standing, ok bool) {
	longer := func(a, b Standing) bool { return a.Never && !b.Never || a.Never == b.Never && a.Wait > b.Wait }
	for _, s := range o.Claims {
		if !s.Fits && (!ok || longer(s, found)) {
			found, ok = s, true
		}
	}
	return found, ok
}
