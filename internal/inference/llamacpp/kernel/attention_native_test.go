//go:build !nollama

package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference/llamacpp/kernel/kerneltest"
)

const (
	halfNever = 0xFC00 // -infinity: a masked key
	halfNaN   = 0x7E00
	halfInf   = 0x7C00
)

// seen says whether a token of a stream sees a key, and what the mask adds.
type seen func(stream, token, key int) (bool, float32)

func causal(past int) seen {
	return func(_, token, key int) (bool, float32) { return key <= past+token, 0 }
}

// masks are those of the engine (causal, and cells of several prompts in one pool), and worse ones.
func masks(r *rand.Rand, tokens, keys int) map[string]seen {
	return map[string]seen{
		"causal":  causal(r.IntN(keys)),
		"nothing": func(int, int, int) (bool, float32) { return false, 0 },
		"all":     func(int, int, int) (bool, float32) { return true, 0 },
		"some":    func(int, int, int) (bool, float32) { return r.IntN(4) == 0, float32(r.NormFloat64()) },
		"rows":    func(_, token, key int) (bool, float32) { return token%2 == 1 && key <= token, 0 },
		"pool": func(stream, token, key int) (bool, float32) {
			return key/16%5 == (stream+token*3/tokens)%5 && key <= keys/2+token, 0
		},
	}
}

// attention makes an operation of random numbers. Keys and values that no token sees are NaN, as is the mask's padding.
func attention(r *rand.Rand, a kerneltest.Attention, sees seen) *kerneltest.Attention {
	a.Scale = float32(1 / math.Sqrt(float64(a.Width)))
	a.Q = normal(r, a.Width*a.Heads*a.Tokens*a.Streams)
	a.K = kerneltest.Halves(normal(r, a.Width*a.KVHeads*a.Cells*a.Streams))
	a.V = kerneltest.Halves(normal(r, a.Width*a.KVHeads*a.Cells*a.Streams))
	a.Mask = nil
	used := make([]bool, a.Cells*a.Streams)
	if sees == nil {
		sees = func(int, int, int) (bool, float32) { return true, 0 }
	} else {
		a.Mask = make([]uint16, a.Keys*a.MaskRows*a.Streams)
		for i := range a.Mask {
			a.Mask[i] = halfNaN
		}
	}
	for s := range a.Streams {
		for t := range a.Tokens {
			for k := range a.Keys {
				sees, add := sees(s, t, k)
				used[s*a.Cells+k] = used[s*a.Cells+k] || sees
				if a.Mask != nil {
					i := (s*a.MaskRows+t)*a.Keys + k
					switch {
					case !sees:
						a.Mask[i] = halfNever
					case add == 0:
						a.Mask[i] = 0
					default:
						a.Mask[i] = kerneltest.Halves([]float32{add})[0]
					}
				}
			}
		}
	}
	row := a.Width * a.KVHeads
	for cell, u := range used {
		for i := 0; !u && i < row; i++ {
			a.K[cell*row+i], a.V[cell*row+i] = halfNaN, halfInf
		}
	}
	return &a
}

