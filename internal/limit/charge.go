package limit

import (
	"slices"
	"time"
)

// Ask is what a request is held against: every claim of All, and of each list of OneOf one more, the first with room. All are
// the limits that hold in any case; a list of OneOf are the rates of rules any of which could let the request pass. Without
// lists, All alone counts. A list without claims leaves nothing to choose from, so whoever comes with one is refused.
type Ask struct {
	All   []Claim
	OneOf [][]Claim
}

// Outcome says whether a request got through, and how each limit that it was held against stands now.
type Outcome struct {
	Allowed bool
	// Chosen is, for each list of OneOf, the place of the claim that was charged, or that will have room first; -1 where none
	// of the list ever will.
	Chosen []int
	// Claims are those of All in their order, then those that were chosen; of a list where none ever has room, its first. What
	// was chosen and is counted with one before it does not stand there again.
	Claims []Standing
	// Retry is when the same request fits if nobody else comes, 0 if it was let in or never fits.
	Retry time.Duration
	// Never: more than a limit lets through at once, a broken claim or request, or nothing to choose from. Waiting does not
	// help.
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
	Wait      time.Duration // until it has, 0 where it fits or never will
	Never     bool          // this request is more than it ever lets through
}

// Charge holds n requests (an array's items are as many) against all that is asked, and charges every claim n, and the first
// with room of each list of OneOf; where one does not fit, it charges nothing. An Ask without claims is always let in. Never
// are: n below 1 (whoever wants to look takes Peek), a claim that Check would refuse, and a quota on anything but requests,
// which needs Reserve, as Charge knows of no cost.
func (l *Limiter) Charge(now time.Time, n int64, a Ask) Outcome {
	o, _ := l.hold(now, query{n: n, ask: a, charge: true, requestsOnly: true})
	return o
}

// Reserve is Charge that also takes cost from the quotas, which the Reservation settles. The Reservation of a refused request
// is nil, which may be settled too. now is the moment that the rules were asked for, with its monotonic reading.
func (l *Limiter) Reserve(now time.Time, n int64, cost Cost, a Ask) (Outcome, *Reservation) {
	return l.hold(now, query{n: n, cost: cost, ask: a, charge: true})
}

// Peek is what Reserve would answer, and charges nothing: Claims say how the limits stand.
func (l *Limiter) Peek(now time.Time, n int64, cost Cost, a Ask) Outcome {
	o, _ := l.hold(now, query{n: n, cost: cost, ask: a})
	return o
}

// query is one call of the three.
type query struct {
	n            int64
	cost         Cost
	ask          Ask
	charge       bool
	requestsOnly bool
}

// sound says whether the query asks for something that can be charged.
func (q *query) sound() bool {
	empty := func(list []Claim) bool { return len(list) == 0 }
	return q.n >= 1 && min(q.cost.Tokens, q.cost.Images, q.cost.ComputeMS) >= 0 && !slices.ContainsFunc(q.ask.OneOf, empty)
}

func (l *Limiter) hold(now time.Time, q query) (Outcome, *Reservation) {
	if !q.sound() {
		return Outcome{Never: true}, nil
	}
	all := q.slots(now, q.ask.All)
	lists := make([][]slot, len(q.ask.OneOf))
	for i, list := range q.ask.OneOf {
		lists[i] = q.slots(now, list)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.advance(now)
	slots, chosen, wait := l.choose(m, all, lists)
	o := Outcome{Chosen: chosen}
	var held *Reservation
	switch {
	case wait == never:
		o.Never = true
	case wait > 0:
		o.Retry = wait
	default:
		o.Allowed = true
		if q.charge {
			held = l.take(m, slots)
		}
	}
	o.Claims = l.standings(m, slots)
	return o, held
}

// choose answers all slots and one of each list, the first that fits or else will first, and how long until all of these do.
// The lists do not depend on each other, as what two of them share is charged once; so the work is the sum of their lengths.
func (l *Limiter) choose(m moment, all []slot, lists [][]slot) (slots []slot, chosen []int, wait time.Duration) {
	slots = make([]slot, 0, len(all)+len(lists))
	for i := range all {
		wait = max(wait, l.try(m, &all[i]))
		all[i].twin = twice(slots, &all[i])
		slots = append(slots, all[i])
	}
	for _, list := range lists {
		soonest, best := never, -1
		for i := range list {
			if w := l.try(m, &list[i]); w < soonest {
				soonest, best = w, i
			}
			if soonest == 0 {
				break
			}
		}
		chosen = append(chosen, best)
		wait = max(wait, soonest)
		if s := &list[max(0, best)]; !twice(slots, s) {
			slots = append(slots, *s)
		}
	}
	return slots, chosen, wait
}

// slot is a claim made ready: what it is counted under and how much it is to take.
type slot struct {
	claim  *Claim // the caller's, for the length of the call
	bucket bucketName
	count  countName
	ends   time.Time // of the quota's period
	want   int64
	broken bool
	twin   bool // one before it is counted under the same name
	fits   bool
	wait   time.Duration // of the last try, never included
}

// slots makes claims ready. It needs no lock.
func (q *query) slots(now time.Time, claims []Claim) []slot {
	slots := make([]slot, len(claims))
	for i := range claims {
		c, s := &claims[i], &slots[i]
		s.claim = c
		switch {
		case c.check() != nil, q.requestsOnly && c.Quota != nil && c.Quota.Unit != Requests:
			s.broken = true
		case c.Quota == nil:
			s.bucket, s.want = c.bucket(), q.n
		default:
			s.count, s.ends = c.count(now)
			s.want = q.cost.of(c.Quota.Unit, q.n)
		}
	}
	return slots
}

// twice reports whether one of the slots is counted under the name of s.
func twice(slots []slot, s *slot) bool {
	return slices.ContainsFunc(slots, func(o slot) bool { return o.same(s) })
}

// same reports whether two slots are counted under one name.
func (s *slot) same(o *slot) bool {
	return !s.broken && !o.broken && (s.claim.Quota == nil) == (o.claim.Quota == nil) && s.claim.Scope == o.claim.Scope &&
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

// try answers how long until the slot fits, 0 if it does now. It changes nothing but what the slot says of itself.
func (l *Limiter) try(m moment, s *slot) time.Duration {
	wait := l.wait(m, s)
	s.fits, s.wait = wait == 0, wait
	return wait
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
		st := Standing{Claim: *s.claim, Fits: s.fits, Never: s.wait == never}
		if !st.Never {
			st.Wait = s.wait
		}
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
