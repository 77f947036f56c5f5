package moderation_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

// A verdict that was remembered under one reading is no answer under the other, and both stay good for their own.
func TestAnotherModeIsInForceAtOnce(t *testing.T) {
	r := newRig(t, remembering())
	tune := func(mode string) { r.svc.Tune(moderation.Tuning{Mode: mode, CacheEntries: 100}) }
	strict := r.judge(t, text("a lie"))
	require.Equal(t, moderation.Strict, strict.Policy.Mode)
	require.Equal(t, moderation.Block, strict.Action)

	tune(moderation.Loose)
	loose := r.judge(t, text("a lie"))
	require.False(t, loose.Cached, "the key holds the reading")
	require.Equal(t, moderation.Loose, loose.Policy.Mode)
	require.Equal(t, moderation.Allow, loose.Action)
	require.Equal(t, "loose", r.rows(t)[0].Details["mode"], "the audit row says which reading it was")

	tune(moderation.Strict)
	again := r.judge(t, text("a lie"))
	require.True(t, again.Cached)
	require.Equal(t, withoutCost(strict), withoutCost(again))
}

func TestTheLongestInputChangesAtOnce(t *testing.T) {
	r := newRig(t)
	long := text(strings.Repeat("word ", 100))
	r.judge(t, long)
	r.svc.Tune(moderation.Tuning{MaxInputTokens: 50})
	_, err := r.svc.Evaluate(t.Context(), rita(), ask(long))
	require.Equal(t, fault.TooLarge, fault.CodeOf(err))
	require.ErrorContains(t, err, "the limit models.max_input_tokens is 50")
	r.svc.Tune(moderation.Tuning{})
	r.judge(t, long)
}

func TestTheDeadlineChangesAtOnce(t *testing.T) {
	r := newRig(t)
	r.svc.Tune(moderation.Tuning{Deadline: time.Nanosecond})
	_, err := r.svc.Evaluate(t.Context(), rita(), ask(text("hello")))
	require.Equal(t, fault.Timeout, fault.CodeOf(err))
	r.svc.Tune(moderation.Tuning{Deadline: time.Minute})
	r.judge(t, text("hello"))
}

func TestTheCacheKeepsToItsNewBounds(t *testing.T) {
	var now atomic.Int64
	clock := func() time.Time { return time.UnixMilli(1_790_000_000_000 + now.Load()) }
	r := newRig(t, with(moderation.Options{CacheEntries: 4, CacheTTL: time.Minute, Now: clock}))
	tune := func(n int, ttl time.Duration) { r.svc.Tune(moderation.Tuning{CacheEntries: n, CacheTTL: ttl}) }
	for i := range 4 {
		r.judge(t, text(fmt.Sprint("text ", i)))
	}
	tune(2, time.Minute)
	require.Equal(t, 2, r.svc.CacheStats().Entries)
	require.True(t, r.judge(t, text("text 3")).Cached)
	require.True(t, r.judge(t, text("text 2")).Cached, "those used last have stayed")
	require.False(t, r.judge(t, text("text 0")).Cached)
	require.False(t, r.judge(t, text("text 3")).Cached, "and the order among them: the newest pushed out the oldest")

	now.Store(20_000)
	tune(4, 10*time.Second)
	require.Zero(t, r.svc.CacheStats().Entries, "older than a verdict may be now")
	r.judge(t, text("hello"))
	tune(4, time.Hour)
	now.Store(30_001)
	require.False(t, r.judge(t, text("hello")).Cached, "a longer life is for verdicts that come")

	tune(0, time.Hour)
	require.Zero(t, r.svc.CacheStats().Entries)
	require.False(t, r.judge(t, text("hello")).Cached)
	require.False(t, r.judge(t, text("hello")).Cached, "nothing is remembered")
	tune(4, time.Hour)
	r.judge(t, text("hello"))
	require.True(t, r.judge(t, text("hello")).Cached, "and then again it is")
}

// Each verdict is of one reading through and through, whatever changes meanwhile. Run with -race.
func TestChangesWhileRequestsRun(t *testing.T) {
	r := newRig(t, remembering(), queue(1000))
	stop := make(chan struct{})
	var changing, judging sync.WaitGroup
	changing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			mode := []string{moderation.Strict, moderation.Loose}[i%2]
			r.svc.Tune(moderation.Tuning{Mode: mode, CacheEntries: []int{0, 1, 100}[i%3], CacheTTL: time.Duration(i%3+1) * time.Minute, CacheShareServices: i%2 == 0})
			r.sched.SetQueue(900 + i%100)
		}
	})
	for c := range 8 {
		judging.Go(func() {
			for i := range 40 {
				vs, err := r.svc.Evaluate(t.Context(), person(fmt.Sprint("p", c%2), "reviewer"), ask(text("a lie"), text(fmt.Sprint("hello ", i%3))))
				if err != nil {
					t.Error(err)
					return
				}
				v := vs[0]
				if want := map[string]string{moderation.Strict: moderation.Block, moderation.Loose: moderation.Allow}[v.Policy.Mode]; v.Action != want || v.Flagged != (want == moderation.Block) {
					t.Errorf("under %s: %s, flagged %v", v.Policy.Mode, v.Action, v.Flagged)
				}
				if vs[1].Policy != v.Policy {
					t.Errorf("two readings in one request: %v and %v", v.Policy, vs[1].Policy)
				}
			}
		})
	}
	judging.Wait()
	close(stop)
	changing.Wait()
}
