package llamacpp

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"guardhouse/internal/inference"
)

// negligible is how far under the largest, in temperatures, a logit is not looked at: all of a vocabulary there has less
// probability than a float64 can tell from none.
const negligible = 48.0

// sampler chooses the ids of one text. Its random numbers depend on the seed and on how many ids were written, and on nothing else.
type sampler struct {
	s       inference.Sampling
	random  *rand.PCG
	written []int32
	counts  map[int32]int // of the written ids in the window; nil where nobody asks
}

// newSampler answers the sampler of a text of which some ids were written already.
func newSampler(s inference.Sampling, written []int32) *sampler {
	p := &sampler{s: s, random: rand.NewPCG(s.Seed, 0)}
	if s.Presence != 0 || s.Frequency != 0 {
		p.counts = map[int32]int{}
	}
	for _, id := range written {
		if s.Temperature > 0 {
			p.random.Uint64()
		}
		p.took(id)
	}
	return p
}

// plain says that the likeliest id is chosen whatever was written.
func (p *sampler) plain() bool {
	return p.s.Temperature == 0 && p.counts == nil && len(p.s.Bias) == 0
}

// took notes a written id.
func (p *sampler) took(id int32) {
	if p.counts == nil {
		return
	}
	p.written = append(p.written, id)
	p.counts[id]++
	if n := len(p.written) - p.s.Window; p.s.Window > 0 && n > 0 {
		left := p.written[n-1]
		if p.counts[left]--; p.counts[left] == 0 {
			delete(p.counts, left)
		}
	}
}

// choose answers an id of a row of finite logits. The row is changed meanwhile and as it was afterwards. room is reused.
func (p *sampler) choose(row []float32, room *[]candidate) int32 {
	undo := make([]float32, 0, len(p.counts)+len(p.s.Bias))
	ids := make([]int32, 0, cap(undo))
	add := func(id int32, by float64) {
		ids, undo = append(ids, id), append(undo, row[id])
		row[id] += float32(by)
	}
	for id, n := range p.counts {
		add(id, -p.s.Presence-p.s.Frequency*float64(n))
	}
	for id, by := range p.s.Bias {
		add(id, by)
	}
	defer func() {
		for i := len(ids) - 1; i >= 0; i-- {
			row[ids[i]] = undo[i]
		}
	}()
	best := largest(row)
	if p.s.Temperature == 0 {
		return best
	}
	u := float64(p.random.Uint64()>>11) / (1 << 53)
	return p.draw(row, float64(row[best]), u, room)
}

// largest answers the id of the largest logit, the lowest of equals.
func largest(row []float32) int32 {
	best := 0
	for i, x := range row {
		if x > row[best] {
			best = i
		}
	}
	return int32(best)
}

// candidate is an id that may be drawn, with its part of the likeliest one's probability.
type candidate struct {
	id     int32
	weight float64
}

// compare puts the likelier first, of equals the lower id.
func (c candidate) compare(d candidate) int {
	return cmp.Or(cmp.Compare(d.weight, c.weight), cmp.Compare(c.id, d.id))
}

// draw answers the id at u, 0 to 1, of the candidates' probabilities laid end to end.
func (p *sampler) draw(row []float32, top, u float64, room *[]candidate) int32 {
	least := -negligible
	if p.s.MinP > 0 {
		least = max(least, math.Log(p.s.MinP))
	}
	all := (*room)[:0]
	total := 0.0
	for id, logit := range row {
		x := (float64(logit) - top) / p.s.Temperature
		if x < least {
			continue
		}
		w := math.Exp(x)
		total += w
		all = append(all, candidate{int32(id), w})
	}
	*room = all
	if p.s.TopK > 0 && p.s.TopK < len(all) {
		all = likeliest(all, func(n int, _ float64) bool { return n >= p.s.TopK })
		total = 0
		for _, c := range all {
			total += c.weight
		}
	}
	if p.s.TopP > 0 && p.s.TopP < 1 {
		enough := p.s.TopP * total
		all = likeliest(all, func(_ int, mass float64) bool { return mass >= enough })
		total = 0
		for _, c := range all {
			total += c.weight
		}
	}
	at, sum := u*total, 0.0
	for _, c := range all {
		if sum += c.weight; at < sum {
			return c.id
		}
	}
	return all[len(all)-1].id // rounding
}

// steps to an octave of weights, and their number down to the least weight that is looked at.
const (
	stepBits  = 4
	manySteps = 71 << stepBits
)

// stepOf answers which step under the likeliest a weight, at most 1, is on.
func stepOf(weight float64) int {
	below := math.Float64bits(1) - math.Float64bits(weight) // of positive numbers the bits are in the order of the values
	return min(int(below>>(52-stepBits)), manySteps-1)
}

// likeliest answers the likeliest candidates, until there are enough of them, told their number and their weights together. It counts
// them by steps first: only those on the last step have to be put in order, and not 150,000.
func likeliest(all []candidate, enough func(n int, mass float64) bool) []candidate {
	var counts [manySteps]int
	var masses [manySteps]float64
	for _, c := range all {
		at := stepOf(c.weight)
		counts[at]++
		masses[at] += c.weight
	}
	n, mass, last := 0, 0.0, 0
	for ; last < manySteps-1 && !enough(n+counts[last], mass+masses[last]); last++ {
		n, mass = n+counts[last], mass+masses[last]
	}
	edge := make([]candidate, 0, counts[last])
	kept := all[:0]
	for _, c := range all {
		switch at := stepOf(c.weight); {
		case at < last:
			kept = append(kept, c)
		case at == last:
			edge = append(edge, c)
		}
	}
	slices.SortFunc(edge, candidate.compare)
	for _, c := range edge {
		kept = append(kept, c)
		if mass += c.weight; enough(len(kept), mass) {
			break
		}
	}
	return kept
}

// logprobs answers the logarithms of the probabilities of id and of the n likeliest ids, over the whole row as it is.
func logprobs(row []float32, id int32, n int) (own float64, best []inference.Likely) {
	top := float64(row[largest(row)])
	sum := 0.0
	for i, x := range row {
		sum += math.Exp(float64(x) - top)
		if n > 0 && (len(best) < n || float64(x) > best[len(best)-1].Logprob) {
			best = insert(best, inference.Likely{ID: int32(i), Logprob: float64(x)}, n)
		}
	}
	all := top + math.Log(sum)
	for i := range best {
		best[i].Logprob -= all
	}
	return float64(row[id]) - all, best
}

// insert puts l behind those that are no smaller, and keeps n.
func insert(best []inference.Likely, l inference.Likely, n int) []inference.Likely {
	if len(best) < n {
		best = append(best, l)
	}
	i := len(best) - 1
	for ; i > 0 && best[i-1].Logprob < l.Logprob; i-- {
		best[i] = best[i-1]
	}
	best[i] = l
	return best
}
