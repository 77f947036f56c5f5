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
	Active      int // leases out
	Waiting     int // of them, those over the slots
	Capacity    int // most leases
	Judged      uint64
	Failed      uint64
	Service     time.Duration // moving average of one query's computing
	LoadedAt    time.Time
}

// Lease is the right to run queries on one model under one pass, until Release.
type Lease struct {
	scheduler *Scheduler
	entry     *entry
	pass      *access.Pass
	released  atomic.Bool
}

// Judge runs one query. It refuses when the lease was released or its pass closed with fault.Internal;
// all else is the model's answer. Several goroutines may share a lease.
func (l *Lease) Judge(ctx context.Context, q Query) (Answer, error) {
	if l.released.Load() {
		return Answer{}, fault.New(fault.Internal, "the lease was released")
	}
	if err := l.pass.Valid(); err != nil {
		return Answer{}, fault.Wrap(err, fault.Internal, "the model was asked for without a valid pass")
	}
	a, err := l.entry.model.Judge(ctx, q)
	l.scheduler.mu.Lock()
	defer l.scheduler.mu.Unlock()
	l.entry.count(a, err)
	return a, err
}

// Release gives the lease back. A second call does nothing.
func (l *Lease) Release() {
	if l.released.Swap(true) {
		return
	}
	s := l.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	l.entry.active--
	if l.entry.idle != nil && l.entry.active == 0 {
		close(l.entry.idle)
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

// retryAfter estimates when a place in the queue is free: all who hold a lease, at the recent time of a
// query, served slots at a time. At least a second, since that is the header's unit; at most a minute.
func (e *entry) retryAfter() time.Duration {
	rounds := e.active/max(1, e.what.Slots) + 1
	return min(max(e.service*time.Duration(rounds), time.Second), time.Minute)
}
