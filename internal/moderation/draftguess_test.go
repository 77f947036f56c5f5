package moderation

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

// leaning answers logits that lean towards name k, and by how much nobody is told: every name has a mean of its own.
func leaning(r *rand.Rand, k int) []float32 {
	hints := make([]float32, hintCount)
	for i := range hints {
		hints[i] = float32(3*i) + float32(r.NormFloat64())
	}
	hints[labels+k] += 4
	return hints
}

func TestGuessLearnsFromTheLogits(t *testing.T) {
	d, _ := testDrafter(t)
	r := rand.New(rand.NewPCG(3, 3))
	_, known := d.first[0][2].probabilities(leaning(r, 0))
	require.False(t, known, "nothing was learned yet")
	right, n := 0, 4000
	for i := range n {
		k := r.IntN(nameCount)
		hints := leaning(r, k)
		answer := d.names[k]
		if i >= n/2 {
			if ids := d.draft(false, 2, hints, nil); len(ids) >= len(answer) && ids[0] == answer[0] {
				right++
			}
		}
		d.learn(false, inference.Answer{Best: 2, Tail: answer, Hints: hints}, nil)
	}
	require.Greater(t, right, n/2*8/10, "ten names, as often as each other: counts alone would be right in a tenth")
}

// A long name is guessed only where it is likely, a short one sooner.
func TestGuessMustEarnItsIDs(t *testing.T) {
	d, _ := testDrafter(t)
	short, long := 0, 1 // Violent, and Non-violent Illegal Acts
	require.Greater(t, len(d.names[long]), 2*len(d.names[short]))
	for _, k := range []int{short, long} {
		// A right guess saves a pass, which costs as much as passIDs ids; a wrong one costs its own.
		worth := float64(len(d.names[k])) / float64(len(d.names[k])+passIDs)
		for _, off := range []float64{-0.02, 0.02} {
			var p [nameCount]float64
			p[k], p[2] = worth+off, 0.01
			require.Equal(t, off > 0, d.best(false, 2, p) != nil, "%d: %v", k, p[k])
		}
	}
}

func TestGuessTakesAnyLogits(t *testing.T) {
	var g guess
	r := rand.New(rand.NewPCG(4, 4))
	odd := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, -9999, 9999, 0}
	for range 3 * halveAt {
		hints := make([]float32, hintCount+r.IntN(20)/19)
		for i := range hints {
			hints[i] = float32(r.NormFloat64())
			if r.IntN(50) == 0 {
				hints[i] = odd[r.IntN(len(odd))]
			}
		}
		g.learn(hints, r.IntN(nameCount))
	}
	g.learn(nil, 0)
	p, known := g.probabilities(leaning(r, 1))
	require.True(t, known)
	sum := 0.0
	for _, v := range p {
		require.True(t, v >= 0 && v <= 1, "%v", p)
		sum += v
	}
	require.InDelta(t, 1, sum, 1e-9)
	_, known = g.probabilities(make([]float32, hintCount-1))
	require.False(t, known)
}
