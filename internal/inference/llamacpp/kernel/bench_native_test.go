//go:build !nollama

package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"guardhouse/internal/inference/llamacpp/kernel"
	"guardhouse/internal/inference/llamacpp/kernel/kerneltest"
)

// BenchmarkProduct tells each set of kernels from the engine's own, on one thread, at the shapes of guard-nano and of a model
// of 0.6 billion. They take turns in short rounds and the fastest round counts: the rest is what else the machine did.
func BenchmarkProduct(b *testing.B) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, s := range []struct {
		name    string
		rows, k int
	}{{"nano-qkv", 256, 256}, {"nano-up", 768, 256}, {"nano-down", 256, 768}, {"nano-out", 16384, 256}, {"0.6B-q", 2048, 1024}, {"0.6B-up", 3072, 1024}, {"0.6B-down", 1024, 3072}, {"0.6B-out", 151936, 1024}} {
		for _, ty := range types {
			weight := ty.Quantise(uniform(r, s.rows*s.k, 0.1), s.k)
			for _, columns := range []int{1, 2, 4, 8, 57, 151, 512} {
				b.Run(fmt.Sprintf("%s/%v/%d", s.name, ty, columns), func(b *testing.B) {
					x := uniform(r, columns*s.k, 1)
					var names []string
					var all []*kerneltest.Product
					for _, name := range []string{"engine", "avx512", "avx2", "neon"} {
						if name != "engine" && !kernel.Runs(name) {
							continue
						}
						p, err := kerneltest.New(name, ty, weight, s.rows, s.k, columns, 1, s.k, 1)
						if err != nil {
							b.Fatal(err)
						}
						defer p.Close()
						names, all = append(names, name), append(all, p)
					}
					least := make([]time.Duration, len(all))
					for b.Loop() {
						for i, p := range all {
							if _, took := p.Compute(x, 4); least[i] == 0 || took < least[i] {
								least[i] = took
							}
						}
					}
					for i, name := range names {
						b.ReportMetric(2*float64(s.rows*s.k*columns)/float64(least[i].Nanoseconds()), name+"-GFLOP/s")
					}
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}
