package inference

import (
	"container/list"
	"time"
)

// maxAhead bounds the search for a place in the line: nobody is helped by a larger number.
const maxAhead = 10_000

// Line is what somebody who waits for a model may know: how long the line is and where he stands. It names nobody.
type Line struct {
	Waiting    int           // requests of everybody that wait
	Capacity   int           // most requests that may
	Yours      int           // requests of his at the model, waiting or running
	Place      int           // of the query of his that is next; 1 = it has the next free place; 0 = none waits
	OldestWait time.Duration // of the query of anybody that waits longest
	Expected   time.Duration // until his query has a place, at the recent time of a query
}

// Line answers how a model's line looks to an account (access.Pass.Account). It refuses a model that is not ready with
// fault.Loading.
func (s *Scheduler) Line(modelID, account string) (Line, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.ready(modelID)
	if err != nil {
		return Line{}, err
	}
	st := e.status(s.queue, s.now)
	l := Line{Waiting: st.Waiting, Capacity: s.queue, OldestWait: st.OldestWait}
	if o := e.queue.owners[account]; o != nil {
		l.Yours = o.leases
		l.Place = e.queue.place(o)
		l.Expected = time.Duration(l.Place) * e.service / time.Duration(max(1, e.what.Slots))
	}
	return l, nil
}

// shadow is an owner in a line that is gone through ahead of time.
type shadow struct {
	of     *owner
	credit int
	next   *list.Element // of the owner's tickets
}

// place answers which place in the line the owner's first ticket has if nobody comes or leaves: it goes through the
// turns as next does, on shadows. 0 if the owner has none; at most maxAhead.
func (q *queue) place(o *owner) int {
	if o.tickets.Len() == 0 {
		return 0
	}
	fresh, known := shadows(&q.fresh), shadows(&q.known)
	place := 1
	for unpaid := 0; place < maxAhead; {
		if unpaid > len(known) {
			skipAhead(known)
			unpaid = 0
		}
		from := &fresh
		if len(fresh) == 0 {
			from = &known
		}
		s := (*from)[0]
		if s.credit > 0 && s.next != nil {
			if s.of == o {
				return place
			}
			s.credit -= ticketOf(s.next).cost
			s.next = s.next.Next()
			place++
			unpaid = 0
			continue
		}
		*from = (*from)[1:]
		switch {
		case s.credit <= 0:
			s.credit += s.of.turn()
			unpaid++
			known = append(known, s)
		case from == &fresh:
			known = append(known, s)
		}
	}
	return place
}

func shadows(l *list.List) []*shadow {
	all := make([]*shadow, 0, l.Len())
	for e := l.Front(); e != nil; e = e.Next() {
		o := ownerOf(e)
		all = append(all, &shadow{of: o, credit: o.credit, next: o.tickets.Front()})
	}
	return all
}

// skipAhead is skip on shadows.
func skipAhead(known []*shadow) {
	rounds := mostRounds
	for _, s := range known {
		if s.next != nil {
			rounds = min(rounds, max(0, -s.credit)/s.of.turn())
		}
	}
	for _, s := range known {
		s.credit = min(s.credit+rounds*s.of.turn(), s.of.turn())
	}
}
