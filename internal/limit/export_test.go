package limit

import (
	"maps"
	"slices"
)

// Copy answers a limiter with the same counts.
func (l *Limiter) Copy() *Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &Limiter{clock: l.clock}
	for i := range scopes {
		c.rates[i], c.counts[i] = l.rates[i].clone(), l.counts[i].clone()
	}
	return c
}

func (t *table[K, V]) clone() *table[K, V] {
	c := *t
	c.index, c.entries = maps.Clone(t.index), slices.Clone(t.entries)
	return &c
}
