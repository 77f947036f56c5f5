package bench

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPercentilesAreNearestRanks(t *testing.T) {
	for _, c := range []struct {
		n     int
		share float64
		want  int
	}{
		{1, 0.5, 0},
		{1, 0.99, 0},
		{2, 0.5, 0},
		{3, 0.5, 1},
		{4, 0.5, 1},
		{100, 0.5, 49},
		{100, 0.95, 94},
		{100, 0.99, 98},
		{101, 0.99, 99},
		{100, 0.07, 6}, // 0.07 * 100 is 7.000000000000001
		{1000, 0.99, 989},
		{100, 0, 0},
		{100, 1, 99},
	} {
		require.Equal(t, c.want, rankOf(c.n, c.share), "%d values, share %g", c.n, c.share)
	}
}

// The definition itself: at least the share is at or below, and one value less would be too few.
func TestPercentileDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.SliceOfN(rapid.Float64Range(0, 50), 1, 400).Draw(t, "ms")
		s := spreadOf(slices.Clone(ms))
		for share, got := range map[float64]float64{0.5: s.P50, 0.95: s.P95, 0.99: s.P99} {
			below, atOrBelow := 0, 0
			for _, v := range ms {
				if v < got {
					below++
				}
				if v <= got {
					atOrBelow++
				}
			}
			require.Contains(t, ms, got, "a value that was measured")
			require.GreaterOrEqual(t, float64(atOrBelow), share*float64(len(ms))-1e-6)
			require.Less(t, float64(below), share*float64(len(ms))+1e-6)
		}
		require.InDelta(t, slices.Min(ms), s.Lowest, 0)
		require.InDelta(t, slices.Max(ms), s.Highest, 0)
	})
}

func TestRatesOfRounds(t *testing.T) {
	require.Equal(t, Rate{}, rateOf(nil))
	require.Equal(t, Rate{Median: 7, Lowest: 7, Highest: 7}, rateOf([]float64{7}))
	require.Equal(t, Rate{Median: 3, Lowest: 2, Highest: 4}, rateOf([]float64{4, 2}))
	require.Equal(t, Rate{Median: 3, Lowest: 1, Highest: 9}, rateOf([]float64{9, 1, 3}))
	require.Equal(t, Spread{}, spreadOf(nil))
}
