package limit

import (
	"time"

	"guardhouse/internal/fault"
)

// Outcome says whether a request got through, and how each limit that it was held against stands now.
type Outcome struct {
	Allowed bool
	// Choice that was charged, or that will have room first; -1 where none ever will.
	Choice int
	// Claims of that choice, in its order; of the first choice where none ever has room.
	Claims []Standing
	// Retry is when the same request fits if nobody else comes, 0 if it was let in or never fits.
	Retry time.Duration
	// Never: more than a limit lets through at once, a broken claim, or nothing to choose from. Waiting does not help.
	Never bool
}

// Standing is how one limit stands after the charge, or after the refusal, which charged nothing.
type Standing struct {
	Claim     Claim
	Limit     int64
	Remaining int64
	Window    time.Duration // the rate's span, or the length of this day or month
	Next      time.Duration // until Remaining grows, 0 where it is whole
	Reset     time.Duration // until it is whole again if nobody else comes
	Fits      bool          // had room for this request
}

// Refusal is nil where the request was let in, else RateLimited with the time to wait.
func (o Outcome) Refusal() error {
	switch {
	case o.Allowed:
		return nil
	case o.Never:
		return fault.New(fault.RateLimited, "This is more at once than the limit ever lets through.")
	}
	return fault.New(fault.RateLimited, "Too many requests. Wait a moment, then try again.").WithRetry(o.Retry)
}

// Charge holds n requests (an array's items are as many) against the first of the choices all of whose claims have room, and
// charges every claim of it n; where none has, it charges nothing. Choices are alternatives: the allow rules that could let
// the request pass, each with the claims that hold in any case. One choice without claims is always let in. n of 0 charges
// nothing and answers how things stand; less than 0, no choice at all and a claim that Check would refuse are refused.
func (l *Limiter) Charge(now time.Time, n int64, choices [][]Claim) Outcome {
	o, _ := l.Reserve(now, n, Cost{}, choices)
	return o
}

// Reserve is Charge that also takes cost from the choice's quotas, which the Reservation settles. The Reservation of a refused
// request is nil, which may be settled too.
func (l *Limiter) Reserve(now time.Time, n int64, cost Cost, choices [][]Claim) (Outcome, *Reservation) {
	if len(choices) == 0 || n < 0 || min(cost.Tokens, cost.Images, cost.ComputeMS) < 0 {
		return Outcome{Choice: -1, Never: true}, nil
	}
	plans := plan(now, n, cost, choices)
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.advance(now)
	soonest, best := never, 0
	for i, slots := range plans {
		wait := l.try(m, slots)
		if wait == 0 {
			held := l.take(m, slots)
			return Outcome{Allowed: true, Choice: i, Claims: l.standings(m, slots)}, held
		}
		if wait < soonest {
			soonest, best = wait, i
		}
	}
	o := Outcome{Choice: best, Claims: l.standings(m, plans[best]), Retry: soonest}
	if soonest == never {
		o.Choice, o.Retry, o.Never = -1, 0, true
	}
	return o, nil
}

// slot is a claim made ready: what it is counted under and how much it is to take.
type slot struct {
	claim  *Claim // the caller's, for the length of the call
	bucket bucketName
	count  countName
	ends   time.Time // of the quota's period
	want   int64
	broken bool
	twin   bool // one before it in the choice is counted under the same name
	fits   bool
}

// plan makes the slots of every choice. It needs no lock.
func plan(now time.Time, n int64, cost Cost, choices [][]Claim) [][]slot {
	plans := make([][]slot, len(choices))
	for i, claims := range choices {
		slots := make([]slot, len(claims))
		for j := range claims {
			c, s := &claims[j], &slots[j]
			s.claim = c
			switch {
			case c.check() != nil:
				s.broken = true
			case c.Quota == nil:
				s.bucket, s.want = c.bucket(), n
			default:
				s.count, s.ends = c.count(now)
				s.want = cost.of(c.Quota.Unit, n)
			}
			for k := range slots[:j] {
				s.twin = s.twin || slots[k].same(s)
			}
		}
		plans[i] = slots
	}
	return plans
}

// same reports whether two slots are counted under one name.
func (s *slot) same(o *slot) bool {
	return (s.claim.Quota == nil) == (o.claim.Quota == nil) && s.claim.Scope == o.claim.Scope &&
		s.bucket == o.bucket && s.count == o.count
}

// of answers the part of the cost that a quota on u takes.
func (c Cost) of(u Unit, n int64) int64 {
	switch u {
	case Requests:
		return n
	case Tokens:
		return c.Tokens
	case Images:
		return c.Images
	case ComputeMS:
		return c.ComputeMS
	}
	return 0
}

// try answers how long until all slots fit, 0 if they do now. It changes nothing but what the slots say of themselves.
func (l *Limiter) try(m moment, slots []slot) time.Duration {
	var longest time.Duration
	for i := range slots {
		s := &slots[i]
		wait := l.wait(m, s)
		s.fits = wait == 0
		longest = max(longest, wait)
	}
	return longest
}

func (l *Limiter) wait(m moment, s *slot) time.Duration {
	switch q := s.claim.Quota; {
	case s.broken:
		return never
	case q == nil:
		return m.later(s.claim.Rate.wait(l.debt(s, m.at), s.want))
	case s.want == 0 || s.want <= l.counter(s).left(q.Max):
		return 0
	case s.want > q.Max:
		return never
	}
	return s.ends.Sub(m.now)
}

// debt answers the debt of the slot's bucket.
func (l *Limiter) debt(s *slot, at int64) debt {
	if b := l.rates[s.claim.Scope].get(s.bucket); b != nil {
		return b.of(at)
	}
	return debt{}
}

// counter answers the slot's count.
func (l *Limiter) counter(s *slot) counter {
	if c := l.counts[s.claim.Scope].get(s.count); c != nil {
		return *c
	}
	return counter{}
}

// standings answers how the slots stand.
func (l *Limiter) standings(m moment, slots []slot) []Standing {
	all := make([]Standing, 0, len(slots))
	for i := range slots {
		s := &slots[i]
		st := Standing{Claim: *s.claim, Fits: s.fits}
		switch q := s.claim.Quota; {
		case s.broken:
		case q == nil:
			r, d := s.claim.Rate, l.debt(s, m.at)
			st.Limit, st.Window, st.Remaining, st.Reset = r.N, r.Per, r.remaining(d), m.later(d.up())
			if st.Remaining < r.N {
				st.Next = m.later(r.wait(d, st.Remaining+1))
			}
		default:
			st.Limit, st.Remaining = q.Max, l.counter(s).left(q.Max)
			st.Window = s.ends.Sub(s.count.start())
			if st.Remaining < q.Max {
				st.Next = s.ends.Sub(m.now)
				st.Reset = st.Next
			}
		}
		all = append(all, st)
	}
	return all
}
