//go:build !nollama

package kernel_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference/llamacpp/kernel/kerneltest"
)

var places = []kerneltest.Place{kerneltest.Apart, kerneltest.Over, kerneltest.Gaps}

func computed(t *testing.T, n *kerneltest.Node, kernels string, threads int) []float32 {
	t.Helper()
	defer n.Close()
	if kernels != "none" {
		require.True(t, n.Taken(kernels))
	}
	y, _, err := n.Compute(kernels, threads, 1)
	require.NoError(t, err)
	return y
}

func someRows(r *rand.Rand, width int) ([4]int, []float32) {
	s := [4]int{width, 1 + r.IntN(5), 1 + r.IntN(40), 1 + r.IntN(2)}
	x := normal(r, s[0]*s[1]*s[2]*s[3])
	by := float32(math.Exp(3 * r.NormFloat64()))
	for i := range x {
		x[i] *= by
	}
	return s, x
}

func TestNormEqualsTheDefinition(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(15, 16))
		for width := 16; width <= 4096; width += 16 * (1 + width/48) {
			s, x := someRows(r, width)
			y := computed(t, kerneltest.NewNorm(s, x, 1e-6, places[r.IntN(3)]), kernels, 1+r.IntN(4))
			for from := 0; from < len(x); from += width {
				sum := 0.0
				for _, v := range x[from : from+width] {
					sum += float64(v) * float64(v)
				}
				by := 1 / math.Sqrt(sum/float64(width)+1e-6)
				for i, v := range x[from : from+width] {
					want := float64(v) * by
					if math.Abs(want-float64(y[from+i])) > 1e-6*math.Abs(want)+1e-30 {
						require.InDelta(t, want, y[from+i], 1e-6*math.Abs(want)+1e-30, "width %d", width)
					}
				}
			}
		}
	})
}

func TestTimesEqualsTheEngines(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(17, 18))
		for width := 16; width <= 2048; width += 16 * (1 + width/48) {
			s, x := someRows(r, width)
			w := normal(r, width)
			x[r.IntN(len(x))] = float32(math.NaN())
			x[r.IntN(len(x))] = float32(math.Inf(1))
			for _, p := range places {
				want := computed(t, kerneltest.NewTimes(s, x, w, p), "none", 1)
				got := computed(t, kerneltest.NewTimes(s, x, w, p), kernels, 1+r.IntN(4))
				require.Equal(t, bits(want), bits(got), "width %d", width)
			}
		}
	})
}

func bits(x []float32) []uint32 {
	b := make([]uint32, len(x))
	for i, v := range x {
		b[i] = math.Float32bits(v)
	}
	return b
}

func TestRopeEqualsTheDefinition(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(19, 20))
		for round := range 30 {
			s, x := someRows(r, 32*(1+r.IntN(8)))
			s[3] = 1
			x = x[:s[0]*s[1]*s[2]]
			by := kerneltest.Rope{Mode: 2, Turned: s[0], Base: []float32{1e4, 1e6}[round%2], Scale: []float32{1, 1, 0.25}[round%3]}
			positions := make([]int32, s[2])
			for i := range positions {
				positions[i] = r.Int32N(1 << (1 + r.IntN(18)))
			}
			y := computed(t, kerneltest.NewRope(s, x, positions, by, places[r.IntN(3)]), kernels, 1+r.IntN(4))
			step := float32(math.Pow(float64(by.Base), float64(-2/float32(s[0]))))
			for i, p := range positions {
				angle := float32(p)
				for k := range s[0] / 2 {
					sin, cos := math.Sincos(float64(angle * by.Scale))
					angle *= step
					for h := range s[1] {
						at := (i*s[1]+h)*s[0] + k
						a, b := float64(x[at]), float64(x[at+s[0]/2])
						size := 4e-7*(math.Abs(a)+math.Abs(b)) + float64(p)*1e-5*(math.Abs(a)+math.Abs(b))*float64(k)/float64(s[0])
						if math.Abs(a*cos-b*sin-float64(y[at])) > size || math.Abs(a*sin+b*cos-float64(y[at+s[0]/2])) > size {
							require.Fail(t, "turned wrong", "position %d pair %d: %v %v by %v became %v %v", p, k, a, b, angle, y[at], y[at+s[0]/2])
						}
					}
				}
			}
		}
	})
}

func TestRopeEqualsTheEngines(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(21, 22))
		for range 15 {
			s := [4]int{64 * (1 + r.IntN(2)), 1 + r.IntN(16), 1 + r.IntN(70), 1}
			x := normal(r, s[0]*s[1]*s[2])
			positions := make([]int32, s[2])
			for i := range positions {
				positions[i] = r.Int32N(1 << (1 + r.IntN(18)))
			}
			by := kerneltest.Rope{Mode: 2, Turned: s[0], Base: 1e6, Scale: 1}
			want := computed(t, kerneltest.NewRope(s, x, positions, by, kerneltest.Apart), "none", 1)
			got := computed(t, kerneltest.NewRope(s, x, positions, by, kerneltest.Apart), kernels, 1+r.IntN(4))
			for i := range want {
				if math.Abs(float64(want[i]-got[i])) > 4e-6 {
					require.InDelta(t, want[i], got[i], 4e-6)
				}
			}
		}
	})
}

func TestLookupsEqualTheEngines(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(25, 26))
		for width := 32; width <= 1024; width += 32 * (1 + width/128) {
			count := 1 + r.IntN(40)
			x := normal(r, width*count)
			ids := make([]int32, 1+r.IntN(80))
			for i := range ids {
				ids[i] = r.Int32N(int32(count))
			}
			want := computed(t, kerneltest.NewLookup(width, x, ids), "none", 1)
			require.Equal(t, want, computed(t, kerneltest.NewLookup(width, x, ids), kernels, 1+r.IntN(4)))
		}
	})
}

func TestRowsThatAreLeftToTheEngine(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(23, 24))
		make := func(width int, by kerneltest.Rope) *kerneltest.Node {
			by.Base, by.Scale = cmp.Or(by.Base, 1e4), cmp.Or(by.Scale, 1)
			return kerneltest.NewRope([4]int{width, 2, 3, 1}, normal(r, width*6), []int32{5, 6, 7}, by, kerneltest.Apart)
		}
		for name, n := range map[string]*kerneltest.Node{
			"norm of odd rows":  kerneltest.NewNorm([4]int{24, 2, 3, 1}, normal(r, 144), 1e-6, kerneltest.Apart),
			"times of odd rows": kerneltest.NewTimes([4]int{24, 2, 3, 1}, normal(r, 144), normal(r, 24), kerneltest.Apart),
			"neighbours":        make(64, kerneltest.Rope{Mode: 0, Turned: 64}),
			"half of a head":    make(64, kerneltest.Rope{Mode: 2, Turned: 32}),
			"ramp":              make(64, kerneltest.Rope{Mode: 2, Turned: 64, Ramp: 1}),
			"angles that grow":  make(64, kerneltest.Rope{Mode: 2, Turned: 64, Base: 0.5}),
			"large angles":      make(64, kerneltest.Rope{Mode: 2, Turned: 64, Scale: 1e6}),
			"no number":         make(64, kerneltest.Rope{Mode: 2, Turned: 64, Scale: float32(math.NaN())}),
			"wide":              make(288, kerneltest.Rope{Mode: 2, Turned: 288}),
			"odd":               make(48, kerneltest.Rope{Mode: 2, Turned: 48}),
		} {
			assert.False(t, n.Taken(kernels), name)
			_, _, err := n.Compute(kernels, 2, 1)
			assert.NoError(t, err, name)
			n.Close()
		}
	})
}
