package llamacpp

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

// plainly answers the probabilities that the sampling gives to each id, from its definition: everything is sorted and summed.
func plainly(row []float32, s inference.Sampling, written []int32) []float64 {
	if s.Window > 0 {
		written = written[max(0, len(written)-s.Window):]
	}
	x := make([]float64, len(row))
	for id := range row {
		x[id] = float64(row[id])
		n := 0
		for _, w := range written {
			if int(w) == id {
				n++
			}
		}
		if n > 0 {
			x[id] -= s.Presence + s.Frequency*float64(n)
		}
		x[id] += s.Bias[int32(id)]
	}
	order := make([]int, len(row))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[b], x[a]) })
	p := make([]float64, len(row))
	if s.Temperature == 0 {
		p[order[0]] = 1
		return p
	}
	if s.TopK > 0 && s.TopK < len(order) {
		order = order[:s.TopK]
	}
	top, sum := x[order[0]], 0.0
	for _, id := range order {
		sum += math.Exp((x[id] - top) / s.Temperature)
	}
	best, mass := 1/sum, 0.0
	var kept []int
	for _, id := range order {
		if e := math.Exp((x[id]-top)/s.Temperature) / sum; e >= s.MinP*best {
			kept = append(kept, id)
			p[id] = e
			mass += e
		}
	}
	if s.TopP > 0 && s.TopP < 1 {
		so := 0.0
		for i, id := range kept {
			if so += p[id]; so >= s.TopP*mass {
				for _, out := range kept[i+1:] {
					p[out] = 0
				}
				break
			}
		}
	}
	all := 0.0
	for _, v := range p {
		all += v
	}
	for id := range p {
		p[id] /= all
	}
	return p
}

func randomRow(r *rand.Rand, n int) []float32 {
	row := make([]float32, n)
	for i := range row {
		row[i] = float32(math.Round(r.NormFloat64()*8) / 4) // equal ones among them
	}
	return row
}

func samplings() map[string]inference.Sampling {
	return map[string]inference.Sampling{
		"greedy":       {},
		"plain":        {Temperature: 1},
		"hot":          {Temperature: 2},
		"cold":         {Temperature: .05},
		"top_k":        {Temperature: 1, TopK: 7},
		"top_k 1":      {Temperature: 1.5, TopK: 1},
		"top_p":        {Temperature: 1, TopP: .6},
		"top_p tiny":   {Temperature: 1, TopP: 1e-9},
		"min_p":        {Temperature: 1, MinP: .2},
		"min_p 1":      {Temperature: 1, MinP: 1},
		"all":          {Temperature: 1.3, TopK: 20, TopP: .8, MinP: .02},
		"penalties":    {Temperature: 1, Presence: 1.5, Frequency: .7},
		"rewards":      {Temperature: 1, Presence: -2, Frequency: -.5, Window: 3},
		"bias":         {Temperature: 1, TopK: 5, Bias: map[int32]float64{0: 100, 3: -100, 5: 2}},
		"greedy, bias": {Bias: map[int32]float64{1: 4, 2: 4, 3: 4}, Presence: 1, Window: 2},
	}
}

// TestDrawsFollowTheirDistribution: of 20,000 draws with fixed seeds each id comes as often as its probability says, within six
// standard deviations, and none that was left out ever.
func TestDrawsFollowTheirDistribution(t *testing.T) {
	const draws, ids = 20_000, 60
	for name, s := range samplings() {
		r := rand.New(rand.NewPCG(8, 9))
		row := randomRow(r, ids)
		before := slices.Clone(row)
		written := []int32{1, 2, 1, 3, 59, 1}
		want := plainly(row, s, written)
		counts := make([]int, ids)
		var room []candidate
		for seed := range uint64(draws) {
			s.Seed = seed
			counts[newSampler(s, written).choose(row, &room)]++
		}
		require.Equal(t, before, row, "%s: a row is given back as it was", name)
		for id, p := range want {
			if p == 0 {
				require.Zero(t, counts[id], "%s: id %d was left out", name, id)
				continue
			}
			require.InDelta(t, p*draws, counts[id], 6*math.Sqrt(p*(1-p)*draws)+1, "%s: id %d", name, id)
		}
	}
}

