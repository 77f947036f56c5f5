package limit

import (
	"strings"
	"time"
)

// Reservation is what a request that was let in holds of its quotas until what it came to is known.
type Reservation struct {
	l    *Limiter
	held []hold
}

// hold is one count's part of a reservation.
type hold struct {
	name countName
	over int64
	want int64
}

// take charges every slot. The lock is held and all of them fit.
func (l *Limiter) take(m moment, slots []slot) *Reservation {
	r := &Reservation{l: l}
	for i := range slots {
		s := &slots[i]
		switch q := s.claim.Quota; {
		case s.twin:
		case q == nil:
			if s.want > 0 {
				b := l.rates[s.claim.Scope].put(s.bucket, m.at)
				d := s.claim.Rate.plus(b.of(m.at), s.claim.Rate.cost(s.want))
				b.full, b.rest = m.at+d.ns, d.rest
			}
		default:
			h := hold{s.count, m.at + int64(s.ends.Sub(m.now)) + grace, s.want}
			if q.Unit == Requests {
				l.book(h, m.at, 0, s.want)
				continue
			}
			l.book(h, m.at, s.want, 0)
			h.name.of = strings.Clone(h.name.of)
			r.held = append(r.held, h)
		}
	}
	return r
}

// book adds to a count: what is held, which may be negative, and what is used.
func (l *Limiter) book(h hold, at, held, used int64) {
	table := l.counts[h.name.scope]
	c := table.get(h.name)
	if c == nil {
		if held <= 0 && used <= 0 {
			return
		}
		h.name.of = strings.Clone(h.name.of) // not the request's whole buffer
		c = table.put(h.name, at)
		c.unit = h.name.unit
	}
	c.held = max(0, add(c.held, held))
	c.used = add(c.used, used)
	c.over = max(c.over, h.over)
	c.unsaved = true
}

// Settle gives back what was reserved and counts what the request came to, in the period in which it was let in, even beyond
// a quota: the work is done, and whoever comes next is refused. Requests stay counted whatever became of them. Cost{} gives
// everything back. Only the first call counts, so a deferred one may follow; a nil Reservation has nothing to settle.
func (r *Reservation) Settle(now time.Time, actual Cost) {
	if r == nil {
		return
	}
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	at := r.l.advance(now).at
	for _, h := range r.held {
		r.l.book(h, at, -h.want, max(0, actual.of(h.name.unit, 0)))
	}
	r.held = nil
}
