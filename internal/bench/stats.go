package bench

import (
	"math"
	"slices"
	"time"
)

// rankOf answers the index, in n sorted values, of the smallest that at least a share of them does not exceed (nearest rank: always a
// value that was measured, never one between two).
func rankOf(n int, share float64) int {
	const rounding = 1e-9 // 0.07 * 100 is more than 7
	return min(max(int(math.Ceil(share*float64(n)-rounding))-1, 0), n-1)
}

// Spread is what many milliseconds look like.
type Spread struct {
	Mean    float64 `json:"mean"`
	P50     float64 `json:"p50"`
	P95     float64 `json:"p95"`
	P99     float64 `json:"p99"`
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
}

// spreadOf sorts its argument. Of nothing all is 0.
func spreadOf(ms []float64) Spread {
	if len(ms) == 0 {
		return Spread{}
	}
	slices.Sort(ms)
	sum := 0.0
	for _, v := range ms {
		sum += v
	}
	n := len(ms)
	return Spread{
		Mean: sum / float64(n), P50: ms[rankOf(n, 0.5)], P95: ms[rankOf(n, 0.95)], P99: ms[rankOf(n, 0.99)], Lowest: ms[0], Highest: ms[n-1],
	}
}

// Rate is what the rounds had: the median, and between which bounds.
type Rate struct {
	Median  float64 `json:"median"`
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
}

// rateOf answers the middle value, or the mean of the two in the middle.
func rateOf(perRound []float64) Rate {
	n := len(perRound)
	if n == 0 {
		return Rate{}
	}
	sorted := slices.Sorted(slices.Values(perRound))
	return Rate{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Lowest: sorted[0], Highest: sorted[n-1]}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func seconds(d time.Duration) float64 { return d.Seconds() }

// per answers 0 where there is nothing to divide by.
func per(amount float64, n int) float64 {
	if n == 0 {
		return 0
	}
	return amount / float64(n)
}