// Every point between 0 and 1 belongs to an id, and each id has as much of it as it is probable: without chance.
func TestDrawIsTheInverseOfTheDistribution(t *testing.T) {
	const points, ids = 5000, 40
	for name, s := range samplings() {
		if s.Temperature == 0 {
			continue
		}
		r := rand.New(rand.NewPCG(1, 4))
		row := randomRow(r, ids)
		p := newSampler(s, nil)
		s.Presence, s.Frequency, s.Bias = 0, 0, nil
		want := plainly(row, s, nil)
		got := make([]float64, ids)
		var room []candidate
		for i := range points {
			got[p.draw(row, float64(row[largest(row)]), (float64(i)+.5)/points, &room)] += 1. / points
		}
		for id := range want {
			require.InDelta(t, want[id], got[id], 1.5/points, "%s: id %d", name, id)
		}
		last := p.draw(row, float64(row[largest(row)]), math.Nextafter(1, 0), &room)
		require.Positive(t, want[last], name)
	}
}

func TestGreedyTakesTheLowestOfEquals(t *testing.T) {
	var room []candidate
	require.Equal(t, int32(2), newSampler(inference.Sampling{}, nil).choose([]float32{1, 3, 5, 5, 4, 5}, &room))
	require.Equal(t, int32(0), newSampler(inference.Sampling{Bias: map[int32]float64{0: 4, 4: 1}}, nil).choose([]float32{1, 3, 5, 5, 4, 0}, &room), "after the bias")
	require.Equal(t, int32(3), newSampler(inference.Sampling{Temperature: 1, TopK: 2, TopP: 1e-9}, nil).choose([]float32{0, 0, 0, 9, 9}, &room))
}

// The same seed gives the same ids, whether a text is written in one turn or in many.
func TestASeedIsASequence(t *testing.T) {
	for _, s := range []inference.Sampling{{Temperature: 1, Seed: 7}, {Temperature: 1, TopP: .9, Presence: 1, Frequency: .3, Window: 5, Seed: 8}} {
		write := func(turn int) []int32 {
			var ids []int32
			var room []candidate
			p := newSampler(s, nil)
			for i := range 200 {
				if turn > 0 && i%turn == 0 {
					p = newSampler(s, ids)
				}
				id := p.choose(rowOf(hashOf(ids)), &room)
				p.took(id)
				ids = append(ids, id)
			}
			return ids
		}
		require.Equal(t, write(0), write(1))
		require.Equal(t, write(0), write(32))
		first := write(0)
		s.Seed++
		require.NotEqual(t, first, write(0))
	}
}

func TestLogprobsAreTheModelsOwn(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	row := randomRow(r, 500)
	want := plainly(row, inference.Sampling{Temperature: 1}, nil)
	for _, n := range []int{0, 1, 20} {
		own, best := logprobs(row, 77, n)
		require.InDelta(t, math.Log(want[77]), own, 1e-9)
		require.Len(t, best, n)
		order := make([]int32, len(row))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(row[b], row[a]) })
		for i, l := range best {
			require.Equal(t, order[i], l.ID, "the likeliest first, of equals the lowest")
			require.InDelta(t, math.Log(want[l.ID]), l.Logprob, 1e-9)
		}
	}
}

func BenchmarkChoose(b *testing.B) {
	row := randomRow(rand.New(rand.NewPCG(5, 5)), 151_936)
	for name, s := range map[string]inference.Sampling{"plain": {Temperature: 1}, "top_p": {Temperature: .7, TopP: .9}, "top_k": {Temperature: .7, TopK: 40}} {
		b.Run(name, func(b *testing.B) {
			var room []candidate
			p := newSampler(s, nil)
			for b.Loop() {
				p.choose(row, &room)
			}
		})
	}
}
