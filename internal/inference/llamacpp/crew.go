package llamacpp

import (
	"sync"
	"time"
)

// crew deals the cores to lanes, so that never more threads compute than there are cores: threads of a
// pass wait for each other spinning, and one that has no core stalls all the others.
type crew struct {
	now   func() time.Time
	mu    sync.Mutex
	freed *sync.Cond
	total int
	lanes int // passes that may run side by side
	slots int // queries that may be on lanes
	free  int
	asked int // queries with the model, on a lane or before it
	gauge gauge
}

// grant is a lane's share of the cores for one pass.
type grant struct {
	threads, ids int
	shared       bool // there was work for other lanes: its time says nothing of the threads
	since        time.Time
}

func newCrew(total, lanes int, weightBytes int64, now func() time.Time) *crew {
	c := &crew{now: now, total: total, lanes: lanes, free: total, gauge: gauge{weightBytes: weightBytes}}
	c.freed = sync.NewCond(&c.mu)
	return c
}

// join and leave say that the model was asked, and that it has answered. A lane that has just answered is not counted as
// idle while the next query is on its way to it: the other lanes would take its core for the length of a pass.
func (c *crew) join()  { c.mu.Lock(); c.asked++; c.mu.Unlock() }
func (c *crew) leave() { c.mu.Lock(); c.asked--; c.mu.Unlock() }

// busy answers how many lanes there is work for. The caller holds the lock.
func (c *crew) busy() int { return min(c.asked, c.lanes) }

// crowded says that somebody waits for a slot.
func (c *crew) crowded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked > c.slots
}

// take waits for a core and answers what the caller may use for a pass of so many ids: all cores where there is work for
// one lane, else an equal share, and no more than the pass is worth. The caller gives it back.
func (c *crew) take(ids int) grant {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.free == 0 {
		c.freed.Wait()
	}
	offer := min(c.free, max(1, c.total/max(1, c.busy())))
	g := grant{threads: c.gauge.advise(offer, ids), ids: ids, shared: c.busy() > 1, since: c.now()}
	c.free -= g.threads
	return g
}

func (c *crew) give(g grant) {
	c.mu.Lock()
	c.free += g.threads
	// Who came while a pass had all the cores did not compute: the passes that go wrong are those that others queue behind.
	alone := !g.shared && (c.busy() <= 1 || g.threads == c.total)
	if alone || g.threads == 1 && c.gauge.solo == 0 { // what one thread took in company is better than no idea of it
		c.gauge.note(g.threads, g.ids, c.now().Sub(g.since))
	}
	c.mu.Unlock()
	c.freed.Broadcast()
}
