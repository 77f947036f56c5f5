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

const (
	nanoTextFrom = 300 // behind the bytes
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
						q := inference.Query{Labels: nanoLabels(), MaxTail: tail, Tails: [][]int32{{198}, {198}, {198}}}
						for range benchIDs {
							q.Prompt = append(q.Prompt, nanoTextFrom+r.Int32N(nanoTextTo()-nanoTextFrom))
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

// BenchmarkTail is a verdict with what follows its label: the forced ids, and as many greedy ones as a name, two names
// and a refusal have. They come a pass each, or drafted: right, or wrong at the first id and then right.
func BenchmarkTail(b *testing.B) {
	m := load(b, nano(b), inference.Spec{Slots: 16, SlotTokens: 384})
	for _, k := range []struct {
		name         string
		forced, tail int
	}{{"safe", 0, 0}, {"one", 3, 3}, {"two", 3, 7}, {"response", 9, 2}} {
		for _, draft := range []string{"none", "missed", "right"} {
			if k.tail == 0 && draft != "none" {
				continue
			}
			queries := tailQueries(b, m, k.forced, k.tail, draft)
			for _, clients := range []int{1, 16} {
				b.Run(fmt.Sprintf("%s/draft=%s/clients=%d", k.name, draft, clients), func(b *testing.B) {
					b.SetParallelism((clients + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
					var next, passes atomic.Uint64
					judge := func() {
						a, err := m.Judge(context.Background(), queries[next.Add(1)%uint64(len(queries))])
						if err != nil {
							b.Error(err)
						}
						passes.Add(uint64(a.Passes))
					}
					before := processorTime(b)
					if clients == 1 {
						for b.Loop() {
							judge()
						}
					} else {
						b.RunParallel(func(pb *testing.PB) {
							for pb.Next() {
								judge()
							}
						})
					}
					b.ReportMetric((processorTime(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/verdict")
					b.ReportMetric(float64(passes.Load())/float64(b.N), "passes/verdict")
				})
			}
		}
	}
}

// BenchmarkRows is one pass of a few ids behind a prompt, each with its row of logits, on one thread: what a drafted id
// costs, and what a pass does.
func BenchmarkRows(b *testing.B) {
	w, err := loadWeights(b.Context(), nano(b), true, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer w.free()
	n, err := openLane(w, laneLimits{slots: 1, slotTokens: 512, batch: chunk, threads: 1, poll: poll, flash: true})
	if err != nil {
		b.Fatal(err)
	}
	defer n.close()
	for _, rows := range []int{benchIDs, 1, 2, 4, 8, 16} {
		b.Run(fmt.Sprint("ids=", rows), func(b *testing.B) {
			for b.Loop() {
				var p pass
				for i := range rows {
					p.add(0, benchIDs+i, nanoTextFrom+int32(i), rows != benchIDs || i == rows-1)
				}
				if err := n.keep(0, benchIDs); err != nil {
					b.Fatal(err)
				}
				if err := n.decode(&p, 1); err != nil {
					b.Fatal(err)
				}
				for i := range p.ids {
					if p.want[i] == 0 {
						continue
					}
					if _, err := n.score(i, 1, nil); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func tailQueries(b *testing.B, m *model, forced, tail int, draft string) []inference.Query {
	b.Helper()
	r := rand.New(rand.NewPCG(9, uint64(tail)))
	queries := make([]inference.Query, 32)
	for i := range queries {
		q := inference.Query{Labels: nanoLabels(), MaxTail: tail}
		for range benchIDs {
			q.Prompt = append(q.Prompt, nanoTextFrom+r.Int32N(nanoTextTo()-nanoTextFrom))
		}
		if tail > 0 {
			ids := make([]int32, forced)
			for j := range ids {
				ids[j] = nanoTextFrom + r.Int32N(nanoTextTo()-nanoTextFrom)
			}
			q.Tails = [][]int32{ids, ids, ids}
			a, err := m.Judge(context.Background(), q)
			if err != nil {
				b.Fatal(err)
			}
			q.Draft = map[string]func(int, []float32, []int32) []int32{
				"right": func(_ int, _ []float32, tail []int32) []int32 { return a.Tail[len(tail):] },
				"missed": func(_ int, _ []float32, tail []int32) []int32 {
					if len(tail) == 0 {
						return []int32{(a.Tail[0] + 1) % nanoTextTo(), 400}
					}
					return a.Tail[len(tail):]
				},
			}[draft]
		}
		queries[i] = q
	}
	return queries
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
