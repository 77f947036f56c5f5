package llamacpp

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"guardhouse/internal/fault"
)

// lane is one native context and the goroutine that owns it. Queries join and leave it between passes.
type lane struct {
	core        core
	crew        *crew
	temperature float64
	now         func() time.Time
	jobs        <-chan *job
	own         chan *job // jobs whose account's text this lane keeps
	primes      chan *primeJob
	closing     <-chan struct{}
	ended       chan struct{}

	// Owned by the goroutine.
	slots  []*slot
	shelf  []*slot // never seated: each holds a prefix, to be copied from
	active int
	seats  uint64
	pass   pass
	asked  []int32 // room for the ids of one score
	primed [][]int32
	spoilt bool // the cells must be cleared before the next query
	room   []candidate

	mu      sync.Mutex
	live    int // jobs whose caller still waits
	stopped bool
	filled  chan struct{} // closed when the last free slot is taken, nil while there is none
	owners  []string      // of the texts that slots keep
}

func (l *lane) run() {
	defer close(l.ended)
	l.count(0)
	for {
		if l.active == 0 && !l.wait() {
			return
		}
		for l.active > 0 {
			select {
			case <-l.closing:
				l.fail(fault.New(fault.Canceled, "the model is being closed"))
				continue
			default:
			}
			l.admitMore()
			l.step()
		}
	}
}

// wait blocks until there is a query, and answers false when the model is being closed.
func (l *lane) wait() bool {
	for {
		if l.spoilt {
			l.crew.join()
			l.wipe()
			l.crew.leave()
		}
		// Who goes on with a text comes behind those whom it gave way to.
		select {
		case p := <-l.primes:
			l.primeFor(p)
			continue
		case j := <-l.jobs:
			if l.admit(j); l.active > 0 {
				return true
			}
			continue
		default:
		}
		stale, end := l.stale()
		select {
		case <-l.closing:
			end()
			return false
		case <-stale:
			l.spoilt = true // the cells are cleared, and with them goes what was computed of the texts
		case p := <-l.primes:
			l.primeFor(p)
		case j := <-l.own:
			if l.admit(j); l.active > 0 {
				end()
				return true
			}
		case j := <-l.jobs:
			if l.admit(j); l.active > 0 {
				end()
				return true
			}
		}
		end()
	}
}

// primeFor primes a lane that has nothing else to do, and tells how it went.
func (l *lane) primeFor(p *primeJob) {
	l.crew.join()
	p.done <- l.prime(p)
	l.crew.leave()
}

func (l *lane) admitMore() {
	for l.active < len(l.slots) && !l.spoilt {
		select {
		case j := <-l.jobs: // first: who goes on with a text comes behind those whom it gave way to
			l.admit(j)
			continue
		default:
		}
		select {
		case j := <-l.own:
			l.admit(j)
		default:
			return
		}
	}
}

// step answers those who left, runs one pass and reads what it found.
func (l *lane) step() {
	for _, s := range l.slots {
		if s.job != nil && s.job.ctx.Err() != nil {
			l.answer(s, fault.From(s.job.ctx.Err()), true)
		}
	}
	if l.active == 0 {
		return
	}
	l.build()
	err := l.decode()
	for _, s := range l.slots {
		if s.job == nil || s.share == 0 {
			continue
		}
		if err != nil {
			l.answer(s, l.failure(s.job, err), false)
			continue
		}
		s.held += s.share
		s.pending = s.pending[s.share:]
		s.job.answer.Passes++
		s.job.answer.Evaluated += s.share
		s.share = 0
		if s.row >= 0 {
			l.read(s)
		}
	}
}

// decode runs the pass on the crew's cores.
func (l *lane) decode() error {
	g := l.crew.take(len(l.pass.ids))
	defer l.crew.give(g)
	return l.core.decode(&l.pass, g.threads)
}

