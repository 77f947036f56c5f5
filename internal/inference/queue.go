package inference

import (
	"container/list"
	"math"
	"time"

	"guardhouse/internal/fault"
)

// quantum is how many prompt ids an owner of weight 1 may have judged before the next one's turn: about one text of
// the usual length, so that whoever waits is passed by little more than one text of every other owner.
const quantum = 64

// maxWeight bounds how many turns one owner gets for one of another's.
const maxWeight = 16

// mostRounds of the dearest turn are still a number.
const mostRounds = math.MaxInt / (2 * quantum * maxWeight)

// queue decides whose query gets one of a model's places next. Owners take turns by deficit round robin,
// and a turn is counted in prompt ids: who asks long questions gets fewer. An owner who was not there goes
// before those who wait already, once; the turn that it used is remembered until the round has passed it,
// so that coming back with an empty queue gains nothing. While nobody waits nothing is counted.
//
// It has no clock, no lock and no goroutine: the scheduler calls it under its lock.
type queue struct {
	places  int // queries that may be with the model
	running int // of them, those taken
	waiting int // tickets of all owners
	granted int // tickets that got a place so far
	owners  map[string]*owner
	fresh   list.List    // of *owner: came since the last turn, first come first
	known   list.List    // of *owner: the round
	shut    *fault.Error // why nobody gets a place any more, else nil
}

// owner is a person, or whoever else answers for requests, at one model.
type owner struct {
	id      string
	weight  int       // its turns for one of an owner of weight 1; 0 counts as 1
	leases  int       // leases out
	credit  int       // ids left of its turn; below zero what it took in advance
	tickets list.List // of *ticket
	in      *list.List
	at      *list.Element // in in
}

// ticket is one query that waits.
type ticket struct {
	owner  *owner
	cost   int
	since  time.Time
	place  int           // while it waits: granted when it came; then its place in the line: 1 = nobody went before it
	waited time.Duration // once it waits no more
	ready  chan struct{} // closed when it has a place, or will never get one
	at     *list.Element // nil once it waits no more
	shut   *fault.Error  // why it will never get one
}

func newQueue(places int) *queue {
	return &queue{places: max(1, places), owners: map[string]*owner{}}
}

// owner answers the owner of an id, who stays until the last lease is back and the round has passed.
func (q *queue) owner(id string) *owner {
	o := q.owners[id]
	if o == nil {
		o = &owner{id: id}
		q.owners[id] = o
	}
	return o
}

// take answers nil when the caller has a place now, else the ticket to wait with.
func (q *queue) take(o *owner, cost int, now func() time.Time) *ticket {
	if q.running < q.places && q.waiting == 0 {
		q.running++
		return nil
	}
	t := &ticket{owner: o, cost: max(1, cost), since: now(), place: q.granted, ready: make(chan struct{})}
	t.at = o.tickets.PushBack(t)
	q.waiting++
	if o.in == nil {
		o.credit = o.turn()
		q.move(o, &q.fresh)
	}
	return t
}

// give takes a place back and hands it to whoever is next.
func (q *queue) give() {
	q.running--
	t := q.next()
	if t == nil {
		q.forget()
		return
	}
	q.running++
	q.granted++
	t.place = q.granted - t.place
	close(t.ready)
}

// leave takes back what a caller that stopped waiting had: its ticket, or the place that it was just given.
func (q *queue) leave(t *ticket) {
	switch {
	case t.at != nil:
		q.drop(t)
	case t.shut == nil:
		q.give()
	}
}

// close ends all waiting, for good.
func (q *queue) close(why *fault.Error) {
	q.shut = why
	for _, l := range []*list.List{&q.fresh, &q.known} {
		for e := l.Front(); e != nil; e = e.Next() {
			for o := ownerOf(e); o.tickets.Len() > 0; {
				t := ticketOf(o.tickets.Front())
				q.drop(t)
				t.shut = why
				close(t.ready)
			}
		}
	}
}

// next takes out the ticket whose turn it is, nil if nobody waits.
func (q *queue) next() *ticket {
	for unpaid := 0; q.waiting > 0; {
		if unpaid > q.known.Len() {
			q.skip()
			unpaid = 0
		}
		from := &q.fresh
		if from.Len() == 0 {
			from = &q.known
		}
		o := ownerOf(from.Front())
		switch {
		case o.credit <= 0:
			o.credit += o.turn()
			q.move(o, &q.known)
			unpaid++
		case o.tickets.Len() > 0:
			t := ticketOf(o.tickets.Front())
			q.drop(t)
			o.credit -= t.cost
			return t
		case from == &q.fresh: // its turn stays used until the round comes by
			q.move(o, &q.known)
		default:
			q.move(o, nil)
		}
	}
	return nil
}

// skip passes as many rounds at once as nobody who waits could use: one long text is worth many turns.
func (q *queue) skip() {
	rounds := mostRounds
	for e := q.known.Front(); e != nil; e = e.Next() {
		if o := ownerOf(e); o.tickets.Len() > 0 {
			// Rounds that bring it above zero, less the one that its own turn adds.
			rounds = min(rounds, max(0, -o.credit)/o.turn())
		}
	}
	for e := q.known.Front(); e != nil; e = e.Next() {
		o := ownerOf(e)
		o.credit = min(o.credit+rounds*o.turn(), o.turn()) // saved by nobody
	}
}

// forget ends the round when a place stays empty: nobody was passed over.
func (q *queue) forget() {
	for _, l := range []*list.List{&q.fresh, &q.known} {
		for l.Len() > 0 {
			q.move(ownerOf(l.Front()), nil)
		}
	}
}

// move puts an owner at the end of a list, or out of the round.
func (q *queue) move(o *owner, to *list.List) {
	switch o.in {
	case nil:
	case to:
		to.MoveToBack(o.at)
		return
	default:
		o.in.Remove(o.at)
	}
	o.in, o.at = to, nil
	if to != nil {
		o.at = to.PushBack(o)
		return
	}
	q.tidy(o)
}

// tidy lets go of an owner that has nothing here.
func (q *queue) tidy(o *owner) {
	if o.in == nil && o.leases == 0 {
		delete(q.owners, o.id)
	}
}

func (q *queue) drop(t *ticket) {
	t.owner.tickets.Remove(t.at)
	t.at = nil
	q.waiting--
}

// turn answers how many ids the owner may have judged in one round.
func (o *owner) turn() int { return quantum * min(max(1, o.weight), maxWeight) }

// othersWait says whether anybody but o waits for a place.
func (q *queue) othersWait(o *owner) bool { return q.waiting > o.tickets.Len() }

// oldest answers since when the longest waiting ticket waits, the zero time if none does.
func (q *queue) oldest() (since time.Time) {
	for _, l := range []*list.List{&q.fresh, &q.known} {
		for e := l.Front(); e != nil; e = e.Next() {
			o := ownerOf(e)
			if o.tickets.Len() == 0 {
				continue
			}
			if t := ticketOf(o.tickets.Front()); since.IsZero() || t.since.Before(since) {
				since = t.since
			}
		}
	}
	return since
}

func ownerOf(e *list.Element) *owner   { o, _ := e.Value.(*owner); return o }
func ticketOf(e *list.Element) *ticket { t, _ := e.Value.(*ticket); return t }
