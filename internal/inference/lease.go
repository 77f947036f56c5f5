package inference

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/tally"
)

// State of a model in the table.
type State string

// The states: a model is loaded and stays until it is removed, or its loading failed.
const (
	Loading  State = "loading"
	Ready    State = "ready"
	Failed   State = "failed"
	Removing State = "removing" // no new leases; those out are waited for
)

// Status is what pages and metrics show of one model.
type Status struct {
	ID          string
	State       State
	Code        fault.Code // why loading failed, else ""
	Description Description
	Active      int           // leases out
	Waiting     int           // of them, those over the slots
	Capacity    int           // most leases
	Queued      int           // queries that wait for a place now
	OldestWait  time.Duration // of the one of them that waits longest
	Judged      uint64
	Failed      uint64        // by the model's fault: who left or ran out of time is counted apart
	Left        uint64        // whose caller was gone before the answer
	Late        uint64        // whose deadline passed before the answer
	Waits       Waits         // of all queries that ended, by how
	Work        Work          // of those judged
	Service     time.Duration // moving average of one query's computing
	LoadedAt    time.Time
}

// Waits are how long queries waited for a place, in seconds, by how they ended.
type Waits struct{ Judged, Failed, Left, Late tally.Distribution }

// Work is what the model computed: ids, of them those that were guessed ahead and those guessed right, and those written by
// generations.
type Work struct{ Evaluated, Drafted, Accepted, Written uint64 }

// Lease is the right to run queries on one model under one pass, until Release.
type Lease struct {
	scheduler *Scheduler
	entry     *entry
	owner     *owner
	pass      *access.Pass
	released  atomic.Bool
}

// Slots answers how many queries of the model run at the same time: asking for more at once gains nothing.
func (l *Lease) Slots() int { return max(1, l.entry.what.Slots) }

// Judge waits for the owner's turn at the model and runs one query. It refuses when the lease was released
// or its pass closed with fault.Internal; a caller that leaves while it waits costs the model nothing, and
// its place in the queue is free at once; all else is the model's answer. Several goroutines may share a lease.
func (l *Lease) Judge(ctx context.Context, q Query) (a Answer, err error) {
	if err := l.usable(); err != nil {
		return Answer{}, err
	}
	m, err := l.mark(ctx, q.Prompt)
	if err != nil {
		return Answer{}, err
	}
	defer func() { m.End(err == nil) }()
	t, err := l.enter(ctx, q.cost())
	if err != nil {
		return Answer{}, err
	}
	var waited time.Duration
	defer func() { l.leave(waited, a, err) }()
	if t != nil {
		waited = t.waited
		if err := l.usable(); err != nil { // it ended while this waited
			return Answer{}, err
		}
	}
	if err := m.Begin(ctx, false); err != nil {
		return Answer{}, err
	}
	a, err = l.entry.model.Judge(ctx, q)
	a.Queue += waited
	if t != nil {
		a.Place = t.place
	}
	return a, err
}

func (l *Lease) usable() error {
	if l.released.Load() {
		return fault.New(fault.Internal, "the lease was released")
	}
	if err := l.pass.Valid(); err != nil {
		return fault.Wrap(err, fault.Internal, "the model was asked for without a valid pass")
	}
	return nil
}

