package llamacpp

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

// scripted is a core that computes a hash instead of a model: what a row says depends on every id before
// it in its slot and on nothing else, so that a wrong position, slot, prefix or leftover changes an answer.
type scripted struct {
	t     testing.TB
	i     laneInfo
	inUse atomic.Bool
	abrt  atomic.Bool

	cells  [][]int32
	rows   map[int]uint64
	copies int
	wipes  int
	passes int
	widest int // ids of the largest pass

	mu      sync.Mutex
	fail    func(p *pass) error     // asked before each pass
	bad     func(ids []int32) error // asked for each row read
	entered chan struct{}           // told of each pass that begins, if not nil
	hold    chan struct{}           // what each pass waits for, if not nil; an abort ends the wait
	closed  bool
}

const scriptedVocab = 60

func newScripted(t testing.TB, slots, tokens, batch int) *scripted {
	return &scripted{
		t: t, i: laneInfo{vocab: scriptedVocab, slots: slots, slotTokens: tokens, batch: batch},
		cells: make([][]int32, slots),
	}
}

// alone asserts that only one goroutine is inside the core.
func (c *scripted) alone() func() {
	if c.inUse.Swap(true) {
		c.t.Error("two goroutines in one context")
	}
	return func() { c.inUse.Store(false) }
}

func (c *scripted) info() laneInfo { return c.i }
func (c *scripted) abort(on bool)  { c.abrt.Store(on) }

func (c *scripted) set(f func()) { c.mu.Lock(); f(); c.mu.Unlock() }

func (c *scripted) decode(p *pass, threads int) error {
	defer c.alone()()
	c.mu.Lock()
	fail, hold, entered := c.fail, c.hold, c.entered
	c.mu.Unlock()
	if threads < 1 || len(p.ids) == 0 || len(p.ids) > c.i.batch {
		c.t.Errorf("pass of %d ids on %d threads", len(p.ids), threads)
		return errInvalid
	}
	if !slices.IsSorted(p.seq) {
		c.t.Error("slots are out of order")
	}
	if entered != nil {
		entered <- struct{}{}
	}
	for hold != nil && !c.abrt.Load() {
		select {
		case <-hold:
			hold = nil
		case <-time.After(time.Millisecond):
		}
	}
	c.passes++
	c.widest = max(c.widest, len(p.ids))
	c.rows = make(map[int]uint64)
	for i, id := range p.ids {
		s := p.seq[i]
		if int(p.pos[i]) != len(c.cells[s]) || len(c.cells[s]) >= c.i.slotTokens {
			c.t.Errorf("slot %d: position %d after %d ids", s, p.pos[i], len(c.cells[s]))
			return errInvalid
		}
		c.cells[s] = append(c.cells[s], id)
		if p.want[i] == 1 {
			c.rows[i] = hashOf(c.cells[s])
		}
	}
	if c.abrt.Load() {
		return errAborted
	}
	if fail != nil {
		return fail(p)
	}
	return nil
}

func (c *scripted) keep(slot, from int) error {
	defer c.alone()()
	c.cells[slot] = c.cells[slot][:min(from, len(c.cells[slot]))]
	return nil
}

func (c *scripted) copySlot(src, dst int) error {
	defer c.alone()()
	c.copies++
	c.cells[dst] = slices.Clone(c.cells[src])
	return nil
}

func (c *scripted) wipe() error {
	defer c.alone()()
	c.set(func() { c.wipes++ })
	for i := range c.cells {
		c.cells[i] = nil
	}
	return nil
}

func (c *scripted) score(row int, temperature float64, labels []int32) (scores, error) {
	defer c.alone()()
	h, ok := c.rows[row]
	if !ok {
		c.t.Errorf("row %d was not wanted", row)
		return scores{}, errInvalid
	}
	c.mu.Lock()
	bad := c.bad
	c.mu.Unlock()
	if bad != nil {
		if err := bad(labels); err != nil {
			return scores{}, err
		}
	}
	return scoreOf(h, labels), nil
}

func (c *scripted) logits(row int) ([]float32, error) {
	defer c.alone()()
	h, ok := c.rows[row]
	if !ok {
		c.t.Errorf("row %d was not wanted", row)
		return nil, errInvalid
	}
	return rowOf(h), nil
}

func (c *scripted) close() {
	defer c.alone()()
	c.set(func() { c.closed = true })
}

func hashOf(ids []int32) uint64 {
	h := uint64(14695981039346656037)
	for _, id := range ids {
		h = (h ^ uint64(id)) * 1099511628211
	}
	return h ^ h>>29
}

func logitOf(h uint64, id int32) float32 {
	x := (h ^ uint64(id+1)*0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	return float32((x^x>>31)%100003) / 1000
}

func rowOf(h uint64) []float32 {
	row := make([]float32, scriptedVocab)
	for id := range row {
		row[id] = logitOf(h, int32(id))
	}
	return row
}

func scoreOf(h uint64, labels []int32) scores {
	var s scores
	for id := range int32(scriptedVocab) {
		if logitOf(h, id) > logitOf(h, s.best) {
			s.best = id
		}
	}
	for _, l := range labels {
		s.logits = append(s.logits, logitOf(h, l))
		s.probs = append(s.probs, float64(logitOf(h, l))/1000)
	}
	return s
}

// expected is what one query must be answered, computed without slots, passes or lanes.
func expected(q inference.Query) inference.Answer {
	if q.Free {
		return follow(q, inference.Answer{}, slices.Clone(q.Prompt))
	}
	found := scoreOf(hashOf(q.Prompt), q.Labels)
	a := inference.Answer{Probs: found.probs, Logits: found.logits}
	for i, l := range a.Logits {
		if l > a.Logits[a.Best] {
			a.Best = i
		}
	}
	a.BestIsGreedy = found.best == q.Labels[a.Best]
	if a.Best >= len(q.Tails) || q.Tails[a.Best] == nil || q.MaxTail == 0 {
		return a
	}
	return follow(q, a, slices.Concat(q.Prompt, []int32{q.Labels[a.Best]}, q.Tails[a.Best]))
}

// follow adds what greedy decoding writes after all, an id at a time.
func follow(q inference.Query, a inference.Answer, all []int32) inference.Answer {
	for len(a.Tail) < q.MaxTail {
		next := scoreOf(hashOf(all), nil).best
		if slices.Contains(q.Stop, next) {
			a.Stopped = true
			return a
		}
		a.Tail = append(a.Tail, next)
		all = append(all, next)
	}
	return a
}

func requireAnswer(t testing.TB, want, got inference.Answer) {
	t.Helper()
	got.Passes, got.Queue, got.Compute = 0, 0, 0
	got.Evaluated, got.Drafted, got.Accepted = 0, 0, 0
	require.Equal(t, want, got)
}

// modelOn starts a model on scripted cores.
func modelOn(t testing.TB, threads int, cores ...*scripted) *model {
	t.Helper()
	list := make([]core, len(cores))
	for i, c := range cores {
		list[i] = c
	}
	released := false
	p := plan{lanes: len(cores), threads: threads, slotTokens: cores[0].i.slotTokens, temperature: 1, weightBytes: 1 << 20}
	m := newModel(p, list, time.Now, func() { released = true })
	t.Cleanup(func() {
		require.NoError(t, m.Close())
		require.True(t, released)
		for _, c := range cores {
			require.True(t, c.closed)
		}
	})
	return m
}
