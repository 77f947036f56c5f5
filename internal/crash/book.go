package crash

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"
)

const (
	mostCrashes = 64   // kept; older ones are forgotten first
	mostRefused = 4096 // payloads
	keyBytes    = 32
)

// Book is what a parent remembers of its workers' crashes. It lasts as long as the parent: a start of the whole service begins anew.
type Book struct {
	key     []byte
	crashes []crash   // oldest first
	alone   []counted // payloads that ended a worker alone, oldest first
	stopped []Stop
	told    []Suspect // what the running worker knows, in its order
}

// crash is one end of a worker by native code.
type crash struct {
	at      time.Time
	pairs   []Pair // that were in flight and have not run alone since
	culprit *Digest
}

type counted struct {
	payload Digest
	times   int
}

// NewBook answers an empty one, with a key of its own.
func NewBook() (*Book, error) {
	b := &Book{key: make([]byte, keyBytes)}
	if _, err := rand.Read(b.key); err != nil {
		return nil, fmt.Errorf("making the key of crash marks: %w", err)
	}
	return b, nil
}

// Found says what was made of one worker's end.
type Found struct {
	InFlight int  // payloads that were with native code
	Alone    bool // there was one, and nothing else
	Refused  bool // that payload is refused from now on
	Stopped  bool // its principal is stopped for a time
}

// Ended takes what a worker left in the table. Only one that native code may have ended is a crash: whoever kills it from
// outside says nothing of what it ran.
func (b *Book) Ended(at time.Time, byItself bool, t *Table) Found {
	pairs, company, cleared := t.left()
	b.clear(cleared)
	b.forget(at)
	f := Found{InFlight: len(pairs)}
	if !byItself || len(pairs) == 0 {
		return f
	}
	c := crash{at: at, pairs: pairs}
	one := func(p Pair) bool { return p.Principal == pairs[0].Principal }
	if !company && !slices.ContainsFunc(pairs, func(p Pair) bool { return !one(p) }) {
		c.culprit = &pairs[0].Principal
		if f.Alone = len(pairs) == 1; f.Alone {
			f.Refused = b.count(pairs[0].Payload)
		}
	}
	b.crashes = append(b.crashes, c)
	if len(b.crashes) > mostCrashes {
		b.crashes = slices.Delete(b.crashes, 0, 1)
	}
	if c.culprit != nil {
		f.Stopped = b.blame(*c.culprit, at)
	}
	return f
}

// count notes a crash of a payload alone and says whether that was one too many.
func (b *Book) count(p Digest) bool {
	i := slices.IndexFunc(b.alone, func(c counted) bool { return c.payload == p })
	if i < 0 {
		if len(b.alone) == mostRefused {
			b.alone = slices.Delete(b.alone, 0, 1)
		}
		b.alone = append(b.alone, counted{payload: p})
		i = len(b.alone) - 1
	}
	b.alone[i].times++
	return b.alone[i].times >= mostAlone
}

// blame lays those crashes at a principal's door that he was in and nobody else was found guilty of: the others who were
// in flight then are free of them. It says whether he is stopped.
func (b *Book) blame(p Digest, at time.Time) bool {
	crashes := 0
	for i := range b.crashes {
		c := &b.crashes[i]
		if c.culprit == nil && slices.ContainsFunc(c.pairs, func(x Pair) bool { return x.Principal == p }) {
			c.culprit = &p
		}
		if c.culprit != nil && *c.culprit == p {
			c.pairs = slices.DeleteFunc(c.pairs, func(x Pair) bool { return x.Principal != p })
			crashes++
		}
	}
	if crashes < mostOfOne {
		return false
	}
	b.stopped = slices.DeleteFunc(b.stopped, func(s Stop) bool { return s.Principal == p })
	b.stopped = append(b.stopped, Stop{Principal: p, Until: at.Add(Window)})
	return true
}

// clear frees suspects that ran alone and did no harm.
func (b *Book) clear(cleared []int) {
	freed := map[Pair]bool{}
	for _, n := range cleared {
		if n < len(b.told) {
			freed[b.told[n].Pair] = true
		}
	}
	if len(freed) == 0 {
		return
	}
	for i := range b.crashes {
		b.crashes[i].pairs = slices.DeleteFunc(b.crashes[i].pairs, func(x Pair) bool { return freed[x] })
	}
}

func (b *Book) forget(now time.Time) {
	b.crashes = slices.DeleteFunc(b.crashes, func(c crash) bool { return now.Sub(c.at) >= Window })
	b.stopped = slices.DeleteFunc(b.stopped, func(s Stop) bool { return !now.Before(s.Until) })
}

// Verdicts answers what the next worker has to know.
func (b *Book) Verdicts(now time.Time) Verdicts {
	b.forget(now)
	v := Verdicts{Key: b.key, Stopped: slices.Clone(b.stopped), Suspects: b.suspects()}
	for _, c := range b.alone {
		if c.times >= mostAlone {
			v.Refused = append(v.Refused, c.payload)
		}
	}
	b.told = v.Suspects
	return v
}

// suspects answers each pair once, those of the newest crashes first, as many as are told. Nobody serves meanwhile, and a hostile
// worker may have left as much as there is room for: each pair is looked up once.
func (b *Book) suspects() (out []Suspect) {
	known := map[Pair]bool{}
	for _, c := range slices.Backward(b.crashes) {
		for _, p := range c.pairs {
			switch {
			case len(out) == mostSuspects:
				return out
			case !known[p]:
				known[p] = true
				out = append(out, Suspect{Pair: p, Until: c.at.Add(Window)})
			}
		}
	}
	return out
}
