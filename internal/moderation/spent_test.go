package moderation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestSpentIsTimeThatPassed holds the two numbers against a count of every millisecond.
func TestSpentIsTimeThatPassed(t *testing.T) {
	zero := time.Unix(1e9, 0)
	rapid.Check(t, func(rt *rapid.T) {
		const most = 120
		ms := rapid.IntRange(0, most/3)
		var waits, works [most]bool
		rs := make([]reading, rapid.IntRange(1, 8).Draw(rt, "windows"))
		for i := range rs {
			asked, queue, compute := ms.Draw(rt, "asked"), ms.Draw(rt, "queue"), ms.Draw(rt, "compute")
			for at := range queue {
				waits[asked+at] = true
			}
			for at := range compute {
				works[asked+queue+at] = true
			}
			rs[i] = reading{
				queue: time.Duration(queue) * time.Millisecond, compute: time.Duration(compute) * time.Millisecond,
				ended: zero.Add(time.Duration(asked+queue+compute) * time.Millisecond),
			}
		}
		var wantQueue, wantCompute time.Duration
		for at := range most {
			switch {
			case works[at]:
				wantCompute += time.Millisecond
			case waits[at]:
				wantQueue += time.Millisecond
			}
		}
		queue, compute := spent(rs)
		require.Equal(rt, []time.Duration{wantQueue, wantCompute}, []time.Duration{queue, compute})
		if len(rs) == 1 {
			require.Equal(rt, []time.Duration{rs[0].queue, rs[0].compute}, []time.Duration{queue, compute})
		}
	})
}
