package llamacpp

import (
	"time"

	"guardhouse/internal/inference"
)

const (
	// threadWork is the least work of one thread in a pass, in weight bytes times ids: about a millisecond
	// of a core. Below it threads wait for each other longer than they compute.
	threadWork = 64 << 20
	// gaugeIDs is the least size of a pass that is measured: shorter ones are all overhead.
	gaugeIDs = 16
	// Passes between two tries of the slower way: soon after the start, since nothing is known then; from
	// shortTry on they double, since a try can cost half a second where somebody else computes.
	startTry, shortTry, longTry = 2, 64, 1024
	// tryPasses is how often in a row the slower way is tried: the first time its threads have to be woken, which takes as
	// long as a small model's pass. One that takes farFrom times as long is not tried again.
	tryPasses, farFrom = 3, 2
	// tryShare: in the long run tries of several threads may lose one part of so many. At a load of 14 on two cores a try took
	// between one second and eleven.
	tryShare, mostWait = 100, 1 << 20
	// soonAgain is the computing after which they are tried for the first time: what else the machine did may be over. Every
	// try that fails doubles it, until tryShare is kept.
	soonAgain = 10 * time.Second
)

// gauge learns whether a pass over several threads is faster than one over a single thread. It is, unless
// somebody else computes on the same cores: then each of a pass's hundred waits can cost a time slice
// (measured: 400 ms instead of 3), while a single thread waits for nobody, so that is what it begins with.
// It is used under the crew's lock.
type gauge struct {
	weightBytes int64
	wide, solo  float64 // nanoseconds an id, moving averages; 0 = never measured
	passes      int     // since the slower way was tried
	trying      int     // passes that the slower way still gets
	wait        int     // passes until it is tried again
}

// seed is what a trial found before the first query; without one nothing is known.
func (g *gauge) seed(c inference.Choice) {
	if c.IDs > 0 {
		g.solo, g.wide, g.wait = float64(c.Solo)/float64(c.IDs), float64(c.Wide)/float64(c.IDs), shortTry
	}
}

// distrust is what a trial says that did not end in time: a small model's would have, had nobody else computed. One thread takes
// milliseconds for a pass of its; several took half a second each, spinning, while the first callers waited.
func (g *gauge) distrust() {
	if g.weightBytes <= laneWeights {
		g.wait = shortTry
	}
}

// advise answers how many of the threads on offer a pass of so many ids should use.
func (g *gauge) advise(offer, ids int) int {
	work := int64(ids) * g.weightBytes / threadWork
	n := int(min(int64(offer), max(1, work)))
	if n == 1 || ids < gaugeIDs {
		return n
	}
	if g.solo == 0 {
		return 1 // there is nothing to hold a wide pass against: a bad one would look like the best there is
	}
	if g.passes++; g.passes >= max(startTry, g.wait) {
		g.passes = 0
		if !g.preferSolo() {
			g.wait = min(longTry, max(shortTry, 2*g.wait))
		}
		g.trying = tryPasses
	}
	if g.preferSolo() != (g.trying > 0) {
		return 1
	}
	return n
}

func (g *gauge) preferSolo() bool { return g.wide == 0 || g.solo == 0 || g.wide > g.solo }

// note records what a pass took. A change of what is better makes the next try come soon.
func (g *gauge) note(threads, ids int, took time.Duration) {
	if ids < gaugeIDs {
		return
	}
	before := g.preferSolo()
	average, other, tried := &g.solo, g.wide, !before
	if threads > 1 {
		average, other, tried = &g.wide, g.solo, before
	}
	each := float64(took) / float64(ids)
	if *average == 0 || tried {
		*average = each // what was tried now and then is as old as the last try
	} else {
		*average += (each - *average) / 4
	}
	if tried {
		g.trying = max(0, g.trying-1)
		if each > farFrom*other {
			g.trying = 0
		}
	}
	if g.preferSolo() != before {
		g.passes, g.wait, g.trying = 0, shortTry, 0
	}
	if threads > 1 && g.solo > 0 && g.preferSolo() && g.trying == 0 {
		g.wait = g.patience(each, ids, before)
	}
}

// patience answers how many passes of one thread come before several threads are tried again, after a pass of theirs that took
// each nanoseconds an id: failed says that it was a try itself, and not what ended their preference.
func (g *gauge) patience(each float64, ids int, failed bool) int {
	next := float64(soonAgain) / (g.solo * float64(ids))
	if failed {
		next = 2 * float64(g.wait)
	}
	return int(max(startTry, min(next, tryShare*(each-g.solo)/g.solo, mostWait)))
}
