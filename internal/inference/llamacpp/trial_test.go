package llamacpp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// machine is a place for scripted cores whose passes take a given time. Cores that run between two looks at the clock run
// side by side: the clock goes on by the busiest one.
type machine struct {
	t     testing.TB
	speed func(l laneLimits, ids, threads int) time.Duration
	fail  func(opened int) error

	mu      sync.Mutex
	elapsed time.Duration
	cores   []*timed
}

type timed struct {
	*scripted
	m      *machine
	limits laneLimits
	busy   time.Duration // since the last look at the clock
}

func (m *machine) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	longest := time.Duration(0)
	for _, c := range m.cores {
		longest = max(longest, c.busy)
		c.busy = 0
	}
	m.elapsed += longest
	return time.Unix(0, 0).Add(m.elapsed)
}

func (m *machine) open(l laneLimits) (core, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(len(m.cores)); err != nil {
			return nil, err
		}
	}
	c := &timed{scripted: newScripted(m.t, l.slots, l.slotTokens, l.batch), m: m, limits: l}
	m.cores = append(m.cores, c)
	return c, nil
}

func (c *timed) decode(p *pass, threads int) error {
	if threads > c.limits.threads {
		c.t.Errorf("%d threads in a context of %d", threads, c.limits.threads)
	}
	if err := c.scripted.decode(p, threads); err != nil {
		return err
	}
	c.m.mu.Lock()
	c.busy += c.m.speed(c.limits, len(p.ids), threads)
	c.m.mu.Unlock()
	return nil
}

func (m *machine) means(room int64) means {
	// The clock is not the system's: what ends a trial here is a deadline against hangs.
	patient := func(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Minute)
	}
	return means{open: m.open, now: m.now, within: patient, room: room}
}

func (m *machine) requireClosed() {
	m.t.Helper()
	require.NotEmpty(m.t, m.cores)
	for i, c := range m.cores {
		require.True(m.t, c.closed, "context %d of the trial is left", i)
	}
}

// scaling is a machine where one thread takes so long an id, and a pass over n threads what it gains, less a wait.
func scaling(t testing.TB, each time.Duration, efficiency func(threads int) float64) *machine {
	return &machine{t: t, speed: func(_ laneLimits, ids, threads int) time.Duration {
		return time.Duration(float64(each) * float64(ids) / (float64(threads) * efficiency(threads)))
	}}
}

func settled(t testing.TB, m *machine, s inference.Spec, weights int64, cores int, room int64) (plan, error) {
	t.Helper()
	p, err := newPlan(s, weights, cores)
	require.NoError(t, err)
	p.need = need{cell: 1024, vocab: scriptedVocab, heads: 4}
	return p, p.settle(t.Context(), s, m.means(room))
}

func TestTrialPicksTheFastest(t *testing.T) {
	for name, c := range map[string]struct {
		cores      int
		weights    int64
		efficiency map[int]float64 // of a pass over so many threads; a lane alone on its thread loses nothing
		lanes      int
	}{
		"a small model whose threads wait":        {2, 8 << 20, map[int]float64{2: 0.7}, 2},
		"a small model whose threads do not":      {2, 8 << 20, map[int]float64{2: 1.3}, 1},
		"no clear winner, small":                  {2, 8 << 20, map[int]float64{2: 1.05}, 2},
		"no clear winner, large":                  {2, 400 << 20, map[int]float64{2: 0.95}, 1},
		"a large model whose threads wait":        {2, 400 << 20, map[int]float64{2: 0.7}, 2},
		"four cores, something between":           {4, 8 << 20, map[int]float64{2: 1.2, 4: 0.6}, 2},
		"four cores, one pass":                    {4, 400 << 20, map[int]float64{2: 1.1, 4: 1.1}, 1},
		"sixteen cores: four lanes of four, best": {16, 400 << 20, map[int]float64{4: 1.5, 16: 0.5}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			m := scaling(t, 20*time.Microsecond, func(n int) float64 {
				if e, ok := c.efficiency[n]; ok {
					return e
				}
				return 1
			})
			p, err := settled(t, m, inference.Spec{SlotTokens: 4096, Measure: true, Flash: choiceOn}, c.weights, c.cores, 0)
			require.NoError(t, err)
			m.requireClosed()
			require.Equal(t, c.lanes, p.lanes, p.choice.Why)
			require.Equal(t, c.cores/c.lanes, p.lane.share)
			require.GreaterOrEqual(t, p.lane.slots, slotsPerLane)
			require.Equal(t, 4096, p.lane.slotTokens, "the real windows, not the trial's")
			require.Len(t, p.choice.Trials, len(layouts(c.cores, maxLanes)))
			require.Positive(t, p.choice.Took)
			for _, tr := range p.choice.Trials {
				e := 1.0
				if tr.Threads > 1 {
					e = c.efficiency[tr.Threads]
				}
				require.InEpsilon(t, 1/(20e-6*trialIDs)*float64(tr.Lanes*tr.Threads)*e, tr.PerSecond, 0.02)
			}
			require.Contains(t, p.choice.Why, fmt.Sprintf("%s did", layout{p.lanes, p.lane.share}))
			g := gauge{}
			g.seed(p.choice)
			require.InEpsilon(t, 20000, g.solo, 0.01, "an id alone, which the gauge begins with")
			require.Equal(t, c.efficiency[c.cores]*float64(c.cores) < 1, g.preferSolo())
		})
	}
}

