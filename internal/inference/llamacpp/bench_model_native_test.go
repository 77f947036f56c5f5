//go:build !nollama

package llamacpp

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

// BenchmarkModel is one verdict alone of the model file that GH_BENCH_MODEL names, by the length of its prompt, on one thread
// and on all. GH_TEST_KERNELS chooses who computes. Without a file it is skipped.
func BenchmarkModel(b *testing.B) {
	name := os.Getenv("GH_BENCH_MODEL")
	if name == "" {
		b.Skip("GH_BENCH_MODEL names no model file")
	}
	for _, threads := range []int{1, 0} {
		before := resident(b)
		m := load(b, name, inference.Spec{Slots: 1, SlotTokens: 1024, Threads: threads})
		loaded := resident(b) - before
		d := m.Describe()
		for _, n := range []int{benchIDs, 151, 512} {
			b.Run(fmt.Sprintf("threads=%d/ids=%d", d.Threads, n), func(b *testing.B) {
				r := rand.New(rand.NewPCG(7, uint64(n)))
				before := processorTime(b)
				for b.Loop() {
					q := inference.Query{Labels: []int32{0, 1, 2}}
					for range n {
						q.Prompt = append(q.Prompt, r.Int32N(int32(d.Vocabulary)))
					}
					if _, err := m.Judge(context.Background(), q); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((processorTime(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/verdict")
				b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "ids/s")
				b.ReportMetric(float64(d.WeightBytes>>20), "weights-MiB")
				b.ReportMetric(float64(loaded>>10), "loaded-MiB")
			})
		}
		require.NoError(b, m.Close())
	}
}

// resident is the process's memory in KiB.
func resident(b *testing.B) int {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	_, rest, found := strings.Cut(string(text), "VmRSS:")
	require.True(b, found)
	var kib int
	_, err = fmt.Sscan(rest, &kib)
	require.NoError(b, err)
	return kib
}
