//go:build !nollama

package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference/llamacpp/kernel"
	"guardhouse/internal/inference/llamacpp/kernel/kerneltest"
)

// softmaxKernels are those that run here, and what the build's flags give.
func softmaxKernels() []string {
	return slices.DeleteFunc([]string{"none", "avx2", "avx512"}, func(name string) bool { return !kernel.Runs(name) })
}

func TestSoftmaxIsTheSumOfExponentials(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 2, 15, 16, 17, 63, 64, 65, 127, 1000, 16384, 151936} {
		for _, scale := range []float32{1, 0.01, 100} {
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(r.NormFloat64() * 6)
			}
			at := r.IntN(n)
			x[at] = 40
			if n > 1 {
				x[(at+1)%n] = float32(math.Inf(-1)) // a masked id counts nothing
			}
			want := 0.0
			for _, v := range x {
				want += math.Exp(float64((v - 40) * scale))
			}
			sums := map[float64]bool{}
			for _, name := range softmaxKernels() {
				require.Equal(t, at, kerneltest.Largest(name, x), "%s, %d values", name, n)
				got := kerneltest.SumExp(name, x, 40, scale)
				require.InEpsilon(t, want, got, 1e-6, "%s, %d values, scale %v", name, n, scale)
				if name != "none" {
					sums[got] = true
				}
			}
			require.LessOrEqual(t, len(sums), 1, "every register width adds the same lanes: %v", sums)
		}
	}
}

func TestTheFirstOfEqualLogitsWins(t *testing.T) {
	for _, name := range softmaxKernels() {
		for _, n := range []int{2, 64, 200} {
			x := make([]float32, n)
			for first := range n {
				for i := range x {
					x[i] = -1
				}
				for i := first; i < n; i++ {
					x[i] = 2
				}
				require.Equal(t, first, kerneltest.Largest(name, x), "%s, %d of %d", name, first, n)
			}
		}
		require.Equal(t, 0, kerneltest.Largest(name, []float32{0, float32(math.Copysign(0, -1))}), name)
	}
}

func TestARowThatIsNotFiniteIsRefusedWhereverItIs(t *testing.T) {
	nan, up, down := float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))
	for _, name := range softmaxKernels() {
		for _, n := range []int{1, 3, 64, 65, 130} {
			x := make([]float32, n)
			for i := range n {
				for _, bad := range []float32{nan, up} {
					x[i] = bad
					require.Equal(t, -1, kerneltest.Largest(name, x), "%s: %v at %d of %d", name, bad, i, n)
					x[i] = 0
				}
			}
			for i := range x {
				x[i] = down
			}
			require.Equal(t, -1, kerneltest.Largest(name, x), "%s: nothing is possible", name)
			x[n-1] = -1e30
			require.Equal(t, n-1, kerneltest.Largest(name, x), name)
		}
		require.Equal(t, -1, kerneltest.Largest(name, nil), name)
	}
}

func BenchmarkSoftmax(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{16384, 151936} {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64() * 6)
		}
		for _, name := range softmaxKernels() {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				for b.Loop() {
					kerneltest.SumExp(name, x, x[kerneltest.Largest(name, x)], 1)
				}
			})
		}
	}
}
