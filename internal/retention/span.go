package retention

import (
	"cmp"
	"slices"
)

// span is a run of row numbers, both ends in it.
type span struct{ first, last int64 }

func (s span) rows() int64 { return s.last - s.first + 1 }

// extend adds a number to spans in ascending order; one that is in the last span already changes nothing.
func extend(list []span, seq int64) []span {
	if n := len(list); n > 0 && seq <= list[n-1].last+1 {
		list[n-1].last = max(list[n-1].last, seq)
		return list
	}
	return append(list, span{seq, seq})
}

// joinSpans answers what is in either of two lists in ascending order.
func joinSpans(a, b []span) []span {
	if len(b) == 0 {
		return a
	}
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	out := all[:1]
	for _, s := range all[1:] {
		if last := &out[len(out)-1]; s.first <= last.last+1 {
			last.last = max(last.last, s.last)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// without answers what is left of 1..last when the spans of both lists are taken out. Each list is in ascending order.
func without(last int64, gone, held []span) []span {
	var out []span
	next := int64(1)
	for len(gone) > 0 || len(held) > 0 {
		var s span
		if len(held) == 0 || len(gone) > 0 && gone[0].first <= held[0].first {
			s, gone = gone[0], gone[1:]
		} else {
			s, held = held[0], held[1:]
		}
		if end := min(s.first-1, last); end >= next {
			out = append(out, span{next, end})
		}
		next = max(next, s.last+1)
	}
	if next <= last {
		out = append(out, span{next, last})
	}
	return out
}

func total(list []span) (n int64) {
	for _, s := range list {
		n += s.rows()
	}
	return n
}
