package auth

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func numbered(n int) (k counterKey) {
	binary.BigEndian.PutUint64(k[:], uint64(n))
	return k
}

func (s *counters) failTimes(k counterKey, now time.Duration, times int) {
	for range times {
		s.enter(k, now)
		s.leave(k, now, true)
	}
}

func TestDelayAfter(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		0: 0, freeTries - 1: 0, freeTries: time.Second, freeTries + 1: 2 * time.Second, freeTries + 9: 512 * time.Second,
		freeTries + 10: 15 * time.Minute, 1 << 40: 15 * time.Minute,
	} {
		require.Equal(t, want, delayAfter(failures), failures)
	}
}

// threat A5: names without number push out neither a counter in its delay nor more memory than was set aside.
func TestAFloodOfNamesPushesOutNoDelay(t *testing.T) {
	s := newCounters(quiet)
	target := numbered(1 << 40)
	s.failTimes(target, 0, freeTries+3)
	before := heap()
	for i := range 4 * maxCounters {
		s.failTimes(numbered(i), time.Duration(i), 1)
		require.LessOrEqual(t, len(s.of), maxCounters)
	}
	require.LessOrEqual(t, heap()-before, int64(32<<20))
	require.Equal(t, freeTries+3, s.look(target, time.Hour).failures)
	require.Equal(t, maxCounters-maxDelayed, s.free.Len())

	// Only as many names in a delay of their own make room for each other: freeTries hashes each.
	for i := range maxDelayed - 1 {
		s.failTimes(numbered(i), time.Hour, freeTries)
	}
	require.NotNil(t, s.look(target, time.Hour))
	s.failTimes(numbered(maxDelayed), time.Hour, freeTries)
	require.Nil(t, s.look(target, time.Hour), "oldest first")
	require.LessOrEqual(t, len(s.of), maxCounters)
	require.Equal(t, len(s.of), s.free.Len()+s.delayed.Len())
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Whatever happens in whatever order, the set agrees with itself and stays bounded.
func TestCountersAgreeWithThemselves(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, forgotten := range []func(*counter, time.Duration) bool{quiet, spanOver} {
		s := newCounters(forgotten)
		running := map[counterKey]int{}
		now := time.Duration(0)
		for range 20000 {
			k := numbered(random.IntN(40))
			now += time.Duration(random.Int64N(int64(20 * time.Minute)))
			switch random.IntN(3) {
			case 0:
				s.enter(k, now)
				running[k]++
			case 1:
				if running[k] > 0 {
					s.leave(k, now, random.IntN(2) == 0)
					running[k]--
				}
			default:
				if c := s.look(k, now); c != nil {
					require.Equal(t, running[k], c.running)
					require.False(t, forgotten(c, now) && c.failures > 0)
					require.LessOrEqual(t, c.delay(now), maxDelay)
					require.LessOrEqual(t, c.busyDelay(now), maxDelay)
				} else {
					require.Zero(t, running[k])
				}
			}
			require.Equal(t, len(s.of), s.free.Len()+s.delayed.Len())
		}
	}
}

// BenchmarkThrottle is what a try inside a delay costs beside the look-ups.
func BenchmarkThrottle(b *testing.B) {
	slowly, err := newThrottle(time.Now())
	require.NoError(b, err)
	src := source{tries: slowly.keyOf(kindName, "rita"), address: slowly.keyOf(kindAddress, "10.0.0.1"), stranger: true}
	for range freeTries {
		require.Zero(b, slowly.begin(src, time.Now()))
		slowly.end(src, time.Now(), wrong)
	}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		slowly.wait(src, now)
	}
}
