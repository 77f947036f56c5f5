package llamacpp

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

const large = 1 << 30 // bytes of weights whose every pass is worth all threads

func TestCrewNeverDealsMoreThanThereAre(t *testing.T) {
	const total, lanes = 3, 8
	c := newCrew(total, lanes, large, time.Now)
	var out atomic.Int64
	var all sync.WaitGroup
	for range lanes {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 300 {
				c.join()
				g := c.take(100)
				if n := out.Add(int64(g.threads)); g.threads < 1 || n > total {
					t.Errorf("%d threads at work", n)
				}
				out.Add(-int64(g.threads))
				c.give(g)
				c.leave()
			}
		}()
	}
	all.Wait()
	require.Equal(t, total, c.free)
	require.Zero(t, c.asked)
}

func TestCrewShares(t *testing.T) {
	c := newCrew(8, 2, large, time.Now)
	c.gauge.wait, c.gauge.wide, c.gauge.solo = longTry, 1, math.MaxFloat64 // wide is known to be fast, and no tries here
	c.join()
	g := c.take(100)
	require.Equal(t, 8, g.threads, "the only lane gets all")
	c.give(g)
	c.join()
	a, b := c.take(100), c.take(100)
	require.Equal(t, []int{4, 4}, []int{a.threads, b.threads})
	c.give(a)
	c.give(b)
}

func TestCrewNotesASoloPassInCompanyWhereNothingIsKnown(t *testing.T) {
	now := time.Unix(0, 0)
	c := newCrew(4, 2, large, func() time.Time { return now })
	c.join()
	c.join()
	for _, want := range []float64{10000, 10000} {
		g := c.take(100)
		require.Equal(t, 1, g.threads)
		now = now.Add(time.Millisecond)
		c.give(g)
		require.InDelta(t, want, c.gauge.solo, 1)
		now = now.Add(time.Second)
	}
}

// What a pass on all cores took is known, whoever came meanwhile: a slow one is what others come behind.
func TestCrewNotesAPassThatOthersWaitedFor(t *testing.T) {
	now := time.Unix(0, 0)
	c := newCrew(2, 2, large, func() time.Time { return now })
	c.gauge.wait, c.gauge.wide, c.gauge.solo = longTry, 1000, 2000
	c.join()
	g := c.take(100)
	require.Equal(t, 2, g.threads)
	c.join()
	now = now.Add(time.Second)
	c.give(g)
	require.True(t, c.gauge.preferSolo(), "ten milliseconds an id")
	c.leave()
	require.Equal(t, 1, c.take(100).threads)
}

func TestGaugeAsksForWorthwhileThreads(t *testing.T) {
	g := gauge{weightBytes: 8 << 20, wait: longTry, wide: 1, solo: 2}
	require.Equal(t, 1, g.advise(8, 1), "a tail's id on a small model is one thread's work")
	require.Equal(t, 2, g.advise(8, 17))
	require.Equal(t, 8, g.advise(8, 200))
	require.Equal(t, 1, g.advise(1, 200))
	g = gauge{weightBytes: large, wait: longTry, wide: 1, solo: 2}
	require.Equal(t, 8, g.advise(8, 1), "a large model's is not")
}

// A first wide pass that stalls looks like the best there is, as long as there is nothing to hold it against.
func TestGaugeKnowsOneThreadFirst(t *testing.T) {
	g := gauge{weightBytes: large}
	for range 3 * longTry {
		require.Equal(t, 1, g.advise(2, 100))
	}
	g.note(1, 100, time.Millisecond)
	wide := 0
	for range 3 * startTry {
		wide += g.advise(2, 100) - 1
	}
	require.Positive(t, wide)
}

