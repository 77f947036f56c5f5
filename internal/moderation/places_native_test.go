//go:build !nollama

package moderation_test

import (
	"bytes"
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
	"golang.org/x/sys/unix"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/llamacpp"
	"guardhouse/models"
)

// BenchmarkPlaces holds the real engine behind the scheduler's queue against the same model asked directly, in turns of a
// quarter of a second, so that whatever else the machine does meets both: the median of their ratios is what counts. Each
// caller is an owner of his own.
func BenchmarkPlaces(b *testing.B) {
	file, err := os.Create(b.TempDir() + "/guard-nano.gguf")
	require.NoError(b, err)
	_, err = bytes.NewReader(models.GuardNano).WriteTo(file)
	require.NoError(b, err)
	d := apptest.OpenDB(b)
	guard, err := access.New(b.Context(), d, audit.New(d, []byte("content key of a test")), access.Options{})
	require.NoError(b, err)
	for _, c := range []struct{ slots, threads int }{{4, 1}, {4, 2}} { // one lane, and as many as there may be
		keep := &lent{Engine: llamacpp.New()}
		s := inference.New(inference.Options{Queue: 64})
		require.NoError(b, s.Add(b.Context(), keep, inference.Spec{ModelID: "guard-nano", File: file, Slots: c.slots, Threads: c.threads, SlotTokens: 384}))
		for _, callers := range []int{4, 16} {
			b.Run(fmt.Sprintf("slots=%d/threads=%d/callers=%d", c.slots, c.threads, callers), func(b *testing.B) {
				leases := make([]*inference.Lease, callers)
				for i := range leases {
					p := person(fmt.Sprint("p", i), "reviewer")
					pass, err := guard.Enter(b.Context(), p, access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: "guard-nano"})
					require.NoError(b, err)
					leases[i], err = s.Acquire(b.Context(), pass, "guard-nano")
					require.NoError(b, err)
					defer leases[i].Release()
				}
				var direct, queued, ratios, work []float64
				for b.Loop() {
					x, cx := turn(b, callers, func(int) judger { return keep.Model })
					y, cy := turn(b, callers, func(i int) judger { return leases[i] })
					direct, queued, ratios, work = append(direct, x), append(queued, y), append(ratios, y/x), append(work, cy/cx)
				}
				b.ReportMetric(median(direct), "direct/s")
				b.ReportMetric(median(queued), "queued/s")
				b.ReportMetric(median(ratios), "ratio")
				b.ReportMetric(median(work), "cpu-ratio")
			})
		}
		require.NoError(b, s.Close(b.Context()))
	}
}

// lent lets the benchmark at the model that the scheduler owns.
type lent struct {
	inference.Engine
	inference.Model
}

func (k *lent) Load(ctx context.Context, s inference.Spec) (m inference.Model, err error) {
	k.Model, err = k.Engine.Load(ctx, s)
	return k.Model, err
}

type judger interface {
	Judge(ctx context.Context, q inference.Query) (inference.Answer, error)
}

// turn answers how many texts of the usual length were judged a second.
func turn(b *testing.B, callers int, of func(caller int) judger) (perSecond, processor float64) {
	b.Helper()
	g, err := nano()
	require.NoError(b, err)
	labels, size := g.Prompt.Vocabulary().First, int32(g.Tokenizer.Size())
	var done atomic.Int64
	var all sync.WaitGroup
	ctx, cancel := context.WithTimeout(b.Context(), 250*time.Millisecond)
	defer cancel()
	start, spent := time.Now(), processorTime(b)
	for i := range callers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(i)))
			q := inference.Query{Labels: labels[:]}
			for ctx.Err() == nil {
				q.Prompt = q.Prompt[:0]
				for range 57 {
					q.Prompt = append(q.Prompt, 300+r.Int32N(size-320))
				}
				if _, err := of(i).Judge(b.Context(), q); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	n := float64(done.Load())
	return n / time.Since(start).Seconds(), float64(processorTime(b)-spent) / n
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