func TestTrialShrinksOrGivesUp(t *testing.T) {
	perfect := func(int) float64 { return 1 }
	for _, c := range []struct {
		each    time.Duration
		weights int64
		ids     int // of a prompt of the trial, 0 = nothing was tried
	}{
		{90 * time.Microsecond, 8 << 20, trialIDs},
		{time.Millisecond, 8 << 20, 16},
		{7 * time.Millisecond, 8 << 20, 0},
		{4 * time.Millisecond, 335 << 20, 16},
		{7 * time.Millisecond, 335 << 20, 0},
		{2 * time.Millisecond, 335 << 20, 32},
		{time.Millisecond, 335 << 20, trialIDs},
		{40 * time.Millisecond, 335 << 20, 0},
	} {
		m := scaling(t, c.each, perfect)
		p, err := settled(t, m, inference.Spec{SlotTokens: 512, Measure: true, Flash: choiceOn}, c.weights, 2, 0)
		require.NoError(t, err)
		m.requireClosed()
		require.Equal(t, c.ids, p.choice.IDs, c.each)
		require.Equal(t, c.ids > 0, len(p.choice.Trials) > 0)
		if c.ids == 0 {
			require.Contains(t, p.choice.Why, "by the size of the model: a trial did not end in time")
			require.Equal(t, c.weights <= laneWeights, p.lanes == 2)
		}
		budget := largeTrial
		if c.weights <= laneWeights {
			budget = smallTrial
		}
		require.LessOrEqual(t, p.choice.Took, budget, c.each)
	}
}

func TestNothingIsTriedWithoutAQuestion(t *testing.T) {
	m := &machine{t: t, fail: func(int) error { return errors.New("nothing should be opened") }}
	for name, c := range map[string]struct {
		spec    inference.Spec
		weights int64
		cores   int
		lanes   int
		why     string
	}{
		"not asked for": {inference.Spec{SlotTokens: 64}, 8 << 20, 2, 2, "by the size of the model"},
		"one core":      {inference.Spec{SlotTokens: 64, Measure: true, Flash: choiceOn}, 8 << 20, 1, 1, "no other choice"},
		"huge":          {inference.Spec{SlotTokens: 64, Measure: true, Flash: choiceAuto}, hugeWeights + 1, 8, 1, "by the size of the model"},
		"as set":        {inference.Spec{SlotTokens: 64, Measure: true, Flash: choiceOff, Lanes: 2}, 400 << 20, 8, 2, "as set"},
		"one slot":      {inference.Spec{SlotTokens: 64, Measure: true, Flash: choiceOn, Slots: 1}, 8 << 20, 8, 1, "no other choice"},
	} {
		p, err := settled(t, m, c.spec, c.weights, c.cores, 0)
		require.NoError(t, err, name)
		require.Equal(t, c.lanes, p.lanes, name)
		require.Contains(t, p.choice.Why, c.why, name)
		require.Empty(t, p.choice.Trials, name)
		require.Equal(t, c.spec.Flash != choiceOff, p.lane.flash, name)
	}
}

func TestTrialEndsWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := scaling(t, 20*time.Microsecond, func(int) float64 { return 1 })
	within := m.speed
	m.speed = func(l laneLimits, ids, threads int) time.Duration {
		cancel()
		return within(l, ids, threads)
	}
	s := inference.Spec{SlotTokens: 512, Measure: true}
	p, err := newPlan(s, 8<<20, 2)
	require.NoError(t, err)
	require.Equal(t, fault.Canceled, fault.CodeOf(p.settle(ctx, s, m.means(0))))
	m.requireClosed()
}

