package moderation

import (
	"cmp"
	"slices"
	"time"
)

// span is a stretch of time before some moment that all spans of a list share.
type span struct{ from, to time.Duration }

// spent answers how long at least one window was worked on, and how long some waited while none was. Windows are judged
// side by side: their sums would be more than the time that passed.
func spent(rs []reading) (queue, compute time.Duration) {
	work, all := make([]span, 0, len(rs)), make([]span, 0, len(rs))
	for _, r := range rs {
		end := r.ended.Sub(rs[0].ended)
		begin := end - max(r.compute, 0)
		work = append(work, span{begin, end})
		all = append(all, span{begin - max(r.queue, 0), end})
	}
	compute = covered(work)
	return covered(all) - compute, compute
}

// covered answers how much time lies in at least one span.
func covered(all []span) (total time.Duration) {
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for i, s := range all {
		if i > 0 {
			s.from = max(s.from, all[i-1].to)
			all[i].to = max(s.to, all[i-1].to) // the furthest so far
		}
		total += max(0, s.to-s.from)
	}
	return total
}
