//go:build !nollama

package llamacpp

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/inference"
)

// guard-nano's labels, the ids of its lead-in, and ids that occur in texts.
var nanoLabels = []int32{276, 338, 305}

const (
	nanoTextFrom = 300
	nanoTextTo   = 16000
	// benchIDs is the length of a median prompt of the moderation data set.
	benchIDs = 57
)

// BenchmarkVerdict is the bare forward pass: what one verdict costs inside the process, without HTTP,
// gate and audit, at 1, 4 and 16 callers; and the same with four ids decoded after the label.
func BenchmarkVerdict(b *testing.B) {
	m := load(b, nano(b), inference.Spec{Slots: 16, SlotTokens: 384})
	for _, tail := range []int{0, 4} {
		for _, clients := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("tail=%d/clients=%d", tail, clients), func(b *testing.B) {
				b.SetParallelism((clients + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
				var next atomic.Uint64
				run := func(body func() bool) {
					for body() {
						r := rand.New(rand.NewPCG(7, next.Add(1)))
						q := inference.Query{Labels: nanoLabels, MaxTail: tail, Tails: [][]int32{{198}, {198}, {198}}}
						for range benchIDs {
							q.Prompt = append(q.Prompt, nanoTextFrom+r.Int32N(nanoTextTo-nanoTextFrom))
						}
						if _, err := m.Judge(context.Background(), q); err != nil {
							b.Error(err)
						}
					}
				}
				before := processorTime(b)
				if clients == 1 {
					run(b.Loop)
				} else {
					b.RunParallel(func(pb *testing.PB) { run(pb.Next) })
				}
				spent := processorTime(b) - before
				b.ReportMetric(spent.Seconds()*1000/float64(b.N), "cpu-ms/verdict") // tells more on a busy machine
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "verdicts/s")
			})
		}
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
