package llamacpp

import (
	"context"

	"guardhouse/internal/fault"
)

// admit seats a job and begins to watch its context. A job that cannot be seated is answered at once.
func (l *lane) admit(j *job) {
	j.started = l.now()
	l.mu.Lock()
	l.live++
	if !l.stopped {
		l.core.abort(false)
	}
	l.mu.Unlock()
	j.unwatch = context.AfterFunc(j.ctx, func() { l.left(j) })
	l.count(1)
	if err := l.seat(j); err != nil {
		for _, s := range l.slots {
			if s.job == j {
				l.answer(s, l.failure(j, err), false)
			}
		}
	}
}

// left runs when a job's context ends. When nobody waits for the running pass any more it is aborted.
func (l *lane) left(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if j.finished || j.gone {
		return
	}
	j.gone = true
	l.live--
	if l.live == 0 {
		l.core.abort(true)
	}
}

// answer ends a slot's job. sound says that the cache holds what it should.
func (l *lane) answer(s *slot, err error, sound bool) {
	j := s.job
	j.unwatch()
	l.mu.Lock()
	j.finished = true
	if !j.gone {
		l.live--
	}
	l.mu.Unlock()
	l.clear(s, sound)
	l.count(-1)
	j.answer.Queue = j.started.Sub(j.queued)
	j.answer.Compute = l.now().Sub(j.started)
	j.done <- result{answer: j.answer, err: err} // what it took, however it ended
}

// fail answers every job of the lane.
func (l *lane) fail(err *fault.Error) {
	for _, s := range l.slots {
		if s.job != nil {
			l.answer(s, err, false)
		}
	}
}

// stop aborts what runs, for good.
func (l *lane) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	l.core.abort(true)
}
