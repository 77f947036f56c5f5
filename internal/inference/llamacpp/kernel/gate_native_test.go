//go:build !nollama

package kernel_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference/llamacpp/kernel/kerneltest"
)

func TestGateEqualsTheDefinition(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(41, 42))
		for width := 16; width <= 3072; width += 16 * (1 + width/48) {
			s, x := someRows(r, width)
			g := normal(r, len(x))
			x[0], x[1] = 120, -120 // far beyond what an exponential holds
			y := computed(t, kerneltest.NewGate(s, x, g, []kerneltest.Place{kerneltest.Apart, kerneltest.Gaps}[r.IntN(2)]), kernels, 1+r.IntN(4))
			for i, v := range x {
				want := float64(v) / (1 + math.Exp(-float64(v))) * float64(g[i])
				if math.Abs(want-float64(y[i])) > 1e-6*math.Abs(want)+1e-35 {
					require.InDelta(t, want, y[i], 1e-6*math.Abs(want)+1e-35, "width %d: %v", width, v)
				}
			}
		}
	})
}

func TestGateHidesNoNaN(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		nan := float32(math.NaN())
		for _, at := range []int{0, 7, 15, 31} {
			x, g := make([]float32, 32), make([]float32, 32)
			for i := range g {
				x[i], g[i] = 1, 1
			}
			x[at] = nan
			y := computed(t, kerneltest.NewGate([4]int{32, 1, 1, 1}, x, g, kerneltest.Apart), kernels, 1)
			x[at], g[at] = 1, nan
			z := computed(t, kerneltest.NewGate([4]int{32, 1, 1, 1}, x, g, kerneltest.Apart), kernels, 1)
			for i := range y {
				assert.Equal(t, i == at, math.IsNaN(float64(y[i])), "value %d", i)
				assert.Equal(t, i == at, math.IsNaN(float64(z[i])), "value %d", i)
			}
		}
	})
}

func TestCastsEqualTheEngines(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(43, 44))
		for width := 16; width <= 1024; width += 16 * (1 + width/48) {
			s, x := someRows(r, width)
			x[r.IntN(len(x))] = float32(math.Inf(-1)) // what masks hold
			x[r.IntN(len(x))] = float32(math.Inf(1))
			x[r.IntN(len(x))] = 70000 // more than a half holds
			x[r.IntN(len(x))] = 1e-7  // less than its smallest normal number
			for _, p := range []kerneltest.Place{kerneltest.Apart, kerneltest.Gaps} {
				want := computed(t, kerneltest.NewCast(s, x, p), "none", 1)
				got := computed(t, kerneltest.NewCast(s, x, p), kernels, 1+r.IntN(4))
				require.Equal(t, bits(want), bits(got), "width %d", width)
			}
		}
		x := []float32{float32(math.NaN()), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
		y := computed(t, kerneltest.NewCast([4]int{16, 1, 1, 1}, x, kerneltest.Apart), kernels, 1)
		assert.True(t, math.IsNaN(float64(y[0])))
		assert.Equal(t, float32(1), y[15])
	})
}

func TestCastsAndGatesOfOtherKindsStayTheEngines(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		for _, s := range [][4]int{{15, 2, 1, 1}, {8, 1, 1, 1}, {24, 3, 2, 1}} {
			x := make([]float32, s[0]*s[1]*s[2]*s[3])
			for _, n := range []*kerneltest.Node{kerneltest.NewCast(s, x, kerneltest.Apart), kerneltest.NewGate(s, x, x, kerneltest.Apart)} {
				assert.False(t, n.Taken(kernels), "%v", s)
				n.Close()
			}
		}
	})
}
