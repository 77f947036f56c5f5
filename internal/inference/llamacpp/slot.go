package llamacpp

import (
	"cmp"
	"context"
	"slices"
	"time"

	"guardhouse/internal/inference"
)

// job is one query on its way through a lane. The lane owns it from the moment it received it.
type job struct {
	ctx     context.Context //nolint:containedctx // a message between goroutines, not a long-lived object
	q       inference.Query
	w       *writer     // nil where the query is judged
	done    chan result // has room for the one result
	queued  time.Time
	started time.Time
	answer  inference.Answer

	// Under the lane's lock.
	gone, finished bool
	unwatch        func() bool
}

type result struct {
	answer inference.Answer
	err    error
}

// slot is one sequence of a context. Between queries it keeps the fixed prefix of the last one, or all of a text that its
// account may go on with.
type slot struct {
	id       int
	resident []int32   // the prefix that stays
	held     int       // ids in the cache
	used     uint64    // the lane's count when it was last seated
	owner    string    // the account whose text it keeps, "" = none
	text     []int32   // the ids of that text
	since    time.Time // of when it is

	job     *job
	pending []int32 // ids to be computed, the guessed ones last
	guess   int     // how many of pending a draft proposed
	guessed []int32 // the guesses that are in the pass being built
	tail    bool    // the label is known: forced and greedy ids follow
	share   int     // ids of pending in the pass being built
	passed  bool    // a pass went by without any id of this prompt, or the oldest's half
	row     int     // the entry whose logits this slot waits for, those of guessed follow it; -1 if none
}

// fits says whether the slot already holds the query's prefix.
func (s *slot) fits(q inference.Query) bool {
	return q.Prefix > 0 && len(s.resident) == q.Prefix && slices.Equal(s.resident, q.Prompt[:q.Prefix])
}

// seat puts a job on the best free slot: one that holds its prefix, else one that holds none, else the
// one unused for longest, into which the prefix is copied from whoever holds it. There must be one.
func (l *lane) seat(j *job) error {
	s := l.pick(j)
	l.seats++
	s.used, s.job, s.tail, s.row, s.guess, s.guessed, s.passed = l.seats, j, false, -1, 0, nil, false
	keep := min(s.held, j.q.Prefix, len(j.q.Prompt)-1) // the last id is always computed: its logits are wanted
	own := s.common(j)
	l.forget(s)
	switch fits := s.fits(j.q); {
	case own > keep:
		keep = own
		if !fits {
			s.resident = nil
		}
	case !fits:
		keep = 0
		s.resident = nil
		if src := l.holder(j.q); src != nil {
			if err := l.core.copySlot(src.id, s.id); err != nil {
				return err
			}
			keep = min(j.q.Prefix, len(j.q.Prompt)-1)
		}
	}
	if err := l.core.keep(s.id, keep); err != nil {
		return err
	}
	s.held = keep
	s.pending = j.q.Prompt[keep:]
	if j.w != nil {
		j.w.out.Cached = keep
	}
	return nil
}

// pick answers the free slot for a job. A text that is kept is taken last, and the one unused for longest first.
func (l *lane) pick(j *job) *slot {
	var best *slot
	rank := func(s *slot) int {
		switch own := s.common(j); {
		case own > j.q.Prefix:
			return -own
		case s.fits(j.q):
			return 0
		case s.resident == nil:
			return 1
		}
		return 2
	}
	for _, s := range l.slots {
		if s.job != nil {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(rank(s), rank(best)), s.older(best, rank(s) == 2)) < 0 {
			best = s
		}
	}
	return best
}

// older compares what two slots are worth to others: one without a text less than one with, and where age counts, the one
// unused for longest less.
func (s *slot) older(t *slot, age bool) int {
	switch {
	case (s.text == nil) != (t.text == nil):
		if s.text == nil {
			return -1
		}
		return 1
	case age || s.text != nil:
		return cmp.Compare(s.used, t.used)
	}
	return 0
}

// holder answers a slot, or a place on the shelf, whose cache starts with the query's prefix, nil if there is none.
func (l *lane) holder(q inference.Query) *slot {
	for _, list := range [][]*slot{l.shelf, l.slots} {
		for _, s := range list {
			if s.fits(q) && s.held >= q.Prefix {
				return s
			}
		}
	}
	return nil
}

// clear frees a slot. Where all its passes succeeded the prefix stays, else everything goes: after a
// failed pass nobody knows what the cache holds.
func (l *lane) clear(s *slot, sound bool) {
	keep := 0
	var text []int32
	if s.job != nil && sound {
		if s.job.w != nil {
			text = s.job.w.left(s.held)
		}
		if keep = s.job.q.Prefix; keep > s.held {
			keep = 0
		}
		if !s.fits(s.job.q) {
			s.resident = slices.Clone(s.job.q.Prompt[:keep])
		}
	}
	if keep == 0 {
		s.resident = nil
	}
	if text != nil {
		keep = s.held
		l.belongs(s, s.job.w.g.Owner, text)
	}
	s.job, s.pending, s.share, s.row, s.guess, s.guessed = nil, nil, 0, -1, 0, nil
	if err := l.core.keep(s.id, keep); err != nil {
		s.resident, keep = nil, 0 // seat tries again and answers the error to the next query
		l.forget(s)
	}
	s.held = keep
}
