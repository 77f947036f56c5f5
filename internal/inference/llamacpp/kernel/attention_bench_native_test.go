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

// turns lets the engine's own code and our kernels compute a node on one thread, in turns of short rounds. It reports what the
// fastest round of each took of the processor: the rest is what else the machine did.
func turns(b *testing.B, n *kerneltest.Node) {
	defer n.Close()
	least := map[string]time.Duration{}
	for b.Loop() {
		for _, name := range []string{"none", "avx512", "avx2", "neon"} {
			if name != "none" && (!kernel.Runs(name) || !n.Taken(name)) {
				continue
			}
			_, took, err := n.Compute(name, 1, 4)
			if err != nil {
				b.Fatal(err)
			}
			if before, ok := least[name]; !ok || took < before {
				least[name] = took
			}
		}
	}
	for name, took := range least {
		b.ReportMetric(float64(took.Nanoseconds())/1000, name+"-us")
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAttention has the shapes of guard-nano and of a model of 0.6 billion: prompts, and one id against a cache.
func BenchmarkAttention(b *testing.B) {
	r := rand.New(rand.NewPCG(27, 28))
	for _, m := range []struct {
		name                 string
		width, heads, kvHead int
	}{{"nano", 64, 4, 2}, {"0.6B", 128, 16, 8}} {
		for _, s := range [][2]int{{57, 57}, {151, 151}, {512, 512}, {5, 57}, {1, 57}, {1, 512}, {1, 4096}} {
			tokens, keys := s[0], s[1]
			b.Run(fmt.Sprintf("%s/%d-of-%d", m.name, tokens, keys), func(b *testing.B) {
				cells := (keys + 255) / 256 * 256
				a := kerneltest.Attention{Width: m.width, Tokens: tokens, Keys: cells, Heads: m.heads, KVHeads: m.kvHead, Streams: 1, Cells: cells, MaskRows: tokens}
				turns(b, kerneltest.NewAttention(attention(r, a, causal(keys-tokens))))
			})
		}
	}
}

// BenchmarkRows has the small operations of 57 ids of guard-nano.
func BenchmarkRows(b *testing.B) {
	r := rand.New(rand.NewPCG(29, 30))
	const ids = benchIDs
	heads, hidden := [4]int{64, 4, ids, 1}, [4]int{256, ids, 1, 1}
	x, w := normal(r, 256*ids), normal(r, 256)
	positions, rows := make([]int32, ids), make([]int32, ids)
	for i := range positions {
		positions[i], rows[i] = int32(i), r.Int32N(1000)
	}
	for _, n := range []struct {
		name string
		node *kerneltest.Node
	}{
		{"norm", kerneltest.NewNorm(hidden, x, 1e-6, kerneltest.Apart)},
		{"norm-of-heads", kerneltest.NewNorm(heads, x, 1e-6, kerneltest.Apart)},
		{"times", kerneltest.NewTimes(hidden, x, w, kerneltest.Apart)},
		{"times-of-heads", kerneltest.NewTimes(heads, x, w[:64], kerneltest.Apart)},
		{"rope", kerneltest.NewRope(heads, x, positions, kerneltest.Rope{Mode: 2, Turned: 64, Base: 1e6, Scale: 1}, kerneltest.Apart)},
		{"lookup", kerneltest.NewLookup(256, normal(r, 256*1000), rows)},
	} {
		b.Run(n.name, func(b *testing.B) { turns(b, n.node) })
	}
}

const benchIDs = 57 // of a median prompt of the moderation data set
