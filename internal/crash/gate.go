package crash

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

var errLong = errors.New("somebody is inside for long")

// gate lets any number run together, or one alone. While one waits to be alone nobody else comes in, and whoever waited
// meanwhile goes before the next one that has to be alone: neither keeps the other out.
type gate struct {
	turn  chan struct{} // held by the one that is, or will be, alone
	lined atomic.Int32  // who wait for it
	long  atomic.Int32  // who are inside, or will be, for longer than anybody may wait to be alone

	mu      sync.Mutex
	inside  int
	shut    bool
	empty   chan struct{}              // closed when the last one is out; nil while nobody waits for that
	waiting map[chan struct{}]struct{} // closed when they are in
}

func newGate() *gate {
	return &gate{turn: make(chan struct{}, 1), waiting: map[chan struct{}]struct{}{}}
}

// queue waits for the turn to be alone.
func (g *gate) queue(ctx context.Context) error {
	g.lined.Add(1)
	defer g.lined.Add(-1)
	select {
	case g.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pass gives the turn to the next.
func (g *gate) pass() { <-g.turn }

// crowded says whether anybody waits for the end of the one that is alone, or of those who are inside together.
func (g *gate) crowded(alone bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if alone {
		return len(g.waiting) > 0 || g.lined.Load() > 0
	}
	return g.shut
}

func (g *gate) enter(ctx context.Context) error {
	g.mu.Lock()
	if !g.shut {
		g.inside++
		g.mu.Unlock()
		return nil
	}
	in := make(chan struct{})
	g.waiting[in] = struct{}{}
	g.mu.Unlock()
	select {
	case <-in:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, still := g.waiting[in]; still {
		delete(g.waiting, in)
		return ctx.Err()
	}
	return nil // it came in just before it gave up
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// enterAlone waits until nobody is inside. Only the holder of the turn calls it. It refuses with errLong while somebody is, or will
// be, inside for long.
func (g *gate) enterAlone(ctx context.Context) error {
	g.mu.Lock()
	if g.long.Load() > 0 {
		g.mu.Unlock()
		return errLong
	}
	g.shut = true
	var empty chan struct{}
	if g.inside > 0 {
		empty = make(chan struct{})
		g.empty = empty
	}
	g.mu.Unlock()
	if empty == nil {
		return nil
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		g.leaveAlone()
		return ctx.Err()
	}
}

// leaveAlone lets in whoever waits.
func (g *gate) leaveAlone() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut, g.empty = false, nil
	for in := range g.waiting {
		g.inside++
		close(in)
	}
	clear(g.waiting)
}
