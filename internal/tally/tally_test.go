package tally_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/tally"
)

func TestCountsAreBounded(t *testing.T) {
	c := tally.NewCounts(2, "other")
	c.Add("a", 1)
	c.Add("b", 2)
	for range 3 {
		c.Add("c", 1)
	}
	c.Add("d", 4)
	c.Add("a", 1)
	require.Equal(t, map[string]uint64{"a": 2, "b": 2, "other": 7}, c.Snapshot())
	snapshot := c.Snapshot()
	snapshot["a"] = 99
	require.EqualValues(t, 2, c.Snapshot()["a"], "a snapshot is a copy")
}

func TestHistogram(t *testing.T) {
	h := tally.NewHistogram(1, 2, 5)
	for _, v := range []float64{0, 1, 1.5, 2, 3, 100} {
		h.Observe(v)
	}
	require.Equal(t, tally.Distribution{Total: 6, Sum: 107.5, Cumulative: map[float64]uint64{1: 2, 2: 4, 5: 5}}, h.Snapshot())
}

func TestParallelCounts(t *testing.T) {
	c, h := tally.NewCounts(8, 0), tally.NewHistogram(10)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				c.Add(i%4, 1)
				h.Observe(1)
			}
		})
	}
	all.Wait()
	require.Equal(t, map[int]uint64{0: 2000, 1: 2000, 2: 2000, 3: 2000}, c.Snapshot())
	require.EqualValues(t, 8000, h.Snapshot().Total)
}

func BenchmarkCountsAdd(b *testing.B) {
	c := tally.NewCounts(64, "other")
	for b.Loop() {
		c.Add("allow", 1)
	}
}

func BenchmarkHistogramObserve(b *testing.B) {
	h := tally.NewHistogram(.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5)
	for b.Loop() {
		h.Observe(0.02)
	}
}
