//go:build !nollama

package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference/llamacpp/kernel"
	"guardhouse/internal/inference/llamacpp/kernel/kerneltest"
)

var types = []kerneltest.Type{kerneltest.Q8_0, kerneltest.Q4_0, kerneltest.Q4_K, kerneltest.Q6_K}

// block is how many values of a weight share a scale of the columns.
func block(t kerneltest.Type) int {
	if t == kerneltest.Q4_K || t == kerneltest.Q6_K {
		return 256
	}
	return 32
}

// each runs a test for all kernels that this processor has.
func each(t *testing.T, f func(t *testing.T, kernels string)) {
	t.Helper()
	ran := 0
	for _, name := range []string{"avx512", "avx2", "neon"} {
		if kernel.Runs(name) {
			ran++
			t.Run(name, func(t *testing.T) { f(t, name) })
		}
	}
	if ran == 0 {
		t.Skip("this processor has none of the kernels")
	}
}

// rounded quantises a column as the engine does: 127 steps to the largest magnitude of each block. It answers the
// bytes and the scales.
func rounded(x []float32, block int) (q []float64, scale []float64) {
	for from := 0; from < len(x); from += block {
		var top float32
		for _, v := range x[from : from+block] {
			top = max(top, float32(math.Abs(float64(v))))
		}
		var by, s float32
		if top >= 1e-36 {
			by, s = 127/top, top/127
		}
		for _, v := range x[from : from+block] {
			q = append(q, math.RoundToEven(float64(v*by)))
		}
		scale = append(scale, float64(s))
	}
	return q, scale
}

// wanted computes the product in doubles: what the weights stand for, times the rounded columns. bound is the
// sum of the magnitudes, against which an error counts.
func wanted(w []float32, k int, x [][]float32, block int) (y, bound []float64) {
	for _, col := range x {
		q, scale := rounded(col, block)
		for r := 0; r < len(w); r += k {
			var sum, size float64
			for i := range k {
				v := float64(w[r+i]) * q[i] * scale[i/block]
				sum, size = sum+v, size+math.Abs(v)
			}
			y, bound = append(y, sum), append(bound, size)
		}
	}
	return y, bound
}

func uniform(r *rand.Rand, n int, size float32) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = (2*r.Float32() - 1) * size
	}
	return v
}

func multiply(t testing.TB, kernels string, ty kerneltest.Type, weight []byte, rows, k, threads int, x [][]float32) []float32 {
	t.Helper()
	p, err := kerneltest.New(kernels, ty, weight, rows, k, len(x), 1, k, threads)
	require.NoError(t, err)
	defer p.Close()
	var all []float32
	for _, c := range x {
		all = append(all, c...)
	}
	y, _ := p.Compute(all, 1)
	return y
}

// close compares within what sums of so many floats may lose.
func compare(t *testing.T, y []float32, want, bound []float64, what string) {
	t.Helper()
	require.Len(t, y, len(want))
	for i, v := range y {
		if math.Abs(float64(v)-want[i]) > 2e-6*bound[i]+1e-30 {
			require.InDelta(t, want[i], v, 2e-6*bound[i]+1e-30, "%s, entry %d", what, i)
		}
	}
}

func TestProductsEqualTheReference(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, ty := range types {
			b := block(ty)
			var shapes [][4]int // rows, k, columns, threads
			for c := 1; c <= 17; c++ {
				shapes = append(shapes, [4]int{16 * (1 + c%9), b * (1 + c%3), c, 1 + c%9/7})
			}
			// Few with several threads: those that wait for each other spin, and a busy machine makes them wait long.
			for range 25 {
				k, columns := b*(1+r.IntN(1024/b)), 1+r.IntN(200)
				shapes = append(shapes, [4]int{16 * (1 + r.IntN(1+100000/k/columns)), k, columns, 1 + r.IntN(6)/5})
			}
			shapes = append(shapes, [4]int{48, 4096, 13, 1}, [4]int{16, b, 200, 4}, [4]int{4096, b, 1, 3})
			for _, s := range shapes {
				rows, k, columns, threads := s[0], s[1], s[2], s[3]
				weight := ty.Quantise(uniform(r, rows*k, 0.1), k)
				x := make([][]float32, columns)
				for i := range x {
					x[i] = uniform(r, k, float32(math.Exp(r.NormFloat64()*3)))
				}
				y := multiply(t, kernels, ty, weight, rows, k, threads, x)
				want, bound := wanted(ty.Floats(weight, k), k, x, b)
				compare(t, y, want, bound, fmt.Sprintf("%v %v", ty, s))
			}
		}
	})
}

// Any bytes may stand in a file, where only scales that are no numbers are refused.
func TestAnyBytesMultiply(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, ty := range types {
			b := block(ty)
			for range 30 {
				rows, k := 16*(1+r.IntN(4)), b*(1+r.IntN(4))
				weight := make([]byte, rows*ty.RowBytes(k))
				for i := range weight {
					weight[i] = byte(r.Uint32())
				}
				finite(ty, weight)
				x := make([][]float32, 1+r.IntN(20))
				for i := range x {
					x[i] = uniform(r, k, 5)
				}
				y := multiply(t, kernels, ty, weight, rows, k, 1, x)
				want, bound := wanted(ty.Floats(weight, k), k, x, b)
				compare(t, y, want, bound, ty.String())
			}
		}
	})
}