// When somebody else computes on the cores wide passes become slow: the gauge turns to single threads, and
// back when they are gone.
func TestGaugeTurnsToWhatIsFaster(t *testing.T) {
	g := gauge{weightBytes: large}
	require.Equal(t, 1, g.advise(2, 100), "nothing is known yet")
	run := func(passes int, wide, solo time.Duration) (wides int) {
		for range passes {
			n := g.advise(2, 100)
			took := solo
			if n > 1 {
				wides, took = wides+1, wide
			}
			g.note(n, 100, took)
		}
		return wides
	}
	quiet := run(200, 3*time.Millisecond, 5*time.Millisecond)
	require.Greater(t, quiet, 180)
	disturbed := run(200, 400*time.Millisecond, 6*time.Millisecond)
	require.Less(t, disturbed, 12)
	disturbed = run(tryShare*400/6*2, 400*time.Millisecond, 6*time.Millisecond)
	require.Less(t, disturbed, 6, "tries become rarer")
	disturbed = run(tryShare*400/6*4, 400*time.Millisecond, 6*time.Millisecond)
	require.Less(t, disturbed, 5, "a try costs at most a hundredth of the time")
	run(tryShare*400/6*2, 3*time.Millisecond, 5*time.Millisecond)
	require.Greater(t, run(100, 3*time.Millisecond, 5*time.Millisecond), 90, "it comes back")
}

// A large model's pass takes half a second: what stalled one of them must not cost minutes, nor what slowed one a little an hour.
func TestGaugeComesBackToALargeModel(t *testing.T) {
	const wide, solo, ids = 270 * time.Millisecond, 500 * time.Millisecond, 150
	for name, bad := range map[string]time.Duration{"a stall": 9 * time.Second, "a slow pass": 3 * time.Second, "many": 700 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			g := gauge{weightBytes: large}
			g.seed(inference.Choice{IDs: ids, Solo: solo, Wide: wide})
			for range 8 {
				if n := g.advise(2, ids); n > 1 {
					g.note(n, ids, bad)
				} else {
					g.note(n, ids, solo)
				}
			}
			require.True(t, g.preferSolo())
			var lost time.Duration // on one thread, until several are taken for good
			for range 1000 {
				n := g.advise(2, ids)
				took := wide
				if n == 1 {
					took = solo
					lost += solo
				}
				g.note(n, ids, took)
			}
			require.Less(t, lost, 2*soonAgain+20*solo)
		})
	}
}

// The first wide pass after a while wakes its threads: the gauge looks once more before it turns away.
func TestGaugeTriesAgainWhatIsNear(t *testing.T) {
	g := gauge{weightBytes: large}
	wides, awake := 0, false
	for range 300 {
		n := g.advise(2, 57)
		took := 5 * time.Millisecond
		if n > 1 {
			if took = 3 * time.Millisecond; !awake {
				took = 7 * time.Millisecond
			}
			wides++
		}
		awake = n > 1
		g.note(n, 57, took)
	}
	require.Greater(t, wides, 280)
	g.seed(inference.Choice{IDs: 57, Solo: time.Second, Wide: time.Millisecond})
	require.False(t, g.preferSolo(), "what a trial found is known from the start")
}

func TestPlan(t *testing.T) {
	const small = 8 << 20
	p, err := newPlan(inference.Spec{Slots: 4, SlotTokens: 400}, small, 2)
	require.NoError(t, err)
	require.Equal(t, 2, p.lanes)
	require.Equal(t, 2, p.lane.slots)
	require.Equal(t, 512, p.lane.slotTokens, "rounded up as the engine does")
	require.Equal(t, 400, p.slotTokens)
	require.Equal(t, chunk, p.lane.batch)
	require.InDelta(t, 1, p.temperature, 0)

	p, err = newPlan(inference.Spec{Slots: 5, SlotTokens: 512, Threads: 16}, large, 2)
	require.NoError(t, err)
	require.Equal(t, []int{1, 5, 16, 512}, []int{p.lanes, p.lane.slots, p.threads, p.lane.slotTokens})

	p, err = newPlan(inference.Spec{Slots: 200, SlotTokens: 1, Batch: 8}, large, 1)
	require.NoError(t, err)
	require.Equal(t, 200, p.lane.batch, "every slot gets an id of a pass")

	for name, s := range map[string]inference.Spec{
		"temperature NaN": {Slots: 1, SlotTokens: 1, Temperature: math.NaN()},
		"temperature":     {Slots: 1, SlotTokens: 1, Temperature: -1},
		"temperature 0+":  {Slots: 1, SlotTokens: 1, Temperature: 1e-30},
		"threads":         {Slots: 1, SlotTokens: 1, Threads: -1},
		"batch":           {Slots: 1, SlotTokens: 1, Batch: maxBatch + 1},
		"tokens":          {Slots: 1, SlotTokens: maxSlotTokens + 1},
		"slots":           {Slots: -1, SlotTokens: 1},
	} {
		_, err := newPlan(s, small, 2)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
	}
}

