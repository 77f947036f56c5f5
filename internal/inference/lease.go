package inference

import (
	"context"
	"sync/atomic"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
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
	Failed      uint64
	Service     time.Duration // moving average of one query's computing
	LoadedAt    time.Time
}

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
	waited, err := l.enter(ctx, len(q.Prompt))
	if err != nil {
		return Answer{}, err
	}
	defer func() { l.leave(a, err) }()
	if waited > 0 {
		if err := l.usable(); err != nil { // it ended while this waited
			return Answer{}, err
		}
	}
	a, err = l.entry.model.Judge(ctx, q)
	a.Queue += waited
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

// enter takes one of the model's places, and answers how long that took.
func (l *Lease) enter(ctx context.Context, cost int) (time.Duration, error) {
	s, q := l.scheduler, l.entry.queue
	s.mu.Lock()
	if q.shut != nil {
		defer s.mu.Unlock()
		return 0, q.shut
	}
	t := q.take(l.owner, cost, s.now)
	s.mu.Unlock()
	if t == nil {
		return 0, nil
	}
	select {
	case <-t.ready:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		q.leave(t)
		return 0, fault.From(err)
	}
	if t.shut != nil {
		return 0, t.shut
	}
	return max(s.now().Sub(t.since), 1), nil
}

// leave gives the place to the next and notes how the query ended.
func (l *Lease) leave(a Answer, err error) {
	l.scheduler.mu.Lock()
	defer l.scheduler.mu.Unlock()
	l.entry.queue.give()
	l.entry.count(a, err)
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
func (e *entry) count(a Answer, err error) {
	if err != nil {
		e.failed++
		return
	}
	e.judged++
	const weight = 16 // of the past: a burst of long texts is forgotten after some twenty queries
	if e.service == 0 {
		e.service = a.Compute
		return
	}
	e.service += (a.Compute - e.service) / weight
}

func (e *entry) capacity(queue int) int { return max(1, e.what.Slots) + queue }

// keptBack is the part of a long queue that one owner alone does not get: whoever comes next finds a place.
const keptBack = 16

// admit answers the owner of a new lease, or refuses with fault.Busy: a full queue, and an owner that holds its
// share of it. The share is nearly all places, and half of them while somebody else waits (threat R2).
func (e *entry) admit(id string, queue int) (*owner, error) {
	o := e.queue.owner(id)
	share := queue - queue/keptBack
	if e.queue.othersWait(o) {
		share = (queue + 1) / 2
	}
	var refused *fault.Error
	switch {
	case e.active >= e.capacity(queue):
		refused = fault.Newf(fault.Busy, "The model's queue is full: %d requests wait.", max(0, e.active-e.what.Slots))
	case o.leases >= e.capacity(share):
		refused = fault.Newf(fault.Busy, "%d of your requests are at the model already, waiting or running; the other places are kept for others.", o.leases)
	default:
		o.leases++
		e.active++
		return o, nil
	}
	e.queue.tidy(o)
	return nil, refused.WithRetry(e.retryAfter())
}

// retryAfter estimates when a place in the queue is free: all who hold a lease or wait with a query, at the
// recent time of a query, served slots at a time. At least a second, since that is the header's unit; at
// most a minute.
func (e *entry) retryAfter() time.Duration {
	ahead := max(e.active, e.queue.running+e.queue.waiting)
	rounds := ahead/max(1, e.what.Slots) + 1
	return min(max(e.service*time.Duration(rounds), time.Second), time.Minute)
}
