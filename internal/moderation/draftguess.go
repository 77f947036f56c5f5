package moderation

import (
	"math"
	"sync"
)

const (
	nameCount = categoryCount + 1  // with None
	hintCount = labels + nameCount // what a guess is made from
	// guessFrom is how many answers a guess has learned from before it is asked: counts are better until then.
	guessFrom = 32
	// Adagrad's step, and what keeps its first steps small. Over the development set 0.1 learned more slowly and 1 was too sure of itself.
	guessStep, guessDamp = 0.3, 0.1
)

// guess says how likely each name is the first one, from the logits at the place of the verdict: the model's opinion of the
// categories' first ids shows there already, before any was asked for, though not which is largest. It is a multinomial
// logistic regression over the standardised logits, learned from each answer by Adagrad (Duchi, Hazan, Singer 2011). It
// holds sums over all answers, no answer. Several goroutines may use it.
type guess struct {
	mu     sync.Mutex
	n      int
	mean   [hintCount]float64
	spread [hintCount]float64 // sum of squared distances from the mean (Welford 1962)
	weight [nameCount][hintCount + 1]float64
	steep  [nameCount][hintCount + 1]float64 // sum of squared gradients
}

// probabilities answers how likely each name comes first; known is false while too little was learned, and for logits that
// are no numbers.
func (g *guess) probabilities(hints []float32) (p [nameCount]float64, known bool) {
	if !countable(hints) {
		return p, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n < guessFrom {
		return p, false
	}
	return g.softmax(g.standard(hints)), true
}

// learn takes that name k was the first one.
func (g *guess) learn(hints []float32, k int) {
	if !countable(hints) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n = min(g.n+1, halveAt) // from then on what was long ago fades
	keep := 1.0
	if g.n == halveAt {
		keep = 1 - 1.0/halveAt
	}
	for i, h := range hints {
		away := float64(h) - g.mean[i]
		g.mean[i] += away / float64(g.n)
		g.spread[i] = (g.spread[i] + away*(float64(h)-g.mean[i])) * keep
	}
	x := g.standard(hints)
	p := g.softmax(x)
	p[k]--
	for c := range p {
		for i, v := range x {
			slope := p[c] * v
			g.steep[c][i] = (g.steep[c][i] + slope*slope) * keep
			g.weight[c][i] -= guessStep * slope / math.Sqrt(guessDamp+g.steep[c][i])
		}
	}
}

// standard answers the logits in standard deviations from their means, and a constant 1.
func (g *guess) standard(hints []float32) (x [hintCount + 1]float64) {
	for i, h := range hints {
		const unit = 1.0 // as if one more answer had been a whole one away: the first ones have no spread yet
		x[i] = (float64(h) - g.mean[i]) / math.Sqrt((unit+g.spread[i])/float64(max(g.n, 1)))
	}
	x[hintCount] = 1
	return x
}

func (g *guess) softmax(x [hintCount + 1]float64) (p [nameCount]float64) {
	top := math.Inf(-1)
	for c := range p {
		for i, v := range x {
			p[c] += g.weight[c][i] * v
		}
		top = max(top, p[c])
	}
	sum := 0.0
	for c := range p {
		p[c] = math.Exp(p[c] - top)
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
	return p
}

// countable says that these are all hints, and ordinary numbers: one infinity would spoil the sums for good.
func countable(hints []float32) bool {
	const most = 1e4 // far over any logit
	for _, h := range hints {
		if !(h > -most && h < most) {
			return false
		}
	}
	return len(hints) == hintCount
}
