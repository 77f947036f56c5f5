// Package tally keeps plain counts for those who are asked how they are doing: counters by key and histograms, without
// any exporter. Every set of keys is bounded, so that nothing a stranger sends can make one grow. It imports the
// standard library alone.
package tally

import (
	"maps"
	"slices"
	"sync"
)

// Counts counts by key. The zero value is not usable: call NewCounts. All methods may be called from any goroutine.
type Counts[K comparable] struct {
	mu    sync.Mutex
	limit int
	other K
	m     map[K]uint64
}

// NewCounts answers counters for at most limit keys; what would need one more is counted under other.
func NewCounts[K comparable](limit int, other K) *Counts[K] {
	return &Counts[K]{limit: limit, other: other, m: map[K]uint64{}}
}

// Add counts n more of k.
func (c *Counts[K]) Add(k K, n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.m[k]; !known && len(c.m) >= c.limit {
		k = c.other
	}
	c.m[k] += n
}

// Snapshot answers a copy of the counts.
func (c *Counts[K]) Snapshot() map[K]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.m)
}

// Histogram counts values by size. All methods may be called from any goroutine.
type Histogram struct {
	mu     sync.Mutex
	bounds []float64
	counts []uint64 // one per bound, values not above it and above the one before
	total  uint64
	sum    float64
}

// NewHistogram answers a histogram with the given upper bounds, in rising order. What is above the last is counted too.
func NewHistogram(bounds ...float64) *Histogram {
	return &Histogram{bounds: slices.Clone(bounds), counts: make([]uint64, len(bounds))}
}

// Observe counts one value.
func (h *Histogram) Observe(v float64) {
	i, _ := slices.BinarySearch(h.bounds, v)
	h.mu.Lock()
	defer h.mu.Unlock()
	if i < len(h.counts) {
		h.counts[i]++
	}
	h.total++
	h.sum += v
}

// Distribution is a histogram at one moment. Cumulative holds, per bound, how many values were not above it.
type Distribution struct {
	Total      uint64
	Sum        float64
	Cumulative map[float64]uint64
}

// Snapshot answers the histogram as it is now.
func (h *Histogram) Snapshot() Distribution {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := Distribution{Total: h.total, Sum: h.sum, Cumulative: make(map[float64]uint64, len(h.bounds))}
	var below uint64
	for i, bound := range h.bounds {
		below += h.counts[i]
		d.Cumulative[bound] = below
	}
	return d
}