// finite clears an exponent bit of each f16 scale, so that none is an infinity or a NaN.
func finite(ty kerneltest.Type, weight []byte) {
	size := ty.RowBytes(block(ty))
	at := map[kerneltest.Type][]int{kerneltest.Q8_0: {1}, kerneltest.Q4_0: {1}, kerneltest.Q4_K: {1, 3}, kerneltest.Q6_K: {size - 1}}[ty]
	for i := 0; i < len(weight); i += size {
		for _, j := range at {
			weight[i+j] &^= 0x40
		}
	}
}

// With scales of one every sum is a small integer: not one of them may be off, at the ends of all ranges.
func TestIntegersAreExact(t *testing.T) {
	const one = 0x3c // the high byte of 1 as an f16
	each(t, func(t *testing.T, kernels string) {
		for _, ty := range types {
			b, size := block(ty), ty.RowBytes(block(ty))
			for _, fill := range []byte{0x00, 0x7f, 0x80, 0x81, 0xff, 0x0f, 0xf0} {
				for _, x := range []float32{127, -127, 0} {
					const rows, columns = 32, 11
					k := 2 * b
					weight := make([]byte, rows*2*size)
					for i := range weight {
						weight[i] = fill
					}
					for i := 0; i < len(weight); i += size {
						switch ty {
						case kerneltest.Q8_0, kerneltest.Q4_0:
							weight[i], weight[i+1] = 0, one
						case kerneltest.Q4_K:
							weight[i], weight[i+1], weight[i+2], weight[i+3] = 0, one, 0, one
						case kerneltest.Q6_K:
							weight[i+size-2], weight[i+size-1] = 0, one
						}
					}
					cols := make([][]float32, columns)
					for c := range cols {
						cols[c] = make([]float32, k)
						for i := range cols[c] {
							cols[c][i] = x
						}
						cols[c][0], cols[c][b] = 127, -127 // the scale is one
					}
					y := multiply(t, kernels, ty, weight, rows, k, 1, cols)
					want, _ := wanted(ty.Floats(weight, k), k, cols, b)
					for i := range y {
						require.Equal(t, float32(want[i]), y[i], "%v fill %#x columns %g entry %d", ty, fill, x, i)
					}
				}
			}
		}
	})
}

// What is no number stays in its own column and is seen there; nothing crashes or hangs.
func TestColumnsWithoutNumbers(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, ty := range types {
			const rows = 32
			k := 2 * block(ty)
			weight := ty.Quantise(uniform(r, rows*k, 1), k)
			for i, bad := range []float32{nan, inf, -inf, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, 1e-37, 0} {
				x := make([][]float32, 13)
				for c := range x {
					x[c] = uniform(r, k, 1)
				}
				x[4][7] = bad
				if i > 4 {
					for j := range x[4] {
						x[4][j] = bad
					}
				}
				y := multiply(t, kernels, ty, weight, rows, k, 1, x)
				for e, v := range y {
					got := math.IsNaN(float64(v)) || math.IsInf(float64(v), 0)
					if i < 3 {
						require.Equal(t, e/rows == 4, got, "%v %g entry %d is %g", ty, bad, e, v)
					} else if e/rows != 4 || i > 4 {
						require.False(t, got, "%v %g entry %d is %g", ty, bad, e, v)
					}
					if i > 4 && e/rows == 4 {
						require.InDelta(t, 0, v, 1e-30)
					}
				}
			}
		}
	})
}

// Columns of several batches, and columns that stand apart.
func TestColumnsInBatches(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, ty := range types {
			const rows, columns, batches = 48, 5, 3
			k := block(ty)
			stride := k + 24
			weight := ty.Quantise(uniform(r, rows*k, 1), k)
			all := uniform(r, stride*columns*batches, 1)
			p, err := kerneltest.New(kernels, ty, weight, rows, k, columns, batches, stride, 2)
			require.NoError(t, err)
			y, _ := p.Compute(all, 3)
			p.Close()
			var x [][]float32
			for c := range columns * batches {
				x = append(x, all[c*stride:c*stride+k])
			}
			want, bound := wanted(ty.Floats(weight, k), k, x, k)
			compare(t, y, want, bound, ty.String())
		}
	})
}

func TestShapesThatKernelsRefuse(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		for _, ty := range types {
			k := block(ty)
			for _, rows := range []int{1, 15, 17, 24} {
				_, err := kerneltest.New(kernels, ty, make([]byte, rows*ty.RowBytes(k)), rows, k, 1, 1, k, 1)
				assert.ErrorIs(t, err, kerneltest.ErrRefused, "%v with %d rows", ty, rows)
			}
		}
		_, err := kerneltest.New(kernels, 0, make([]byte, 16*32*4), 16, 32, 1, 1, 32, 1)
		assert.ErrorIs(t, err, kerneltest.ErrRefused, "floats")
	})
}

// The sum is the same whoever computes a chunk and however many columns stand beside: a text's verdict does not
// depend on its neighbours.
func TestColumnsDoNotKnowTheirNeighbours(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(9, 10))
		for _, ty := range types {
			rows, k := 80, 2*block(ty)
			weight := ty.Quantise(uniform(r, rows*k, 1), k)
			x := make([][]float32, 23)
			for c := range x {
				x[c] = uniform(r, k, 1)
			}
			all := multiply(t, kernels, ty, weight, rows, k, 3, x)
			for c := range x {
				require.Equal(t, all[c*rows:(c+1)*rows], multiply(t, kernels, ty, weight, rows, k, 1, x[c:c+1]), "%v column %d", ty, c)
			}
		}
	})
}