func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func float(h uint16) float64 {
	sign, exponent, fraction := 1-2*float64(h>>15), int(h>>10&31), float64(h&1023)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

func floats(h []uint16) []float64 {
	x := make([]float64, len(h))
	for i, v := range h {
		x[i] = float(v)
	}
	return x
}

// attended computes the operation in doubles, from the definition: softmax(scale * q k + mask) v.
func attended(a *kerneltest.Attention) []float64 {
	out := make([]float64, 0, len(a.Q))
	row := a.Width * a.KVHeads
	keys, values := floats(a.K), floats(a.V)
	for s := range a.Streams {
		for t := range a.Tokens {
			for h := range a.Heads {
				q := a.Q[((s*a.Tokens+t)*a.Heads+h)*a.Width:][:a.Width]
				head := h / (a.Heads / a.KVHeads) * a.Width
				scores, top := make([]float64, a.Keys), math.Inf(-1)
				for k := range scores {
					var add float64
					if a.Mask != nil {
						add = float(a.Mask[(s*a.MaskRows+t)*a.Keys+k])
					}
					if scores[k] = add; math.IsInf(add, -1) {
						continue
					}
					for i, c := range keys[(s*a.Cells+k)*row+head:][:a.Width] {
						scores[k] += float64(q[i]) * c * float64(a.Scale)
					}
					top = max(top, scores[k])
				}
				sum, y := 0.0, make([]float64, a.Width)
				for k, score := range scores {
					if math.IsInf(score, -1) {
						continue
					}
					p := math.Exp(score - top)
					sum += p
					for i, c := range values[(s*a.Cells+k)*row+head:][:a.Width] {
						y[i] += p * c
					}
				}
				for _, v := range y {
					if sum != 0 {
						v /= sum
					}
					out = append(out, v)
				}
			}
		}
	}
	return out
}

func attend(t testing.TB, kernels string, threads int, a *kerneltest.Attention) []float32 {
	t.Helper()
	n := kerneltest.NewAttention(a)
	defer n.Close()
	if kernels != "none" {
		require.True(t, n.Taken(kernels))
	}
	y, _, err := n.Compute(kernels, threads, 1)
	require.NoError(t, err)
	return y
}

// near compares numbers of the size of the values, which are normal.
func near(t *testing.T, want []float64, got []float32, within float64, what string) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		if !(math.Abs(w-float64(got[i])) <= within) {
			require.InDelta(t, w, got[i], within, "%s, entry %d", what, i)
		}
	}
}

func shape(r *rand.Rand, width int) kerneltest.Attention {
	a := kerneltest.Attention{Width: width, Tokens: 1 + r.IntN(20), Keys: 1 + r.IntN(200), KVHeads: 1 + r.IntN(3), Streams: 1 + r.IntN(2)}
	switch r.IntN(6) {
	case 0, 1:
		a.Tokens = 1
	case 2:
		a.Tokens, a.KVHeads, a.Streams = 20+r.IntN(80), 1, 1
	case 3:
		a.Tokens, a.KVHeads, a.Keys = 1+r.IntN(4), 1, 1+r.IntN(1024)
	}
	a.Heads = a.KVHeads * (1 + r.IntN(1+15/a.KVHeads/(1+a.Tokens/20)))
	a.Cells, a.MaskRows = a.Keys+r.IntN(30), a.Tokens+r.IntN(5)
	return a
}

func TestAttentionEqualsTheDefinition(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(5, 6))
		for range 3 {
			for width := 16; width <= 256; width += 16 {
				s := shape(r, width)
				for name, sees := range masks(r, s.Tokens, s.Keys) {
					if r.IntN(3) > 0 {
						continue
					}
					a := attention(r, s, sees)
					near(t, attended(a), attend(t, kernels, 1+r.IntN(4), a), 5e-6, fmt.Sprintf("%s %+v", name, s))
				}
				a := attention(r, s, nil)
				near(t, attended(a), attend(t, kernels, 1+r.IntN(4), a), 5e-6, fmt.Sprintf("no mask %+v", s))
			}
		}
	})
}

// The engine rounds queries and sums to half precision; ours do not, and so lie within its rounding.
func TestAttentionEqualsTheEngines(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(7, 8))
		for range 20 {
			s := shape(r, []int{64, 128}[r.IntN(2)])
			for name, sees := range masks(r, s.Tokens, s.Keys) {
				a := attention(r, s, sees)
				want := make([]float64, 0, len(a.Q))
				for _, v := range attend(t, "none", 2, a) {
					want = append(want, float64(v))
				}
				near(t, want, attend(t, kernels, 2, a), 0.02, name)
			}
		}
	})
}

// How rows are cut into tiles, and who else is in the batch, changes nothing at all.
func TestAttentionIsTheSameForAnyThreadsAndCompany(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(9, 10))
		for range 20 {
			s := shape(r, 64)
			s.Tokens, s.Streams = 2+r.IntN(60), 2
			s.MaskRows = s.Tokens
			a := attention(r, s, causal(r.IntN(s.Keys)))
			want := attend(t, kernels, 1, a)
			for threads := 2; threads <= 4; threads++ {
				require.Equal(t, want, attend(t, kernels, threads, a))
			}
			alone := *a
			alone.Streams = 1
			alone.Q, alone.K, alone.V, alone.Mask = a.Q[:len(a.Q)/2], a.K[:len(a.K)/2], a.V[:len(a.V)/2], a.Mask[:len(a.Mask)/2]
			require.Equal(t, want[:len(want)/2], attend(t, kernels, 1, &alone))
		}
	})
}