// enter takes one of the model's places. It answers the ticket that it waited with, nil if it did not wait.
func (l *Lease) enter(ctx context.Context, cost int) (*ticket, error) {
	s, q := l.scheduler, l.entry.queue
	s.mu.Lock()
	if q.shut != nil {
		defer s.mu.Unlock()
		return nil, q.shut
	}
	t := q.take(l.owner, cost, s.now)
	s.mu.Unlock()
	if t == nil {
		return nil, nil //nolint:nilnil // nobody before it: there was nothing to wait with
	}
	select {
	case <-t.ready:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.waited = max(s.now().Sub(t.since), 1)
	if err := ctx.Err(); err != nil {
		q.leave(t)
		if errors.Is(orEnough(ctx, err), errEnough) {
			return nil, errEnough // who has what he wanted did not leave
		}
		return nil, l.gone(t, err)
	}
	if t.shut != nil {
		l.entry.count(t.waited, Answer{}, t.shut)
		return nil, t.shut
	}
	return t, nil
}

// gone counts a query whose caller stopped waiting, and says why. Who ran out of time learns how long the line is and
// when to come back. The caller holds the scheduler's lock.
func (l *Lease) gone(t *ticket, why error) error {
	e := l.entry
	err := fault.From(why)
	e.count(t.waited, Answer{}, err)
	if err.Code != fault.Timeout {
		return err
	}
	return fault.Wrap(why, fault.Timeout, "The time for this request passed while it waited for the model.").
		WithRetry(e.retryAfter()).WithLine(fault.Line{Waiting: e.waiting(), Capacity: l.scheduler.queue})
}

// leave gives the place to the next and notes how the query ended.
func (l *Lease) leave(waited time.Duration, a Answer, err error) {
	l.scheduler.mu.Lock()
	defer l.scheduler.mu.Unlock()
	l.entry.queue.give()
	l.entry.count(max(waited, a.Queue), a, err)
}

// Release gives the lease back. A second call does nothing.
func (l *Lease) Release() {
	if l.released.Swap(true) {
		return
	}
	s, e := l.scheduler, l.entry
	s.mu.Lock()
	defer s.mu.Unlock()
	e.active--
	l.owner.leases--
	e.queue.tidy(l.owner)
	if e.idle != nil && e.active == 0 {
		close(e.idle)
	}
	s.leases--
	if s.closed && s.leases == 0 {
		close(s.drained)
	}
}

// count notes one query's end. The caller holds the scheduler's lock.
func (e *entry) count(waited time.Duration, a Answer, err error) {
	c := &e.ends[endOf(err)]
	c.queries++
	c.waits.Observe(waited.Seconds())
	if err != nil {
		return
	}
	e.work.Evaluated += uint64(max(0, a.Evaluated))
	e.work.Drafted += uint64(max(0, a.Drafted))
	e.work.Accepted += uint64(max(0, a.Accepted))
	if a.Compute > 0 {
		e.serve(a.Compute)
	}
}

// serve notes how long a place was held. The caller holds the scheduler's lock.
func (e *entry) serve(held time.Duration) {
	const weight = 16 // of the past: a burst of long texts is forgotten after some twenty queries
	if e.service == 0 {
		e.service = held
		return
	}
	e.service += (held - e.service) / weight
}

// waiting answers how many requests hold a place in the queue.
func (e *entry) waiting() int { return max(0, e.active-e.what.Slots) }

func (e *entry) capacity(queue int) int { return max(1, e.what.Slots) + queue }

// keptBack is the part of a long queue that one owner alone does not get: whoever comes next finds a place.
const keptBack = 16

// admit answers the owner of a new lease, or refuses with fault.Busy: a full queue, and an owner that holds its
// share of it. The share is nearly all places, and half of them while somebody else waits (threat R2). The refusal says
// which place in the line it would have been.
func (e *entry) admit(id string, queue, weight int) (*owner, error) {
	o := e.queue.owner(id)
	o.weight = weight
	if err := e.room(o, queue); err != nil {
		e.queue.tidy(o)
		return nil, err
	}
	o.leases++
	e.active++
	return o, nil
}

// room refuses as admit does and takes nothing.
func (e *entry) room(o *owner, queue int) error {
	share := queue - queue/keptBack
	if e.queue.othersWait(o) {
		share = (queue + 1) / 2
	}
	var refused *fault.Error
	switch {
	case e.active >= e.capacity(queue):
		refused = fault.Newf(fault.Busy, "The model's queue is full: %d requests wait.", e.waiting())
	case o.leases >= e.capacity(share):
		refused = fault.Newf(fault.Busy, "%d of your requests are at the model already, waiting or running; the other places are kept for others.", o.leases)
	default:
		return nil
	}
	line := fault.Line{Position: e.waiting() + 1, Waiting: e.waiting(), Capacity: queue}
	return refused.WithRetry(e.retryAfter()).WithLine(line)
}

// retryAfter estimates when a place in the queue is free: all who hold a lease or wait with a query, at the
// recent time of a query, served slots at a time. At least a second, since that is the header's unit; at
// most a minute.
func (e *entry) retryAfter() time.Duration {
	ahead := max(e.active, e.queue.running+e.queue.waiting)
	rounds := ahead/max(1, e.what.Slots) + 1
	return min(max(e.service*time.Duration(rounds), time.Second), time.Minute)
}