func TestTrialThatFailsIsAnError(t *testing.T) {
	for opened := range 2 {
		m := scaling(t, 20*time.Microsecond, func(int) float64 { return 1 })
		m.fail = func(n int) error {
			if n == opened {
				return errException
			}
			return nil
		}
		_, err := settled(t, m, inference.Spec{SlotTokens: 512, Measure: true}, 8<<20, 2, 0)
		require.ErrorIs(t, err, errException, opened)
		for _, c := range m.cores {
			require.True(t, c.closed)
		}
	}
}

// A trial that runs out of time in its first round knows nothing, in a later one what it found.
func TestTrialOutOfTime(t *testing.T) {
	for _, after := range []int{1, 40} {
		ctx, cancel := context.WithCancel(t.Context())
		m := scaling(t, 20*time.Microsecond, func(n int) float64 { return 1 / float64(n) })
		plain, calls := m.speed, 0
		m.speed = func(l laneLimits, ids, threads int) time.Duration {
			if calls++; calls == after {
				cancel()
			}
			return plain(l, ids, threads)
		}
		w := m.means(0)
		w.within = func(context.Context, time.Duration) (context.Context, context.CancelFunc) { return ctx, cancel }
		s := inference.Spec{SlotTokens: 512, Measure: true, Flash: choiceOn}
		p, err := newPlan(s, 8<<20, 2)
		require.NoError(t, err)
		require.NoError(t, p.settle(t.Context(), s, w))
		require.Equal(t, 2, p.lanes)
		m.requireClosed()
	}
}

func TestRoomDecidesSlots(t *testing.T) {
	const cell, vocab = 112 << 10, 152000 // 0.6B
	settle := func(s inference.Spec, cores int, room int64) (plan, error) {
		s.SlotTokens = 4096
		p, err := newPlan(s, 335<<20, cores)
		require.NoError(t, err)
		p.need = need{cell: cell, vocab: vocab, heads: 16}
		return p, p.settle(t.Context(), s, means{room: room})
	}
	p, err := settle(inference.Spec{}, 2, 0)
	require.NoError(t, err)
	require.Equal(t, 4, p.slots, "nothing is known of the memory")
	need := p.need.of(p.lane, p.lanes)
	require.Greater(t, need, int64(4*4096*cell))

	p, err = settle(inference.Spec{}, 2, 8<<30)
	require.NoError(t, err)
	require.Equal(t, []int{4, 0}, []int{p.slots, p.squeezed})
	for room, slots := range map[int64]int{2600 << 20: 3, 1900 << 20: 2, 1200 << 20: 1} {
		p, err = settle(inference.Spec{}, 2, room)
		require.NoError(t, err)
		require.Equal(t, slots, p.slots, room)
		require.Equal(t, 4, p.squeezed)
		require.LessOrEqual(t, p.need.of(p.lane, p.lanes), room)
	}
	_, err = settle(inference.Spec{}, 2, 300<<20)
	require.Equal(t, fault.Unprocessable, fault.CodeOf(err))
	require.Contains(t, fault.From(err).Message, "1 lane and 1 slot of 4096 tokens need")

	p, err = settle(inference.Spec{Slots: 4}, 2, need+1)
	require.NoError(t, err, "a given number may take all there is")
	require.Equal(t, 4, p.slots)
	_, err = settle(inference.Spec{Slots: 4}, 2, need-1)
	require.Equal(t, fault.Unprocessable, fault.CodeOf(err))
	_, err = settle(inference.Spec{Slots: 4, Lanes: 4}, 8, need+1)
	require.Equal(t, fault.Unprocessable, fault.CodeOf(err), "four lanes need more")
}

func TestLayouts(t *testing.T) {
	require.Equal(t, []layout{{1, 1}}, layouts(1, 99))
	require.Equal(t, []layout{{1, 2}, {2, 1}}, layouts(2, 99))
	require.Equal(t, []layout{{1, 3}, {3, 1}}, layouts(3, 99))
	require.Equal(t, []layout{{1, 4}, {2, 2}, {4, 1}}, layouts(4, 99))
	require.Equal(t, []layout{{1, 15}, {4, 3}, {15, 1}}, layouts(15, 99))
	require.Equal(t, []layout{{1, 64}, {8, 8}, {16, 4}}, layouts(64, 99))
	require.Equal(t, []layout{{1, 8}, {2, 4}}, layouts(8, 2))
	require.Equal(t, []layout{{1, 8}}, layouts(8, 0))
}