// A row with a number that is none becomes NaN, which a pass is refused for; rows that do not see it stay as they are.
func TestAttentionOfWhatIsNoNumber(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(11, 12))
		for _, bad := range []uint16{halfNaN, halfInf, halfNever} {
			for _, tokens := range []int{1, 40} {
				s := kerneltest.Attention{Width: 64, Tokens: tokens, Keys: 100, Heads: 4, KVHeads: 2, Streams: 1, Cells: 100, MaskRows: tokens}
				at := 50 + tokens - 1 // the last key that the last token sees, and no other
				for _, what := range []string{"key", "value", "query"} {
					a := attention(r, s, causal(50))
					want := attended(a)
					switch what {
					case "key":
						a.K[at*128], a.K[at*128+64] = bad, bad
					case "value":
						a.V[at*128], a.V[at*128+64] = bad, bad
					case "query":
						for h := range 4 {
							a.Q[((tokens-1)*4+h)*64] = float32(float(bad))
						}
					}
					got := attend(t, kernels, 2, a)
					last := (tokens - 1) * 4 * 64
					near(t, want[:last], got[:last], 5e-6, what)
					for h := range 4 {
						odd := 0
						for _, v := range got[last+h*64:][:64] {
							if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
								odd++
							}
						}
						if what == "key" && bad == halfNever || what == "key" && bad == halfInf {
							continue // a score of -infinity is one that weighs nothing
						}
						assert.Positive(t, odd, "%s %x head %d of %d tokens", what, bad, h, tokens)
					}
				}
			}
		}
	})
}

// The weights of two keys with the scores 0 and x, and the values 0 and 1, are e^x / (1 + e^x).
func TestExponentialIsExact(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		for from := -86.0; from < 0; from += 0.5 {
			const tokens = 64
			a := kerneltest.Attention{Width: 16, Tokens: tokens, Keys: 2, Heads: 1, KVHeads: 1, Streams: 1, Cells: 2, MaskRows: tokens, Scale: 1}
			a.Q, a.K, a.V = make([]float32, 16*tokens), make([]uint16, 32), make([]uint16, 32)
			for i := range tokens {
				a.Q[i*16] = float32(from + 0.5*float64(i)/tokens)
			}
			one := kerneltest.Halves([]float32{1})[0]
			a.K[16], a.V[16] = one, one
			y := attend(t, kernels, 1, &a)
			for i := range tokens {
				e := math.Exp(float64(a.Q[i*16]))
				require.InEpsilon(t, e/(1+e), y[i*16], 3e-7, "%v", a.Q[i*16])
			}
		}
	})
}

func TestAttentionThatIsLeftToTheEngine(t *testing.T) {
	each(t, func(t *testing.T, kernels string) {
		r := rand.New(rand.NewPCG(13, 14))
		plain := kerneltest.Attention{Width: 64, Tokens: 9, Keys: 40, Heads: 4, KVHeads: 2, Streams: 2, Cells: 40, MaskRows: 9}
		for name, change := range map[string]func(*kerneltest.Attention){
			"bias":  func(a *kerneltest.Attention) { a.MaxBias = 8 },
			"cap":   func(a *kerneltest.Attention) { a.SoftCap = 30 },
			"sinks": func(a *kerneltest.Attention) { a.Sinks = true },
			"q8_0":  func(a *kerneltest.Attention) { a.EightBits = true },
			"wide":  func(a *kerneltest.Attention) { a.Width = 288 },
			"odd":   func(a *kerneltest.Attention) { a.Width = 40 },
		} {
			s := plain
			change(&s)
			a := attention(r, s, func(int, int, int) (bool, float32) { return true, 0 })
			n := kerneltest.NewAttention(a)
			assert.False(t, n.Taken(kernels), name)
			got, _, err := n.Compute(kernels, 2, 1)
			require.NoError(t, err)
			n.Close()
			assert.Equal(t, attend(t, "none", 2, a), got, name)
		}
		n := kerneltest.NewAttention(attention(r, plain, causal(3)))
		defer n.Close()
		assert.True(t, n.Taken(kernels))
		assert.False(t, n.Taken("none"))
	})
}
