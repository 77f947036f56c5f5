//go:build !nollama

package llamacpp

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/inference"
)

// BenchmarkSaturation holds a busy scheduler against the engine alone. The engine's side is the best that one can do by
// hand: a context and a goroutine a core, one slot each, the same prompts, one row of logits read, no labels and no
// queue. The other side is what a request does: Acquire, Judge and Release, from 16 callers with an account each. They
// take turns, so that whatever else the machine does meets both; the median of the ratios is what counts.
func BenchmarkSaturation(b *testing.B) {
	file, err := os.Open(nano(b))
	require.NoError(b, err)
	defer file.Close()
	for _, slots := range []int{4, 16} {
		b.Run(fmt.Sprintf("slots=%d", slots), func(b *testing.B) { saturate(b, file, slots) })
	}
}

func saturate(b *testing.B, file *os.File, slots int) {
	b.Helper()
	s := inference.New(inference.Options{Queue: 64})
	require.NoError(b, s.Add(b.Context(), New(), inference.Spec{ModelID: "guard-nano", File: file, Slots: slots, SlotTokens: 384}))
	defer func() { require.NoError(b, s.Close(context.Background())) }() // the benchmark's own context has ended
	require.NoError(b, s.Prime(b.Context(), "guard-nano", [][]int32{nanoPrefix()}))
	lanes := s.Status()[0].Description.Lanes
	w, err := loadWeights(b.Context(), nano(b), true, nil)
	require.NoError(b, err)
	defer w.free()
	bare := make([]*nativeLane, lanes)
	for i := range bare {
		bare[i], err = openLane(w, laneLimits{slots: 1, slotTokens: 512, batch: chunk, threads: 1, poll: poll, flash: true})
		require.NoError(b, err)
		defer bare[i].close()
		var p pass
		for at, id := range nanoPrefix() {
			p.add(0, at, id, false)
		}
		require.NoError(b, bare[i].decode(&p, 1))
	}
	passes := enter(b, 16)
	var hand, queued, ratios, work []float64
	for b.Loop() {
		x, cx := saturated(b, lanes, func(lane int, prompt []int32) { judgeBare(b, bare[lane], prompt) })
		y, cy := saturated(b, len(passes), func(caller int, prompt []int32) { judgeLeased(b, s, passes[caller], prompt) })
		hand, queued, ratios, work = append(hand, x), append(queued, y), append(ratios, y/x), append(work, cx/cy)
	}
	b.ReportMetric(middle(hand), "bare/s")
	b.ReportMetric(middle(queued), "scheduled/s")
	b.ReportMetric(middle(ratios), "ratio")
	b.ReportMetric(middle(work), "cpu-ratio") // processor time of the bare one over that of the scheduled one
}

// nanoPrefix stands for the ids before every text.
func nanoPrefix() []int32 { return []int32{1, 401, 198} }

// enter answers a pass for each of n people.
func enter(b *testing.B, n int) []*access.Pass {
	b.Helper()
	d := apptest.OpenDB(b)
	guard, err := access.New(b.Context(), d, audit.New(d, []byte("content key of a test")), access.Options{})
	require.NoError(b, err)
	passes := make([]*access.Pass, n)
	for i := range passes {
		p := access.Principal{Kind: access.KindUser, UserID: fmt.Sprint("usr_", i), Name: "r", Role: "reviewer", SessionID: "ses_1"}
		passes[i], err = guard.Enter(b.Context(), p, access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: "guard-nano"})
		require.NoError(b, err)
	}
	return passes
}

func judgeBare(b *testing.B, n *nativeLane, prompt []int32) {
	b.Helper()
	var p pass
	from := len(nanoPrefix())
	if n.i.batch == 0 || n.keep(0, from) != nil {
		b.Fatal("no lane")
	}
	for i, id := range prompt[from:] {
		p.add(0, from+i, id, from+i == len(prompt)-1)
	}
	if err := n.decode(&p, 1); err != nil {
		b.Error(err)
	}
	if _, err := n.row(len(p.ids)-1, nanoLabels()); err != nil {
		b.Error(err)
	}
}

func judgeLeased(b *testing.B, s *inference.Scheduler, pass *access.Pass, prompt []int32) {
	b.Helper()
	lease, err := s.Acquire(b.Context(), pass, "guard-nano")
	if err != nil {
		b.Error(err)
		return
	}
	defer lease.Release()
	a, err := lease.Judge(b.Context(), inference.Query{Prompt: prompt, Prefix: len(nanoPrefix()), Labels: nanoLabels()})
	if err != nil || a.Passes != 1 || a.Evaluated != len(prompt)-len(nanoPrefix()) {
		b.Error(err, "or more was computed than body and suffix, once:", a.Passes, a.Evaluated)
	}
}

// saturated answers how many prompts of the usual lengths a second so many callers had judged, and the processor time of one.
func saturated(b *testing.B, callers int, judge func(caller int, prompt []int32)) (perSecond, processor float64) {
	b.Helper()
	var done atomic.Int64
	var all sync.WaitGroup
	ctx, cancel := context.WithTimeout(b.Context(), 250*time.Millisecond)
	defer cancel()
	start, spent := time.Now(), processorTime(b)
	for i := range callers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(i)))
			prompt := nanoPrefix()
			for ctx.Err() == nil {
				prompt = prompt[:len(nanoPrefix())]
				for range benchIDs - 10 + r.IntN(21) {
					prompt = append(prompt, nanoTextFrom+r.Int32N(nanoTextTo()-nanoTextFrom))
				}
				judge(i, prompt)
				done.Add(1)
			}
		})
	}
	all.Wait()
	n := float64(done.Load())
	return n / time.Since(start).Seconds(), float64(processorTime(b)-spent) / n
}

func middle(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