// build fills the pass. Texts that are written get the one id they wait for. Tails go first and together, since each id of them costs a pass; then prompts,
// at most chunk ids each: the oldest gets up to half of the batch, the rest goes to the shortest, so
// that neither a long prompt nor a stream of short ones holds the other up. A prompt that a pass could
// hold whole waits for one that has room for it: two passes for it would cost more than the room is worth. It waits for one
// pass only; then it comes before the oldest, or a long prompt would keep it out until its end. The oldest
// itself goes without its half for one pass only.
func (l *lane) build() {
	l.pass.reset()
	var tails, prompts []*slot
	batch := l.core.info().batch // less the texts that are written: there is an id for every slot
	for _, s := range l.slots {
		s.share, s.row = 0, -1
		switch {
		case s.job == nil:
		case s.tail && s.job.w != nil:
			batch -= s.grow(1)
		case s.tail:
			tails = append(tails, s)
		default:
			prompts = append(prompts, s)
		}
	}
	room, chosen := batch, tails
	var oldest *slot // nil while there are tails: prompts wait for them
	if len(tails) == 0 && len(prompts) > 0 {
		chosen = prompts
		slices.SortFunc(prompts, func(a, b *slot) int { return cmp.Compare(a.used, b.used) })
		oldest = prompts[0]
		for _, s := range prompts {
			if s.passed && !oldest.passed && len(s.pending) <= room {
				room -= s.grow(room)
			}
		}
		room -= oldest.grow(min(room, max(1, batch/2)))
	}
	slices.SortStableFunc(chosen, func(a, b *slot) int { return cmp.Compare(len(a.pending), len(b.pending)) })
	for _, s := range chosen {
		if whole := len(s.pending) <= min(chunk, batch); whole && s.share == 0 && len(s.pending) > room && !s.tail {
			continue
		}
		room -= s.grow(room)
	}
	if oldest != nil {
		for _, s := range prompts {
			s.passed = s.share == 0 || s == oldest && s.share < min(batch/2, len(s.pending))
		}
	}
	for _, s := range l.slots { // in increasing order of slots: the engine splits runs of neighbours best
		s.trim()
		known := len(s.pending) - s.guess
		for i, id := range s.pending[:s.share] {
			if i == known-1 {
				s.row = len(l.pass.ids)
			}
			l.pass.add(s.id, s.held+i, id, i >= known-1)
		}
	}
}

// grow gives the slot up to room more ids of the pass and answers how many it took.
func (s *slot) grow(room int) int {
	n := max(0, min(room, chunk-s.share, len(s.pending)-s.share))
	s.share += n
	return n
}

// read takes what a slot's rows say: the labels after the prompt, greedy ids after a tail, the next id of a text.
func (l *lane) read(s *slot) {
	if s.job.w != nil {
		l.write(s)
		return
	}
	if s.tail || s.job.q.Free {
		l.readTail(s)
		return
	}
	q, a := &s.job.q, &s.job.answer
	l.asked = append(append(l.asked[:0], q.Labels...), q.Hints...)
	found, err := l.core.score(s.row, l.temperature, l.asked)
	if err != nil {
		l.unread(s, err)
		return
	}
	n := len(q.Labels)
	a.Probs, a.Logits = found.probs[:n:n], found.logits[:n:n]
	if len(q.Hints) > 0 {
		a.Hints = found.logits[n:]
	}
	for i := range a.Logits {
		if a.Logits[i] > a.Logits[a.Best] {
			a.Best = i
		}
	}
	a.BestIsGreedy = found.best == q.Labels[a.Best]
	if a.Best >= len(q.Tails) || q.Tails[a.Best] == nil || q.MaxTail == 0 {
		l.answer(s, nil, true)
		return
	}
	s.tail = true
	s.pending = append([]int32{q.Labels[a.Best]}, q.Tails[a.Best]...)
	l.draft(s)
}

// failure says why a pass failed: because the caller left, or for the engine's own reason.
func (l *lane) failure(j *job, err error) error {
	if cause := j.ctx.Err(); cause != nil {
		return fault.From(cause)
	}
	select {
	case <-l.closing:
		return fault.New(fault.Canceled, "the model is being closed")
	default:
	}
	return fault.Wrap(fmt.Errorf("running model: %w", err), fault.Internal, "the model failed")
}