func TestComputeCores(t *testing.T) {
	siblings := func(lists ...string) fstest.MapFS {
		m := fstest.MapFS{}
		for i, l := range lists {
			m[fmt.Sprintf("sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", i)] = &fstest.MapFile{Data: []byte(l + "\n")}
		}
		return m
	}
	with := func(m fstest.MapFS, files map[string]string) fstest.MapFS {
		for name, text := range files {
			m[name] = &fstest.MapFile{Data: []byte(text + "\n")}
		}
		return m
	}
	for name, c := range map[string]struct {
		root fstest.MapFS
		cpus []int
		want int
	}{
		"plain":              {siblings("0", "1"), []int{0, 1}, 2},
		"two threads a core": {siblings("0,4", "1,5", "2,6", "3,7", "0,4", "1,5", "2,6", "3,7"), []int{0, 1, 2, 3, 4, 5, 6, 7}, 4},
		"affinity":           {siblings("0,1", "0,1", "2,3", "2,3"), []int{2, 3}, 1},
		"one for HTTP":       {siblings("0", "1", "2", "3", "4", "5"), []int{0, 1, 2, 3, 4, 5}, 5},
		"no topology":        {fstest.MapFS{}, []int{0, 1, 2}, 3},
		"nothing known":      {fstest.MapFS{}, nil, 1},
		"quota": {with(siblings("0", "1", "2"), map[string]string{
			"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/cpu.max": "150000 100000", "sys/fs/cgroup/a/b/cpu.max": "max 100000",
		}), []int{0, 1, 2}, 1},
		"quota above": {with(siblings("0", "1", "2"), map[string]string{
			"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "200000 100000",
		}), []int{0, 1, 2}, 2},
		"quota of version 1": {with(siblings("0", "1", "2"), map[string]string{
			"proc/self/cgroup": "4:cpu,cpuacct:/x\n3:memory:/x",
			"sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us":  "200000",
			"sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us": "100000",
		}), []int{0, 1, 2}, 2},
		"no quota in version 1": {with(siblings("0", "1"), map[string]string{
			"proc/self/cgroup": "4:cpu:/", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
		}), []int{0, 1}, 2},
		"nonsense": {with(siblings("0", "1"), map[string]string{
			"proc/self/cgroup": "::\nx\n0::/", "sys/fs/cgroup/cpu.max": "NaN 1",
		}), []int{0, 1}, 2},
	} {
		require.Equal(t, c.want, computeCores(c.root, c.cpus), name)
	}
}

// A small model whose trial did not end in time begins on a busy machine: its first callers do not pay for finding that out again.
func TestAGaugeThatIsToldOfABusyMachine(t *testing.T) {
	for weights, solo := range map[int64]int{8 << 20: shortTry, laneWeights + 1: startTry} {
		g := gauge{weightBytes: weights}
		g.distrust()
		passes := 0
		for ; g.advise(2, 64) == 1; passes++ {
			g.note(1, 64, time.Millisecond)
		}
		require.Equal(t, solo, passes)
	}
}
