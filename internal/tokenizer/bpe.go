package tokenizer

// shortWord is the length up to which scanning for the lowest rank beats a heap.
const shortWord = 48

// merge appends the ids of one pre-token: always the pair of the lowest rank is merged, the leftmost
// of equals, until none is left.
func (t *Tokenizer) merge(dst []int32, w string) []int32 {
	if len(w) > shortWord {
		return t.mergeLong(dst, w)
	}
	var ids, ranks, made [shortWord]int32
	n := len(w)
	for i := range n {
		ids[i] = t.bytes[w[i]]
	}
	for i := range n - 1 {
		ranks[i], made[i] = t.merges.rank(ids[i], ids[i+1])
	}
	for n > 1 {
		best := 0
		for i := 1; i < n-1; i++ {
			if ranks[i] < ranks[best] {
				best = i
			}
		}
		if ranks[best] == noRank {
			break
		}
		ids[best] = made[best]
		copy(ids[best+1:n-1], ids[best+2:n])
		copy(ranks[best:n-2], ranks[best+1:n-1])
		copy(made[best:n-2], made[best+1:n-1])
		n--
		if best > 0 {
			ranks[best-1], made[best-1] = t.merges.rank(ids[best-1], ids[best]) //nolint:gosec // best < n <= shortWord
		}
		if best < n-1 {
			ranks[best], made[best] = t.merges.rank(ids[best], ids[best+1])
		}
	}
	if t.holes {
		for _, id := range ids[:n] {
			if id != none {
				dst = append(dst, id)
			}
		}
		return dst
	}
	return append(dst, ids[:n]...)
}

// symbol is one part of a long pre-token; the parts are a doubly linked list, -1 ends it.
type symbol struct{ id, prev, next int32 }

// mergeLong is merge in n log n: a hostile text is one pre-token of a million letters. An entry of the
// heap is rank<<32 | position, so its order is the order of merges, and because a rank names one pair
// an entry is stale exactly when the pair at its position has another rank now.
func (t *Tokenizer) mergeLong(dst []int32, w string) []int32 {
	list := make([]symbol, len(w))
	heap := make(mergeHeap, 0, len(w))
	for i := range list {
		list[i] = symbol{id: t.bytes[w[i]], prev: int32(i) - 1, next: int32(i) + 1}
	}
	list[len(list)-1].next = -1
	for i := range len(list) - 1 {
		if rank, _ := t.merges.rank(list[i].id, list[i+1].id); rank != noRank {
			heap = append(heap, uint64(rank)<<32|uint64(i))
		}
	}
	heap.init()
	for len(heap) > 0 {
		top := heap.pop()
		t.apply(list, &heap, int32(top>>32), int32(top&0xffffffff))
	}
	for i := int32(0); i >= 0; i = list[i].next {
		if list[i].id != none {
			dst = append(dst, list[i].id)
		}
	}
	return dst
}

// apply merges the pair at position at unless the entry is stale, and queues its new neighbours.
func (t *Tokenizer) apply(list []symbol, heap *mergeHeap, rank, at int32) {
	left := &list[at]
	if left.id < 0 || left.next < 0 {
		return
	}
	right := &list[left.next]
	now, id := t.merges.rank(left.id, right.id)
	if now != rank {
		return
	}
	left.id, left.next = id, right.next
	right.id = -1 // dead: entries for its position are stale
	if left.next >= 0 {
		list[left.next].prev = at
		if r, _ := t.merges.rank(id, list[left.next].id); r != noRank {
			heap.push(uint64(r)<<32 | uint64(at))
		}
	}
	if left.prev >= 0 {
		if r, _ := t.merges.rank(list[left.prev].id, id); r != noRank {
			heap.push(uint64(r)<<32 | uint64(left.prev))
		}
	}
}

// mergeHeap is a binary heap of numbers, smallest first.
type mergeHeap []uint64

func (h mergeHeap) init() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h *mergeHeap) push(v uint64) {
	*h = append(*h, v)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if s[parent] <= s[i] {
			return
		}
		s[parent], s[i] = s[i], s[parent]
		i = parent
	}
}

func (h *mergeHeap) pop() uint64 {
	s := *h
	top := s[0]
	s[0] = s[len(s)-1]
	*h = s[:len(s)-1]
	h.down(0)
	return top
}

func (h mergeHeap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if h[i] <= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
