package llamacpp

import "slices"

// draft puts behind a slot's known ids those that the query expects to follow. What lies outside the
// vocabulary, ends the tail or cannot be part of it is left out, and what would come after it too.
func (l *lane) draft(s *slot) {
	q, a := &s.job.q, &s.job.answer
	s.guess = 0
	if q.Draft == nil {
		return
	}
	// One id comes from the row of the last guess: the guesses leave room for it.
	room := q.MaxTail - len(a.Tail) - 1
	for _, id := range q.Draft(a.Best, a.Hints, slices.Clip(a.Tail)) {
		if s.guess >= room || id < 0 || int(id) >= l.core.info().vocab || slices.Contains(q.Stop, id) {
			return
		}
		s.pending = append(s.pending, id)
		s.guess++
	}
}

// trim drops the guesses that have no place in the pass being built, and notes those that do.
func (s *slot) trim() {
	s.guessed = nil
	known := len(s.pending) - s.guess
	if s.guess == 0 || s.share < known {
		return
	}
	s.pending = s.pending[:s.share]
	s.guess = s.share - known
	s.guessed = s.pending[known:]
}

// readTail takes greedy ids from the slot's rows: one after the known ids, and one more for each guess that
// was what greedy decoding gives. The guesses after the first wrong one leave the cache again, so that the
// answer is the one that a pass per id would have given.
func (l *lane) readTail(s *slot) {
	q, a := &s.job.q, &s.job.answer
	guessed := s.guessed
	a.Drafted += len(guessed)
	right := 0
	for {
		found, err := l.core.score(s.row+right, l.temperature, nil)
		if err != nil {
			l.unread(s, err)
			return
		}
		if a.Stopped = slices.Contains(q.Stop, found.best); a.Stopped {
			l.answer(s, nil, true)
			return
		}
		a.Tail = append(a.Tail, found.best)
		if right == len(guessed) || guessed[right] != found.best {
			break
		}
		right++
		a.Accepted++
	}
	if len(a.Tail) == q.MaxTail {
		l.answer(s, nil, true)
		return
	}
	if wrong := len(guessed) - right; wrong > 0 {
		s.held -= wrong
		if err := l.core.keep(s.id, s.held); err != nil {
			l.answer(s, l.failure(s.job, err), false)
			return
		}
	}
	s.tail = true
	s.pending = []int32{a.Tail[len(a.Tail)-1]}
	l.draft(s)
}
