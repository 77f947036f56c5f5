package llamacpp

import (
	"cmp"
	"errors"
	"sync"
	"time"
)

// trialIDs is a median prompt of the moderation data set.
const trialIDs = 57

// rig runs synthetic passes on contexts of its own, before a model's real ones are made.
type rig struct {
	open   func(laneLimits) (core, error)
	now    func() time.Time
	limits laneLimits

	mu    sync.Mutex
	cores []core
	over  bool // nothing may run any more
}

// lane answers the i-th context, made when it is first asked for. The first has the limits' slots and threads, the others
// what they need, since only the first ever runs alone.
func (r *rig) lane(i, slots, threads int) (core, error) {
	for len(r.cores) <= i {
		limits := r.limits
		if len(r.cores) > 0 {
			limits.slots, limits.threads = slots, threads
		}
		c, err := r.open(limits)
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		r.cores = append(r.cores, c)
		if r.over {
			c.abort(true)
		}
		r.mu.Unlock()
	}
	return r.cores[i], nil
}

// abort ends a running pass and all later ones. Any goroutine may call it, at any time.
func (r *rig) abort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	for _, c := range r.cores {
		c.abort(true)
	}
}

func (r *rig) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.cores {
		c.close()
	}
	r.cores = nil
}

// run does so many passes of synthetic prompts, reads the last row of each as a query would, and takes away what they stored.
func run(c core, prompts, ids, threads, passes int) error {
	var p pass
	for slot := range prompts {
		for i := range ids {
			p.add(slot, i, int32((1+slot*131+i*7919)%c.info().vocab), i == ids-1)
		}
	}
	for range passes {
		if err := c.decode(&p, threads); err != nil {
			return err
		}
		for slot := range prompts {
			if _, err := c.score((slot+1)*ids-1, 1, []int32{0}); err != nil && !errors.Is(err, errNotFinite) {
				return err
			}
			if err := c.keep(slot, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// saturate runs the same passes on all lanes of a layout at once and answers how long the last of them took. One pass before
// does not count: it wakes the threads that this layout needs, and lets those of another go to sleep.
func (r *rig) saturate(l layout, prompts, ids, passes int) (time.Duration, error) {
	cores := make([]core, l.lanes)
	for i := range cores {
		var err error
		if cores[i], err = r.lane(i, prompts, l.threads); err != nil {
			return 0, err
		}
	}
	if err := together(cores, func(c core) error { return run(c, prompts, ids, l.threads, 1) }); err != nil {
		return 0, err
	}
	start := r.now()
	err := together(cores, func(c core) error { return run(c, prompts, ids, l.threads, passes) })
	return r.now().Sub(start), err
}

// together calls f with each core at the same time, waits for all and answers the first error.
func together(cores []core, f func(core) error) error {
	errs := make([]error, len(cores))
	var all sync.WaitGroup
	for i, c := range cores {
		all.Go(func() { errs[i] = f(c) })
	}
	all.Wait()
	return cmp.Or(errs...)
}

// alone runs one prompt on the first lane and answers how long it took, after one that does not count.
func (r *rig) alone(ids, threads int) (time.Duration, error) {
	c, err := r.lane(0, r.limits.slots, r.limits.threads)
	if err != nil {
		return 0, err
	}
	if err := run(c, 1, ids, threads, 1); err != nil {
		return 0, err
	}
	start := r.now()
	err = run(c, 1, ids, threads, 1)
	return r.now().Sub(start), err
}
