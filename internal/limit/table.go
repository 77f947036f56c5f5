package limit

// table is a bounded map that forgets what is idle a little at each insertion, so that no charge ever stops to sweep. Its
// entries lie in a slice, which the hand goes round like a clock's.
type table[K comparable, V any] struct {
	index   map[K]uint32
	entries []entry[K, V]
	most    int
	hand    int
	// weight answers what forgetting v would give away at the own time at, and 0 if nothing.
	weight func(v *V, at int64) int64

	evicted uint64
}

type entry[K comparable, V any] struct {
	key K
	val V
}

const (
	// sweepEach entries are looked at per insertion: two, so that a table whose entries are all idle shrinks.
	sweepEach = 2
	// sampled entries are looked at where the table is full.
	sampled = 16
)

func newTable[K comparable, V any](most int, weight func(*V, int64) int64) *table[K, V] {
	return &table[K, V]{index: map[K]uint32{}, most: most, weight: weight}
}

// get answers the value of k, nil if there is none. It is good until the next put.
func (t *table[K, V]) get(k K) *V {
	if i, ok := t.index[k]; ok {
		return &t.entries[i].val
	}
	return nil
}

// put answers the place of k's value, a new one if there was none; then at most one live value had to go for it.
func (t *table[K, V]) put(k K, at int64) *V {
	if v := t.get(k); v != nil {
		return v
	}
	for range sweepEach {
		if v := t.turn(); v != nil && t.weight(v, at) == 0 {
			t.drop(t.hand)
		}
	}
	if len(t.entries) >= t.most {
		t.evict(at)
	}
	t.index[k] = uint32(len(t.entries))
	t.entries = append(t.entries, entry[K, V]{key: k})
	return &t.entries[len(t.entries)-1].val
}

// turn moves the hand on and answers the value there, nil in an empty table.
func (t *table[K, V]) turn() *V {
	if len(t.entries) == 0 {
		return nil
	}
	t.hand++
	if t.hand >= len(t.entries) {
		t.hand = 0
	}
	return &t.entries[t.hand].val
}

// evict drops the least of a sample.
func (t *table[K, V]) evict(at int64) {
	least, where := int64(-1), 0
	for range min(sampled, len(t.entries)) {
		if w := t.weight(t.turn(), at); least < 0 || w < least {
			least, where = w, t.hand
		}
	}
	if least > 0 {
		t.evicted++
	}
	t.drop(where)
}

// drop takes an entry out; the last one takes its place.
func (t *table[K, V]) drop(i int) {
	last := len(t.entries) - 1
	delete(t.index, t.entries[i].key)
	if i != last {
		t.entries[i] = t.entries[last]
		t.index[t.entries[i].key] = uint32(i)
	}
	t.entries[last] = entry[K, V]{}
	t.entries = t.entries[:last]
}
