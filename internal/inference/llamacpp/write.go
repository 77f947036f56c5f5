package llamacpp

import (
	"context"
	"slices"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// writer is what a job has that writes a text.
type writer struct {
	g       inference.Generation
	sampler *sampler
	out     inference.Generated
}

// Generate refuses what Check refuses, waits for a slot, and ends within one pass after ctx ended.
func (m *model) Generate(ctx context.Context, g inference.Generation) (inference.Generated, error) {
	w := &writer{g: g, out: inference.Generated{Reason: inference.Canceled, Stop: -1, Prompt: len(g.Prompt)}}
	if err := g.Check(m.vocab, m.plan.slotTokens); err != nil {
		return w.out, err
	}
	w.sampler = newSampler(g.Sampling, g.Prompt[len(g.Prompt)-g.Written:])
	m.crew.join()
	defer m.crew.leave()
	j := &job{
		ctx: ctx, q: inference.Query{Prompt: g.Prompt, Prefix: g.Prefix}, w: w,
		done: make(chan result, 1), queued: m.now(),
	}
	if err := m.send(ctx, j); err != nil {
		return w.out, err
	}
	r := <-j.done
	out := w.out
	out.Passes, out.Evaluated, out.Queue, out.Compute = r.answer.Passes, r.answer.Evaluated, r.answer.Queue, r.answer.Compute
	return out, r.err
}

// send hands a job to a lane: to the one that holds what the same account's text began with, if it has a free slot, else to
// whichever is first.
func (m *model) send(ctx context.Context, j *job) error {
	select {
	case <-m.closing:
		return errClosed()
	default:
	}
	if home, filled := m.home(j); home != nil {
		select {
		case home.own <- j:
			return nil
		case <-filled:
		case <-ctx.Done():
			return fault.From(ctx.Err())
		case <-m.closing:
			return errClosed()
		}
	}
	select {
	case m.jobs <- j:
		return nil
	case <-ctx.Done():
		return fault.From(ctx.Err())
	case <-m.closing:
		return errClosed()
	}
}

// home answers the lane that keeps a text of the job's account and has a free slot, with what is closed when it has none any more.
func (m *model) home(j *job) (*lane, <-chan struct{}) {
	if j.w == nil || j.w.g.Owner == "" || len(m.lanes) == 1 {
		return nil, nil
	}
	for _, l := range m.lanes {
		if filled := l.keeps(j.w.g.Owner); filled != nil {
			return l, filled
		}
	}
	return nil, nil
}

// keeps answers what is closed when the lane has no free slot any more, nil where it has none or keeps no text of the account.
func (l *lane) keeps(owner string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.filled == nil || !slices.Contains(l.owners, owner) {
		return nil
	}
	return l.filled
}

// count notes how many slots are taken.
func (l *lane) count(by int) {
	l.active += by
	l.mu.Lock()
	defer l.mu.Unlock()
	switch full := l.active == len(l.slots); {
	case full && l.filled != nil:
		close(l.filled)
		l.filled = nil
	case !full && l.filled == nil:
		l.filled = make(chan struct{})
	}
}

// forget lets go of the text that a slot keeps.
func (l *lane) forget(s *slot) {
	if s.owner != "" {
		l.belongs(s, "", nil)
	}
}

// belongs notes whose text a slot keeps, "" for nobody's.
func (l *lane) belongs(s *slot, owner string, text []int32) {
	s.owner, s.text, s.since = owner, text, l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.owners) < len(l.slots) {
		l.owners = make([]string, len(l.slots))
	}
	l.owners[s.id] = owner
}

// keepFor is how long a text that its account does not go on with is kept: after that it is as if it had never been there.
const keepFor = 10 * time.Minute

// stale answers what tells, some time from now, that the texts which the lane keeps are old, and what ends the waiting for it. A lane
// without texts is never told.
func (l *lane) stale() (<-chan time.Time, func()) {
	for _, s := range l.slots {
		if s.owner != "" {
			t := time.NewTimer(keepFor)
			return t.C, func() { t.Stop() }
		}
	}
	return nil, func() {}
}

// common answers how many ids of a job's prompt the slot holds because the same account's text began with them. Whose they
// are decides alone: nobody else can learn of them by how soon he is answered (threat T3).
func (s *slot) common(j *job) int {
	if j.w == nil || j.w.g.Owner == "" || s.owner != j.w.g.Owner || j.started.Sub(s.since) > keepFor {
		return 0
	}
	most := min(len(s.text), s.held, len(j.q.Prompt)-1)
	for i, id := range s.text[:most] {
		if j.q.Prompt[i] != id {
			return i
		}
	}
	return most
}

// left answers what of a slot's ids its owner may find again.
func (w *writer) left(held int) []int32 {
	if !w.g.Keep && w.out.Reason != inference.Yielded || w.g.Owner == "" {
		return nil
	}
	text := slices.Concat(w.g.Prompt, w.out.IDs)
	return text[:min(held, len(text))]
}

// write takes an id from the slot's row and tells it, and ends the text or asks for the next.
func (l *lane) write(s *slot) {
	w := s.job.w
	t, err := l.choose(s)
	if err != nil {
		l.unread(s, err)
		return
	}
	if slices.Contains(w.g.Stop, t.ID) {
		w.out.Reason, w.out.Stop = inference.Stopped, t.ID
		l.answer(s, nil, true)
		return
	}
	if w.out.Reason = w.add(t, l.crew.crowded); w.out.Reason != inference.Canceled {
		l.answer(s, nil, true)
		return
	}
	s.tail = true
	s.pending = []int32{t.ID}
}

// add tells an id and answers why the text ends with it, Canceled while it does not. It gives way to whoever waits for a place, and
// to whoever has one and waits for a slot.
func (w *writer) add(t inference.Token, crowded func() bool) inference.Reason {
	g := &w.g
	w.out.IDs = append(w.out.IDs, t.ID)
	w.sampler.took(t.ID)
	enough := g.Sink != nil && !g.Sink(t)
	switch n := len(w.out.IDs); {
	case enough:
		return inference.Stopped
	case n == g.Max:
		return inference.Length
	case n%inference.TurnIDs == 0 && g.Yield != nil && (crowded() || g.Yield()):
		return inference.Yielded
	}
	return inference.Canceled
}

// choose answers the next id of a text, with its probability where that is asked for.
func (l *lane) choose(s *slot) (inference.Token, error) {
	w := s.job.w
	found, err := l.core.score(s.row, 1, nil) // refuses what is not finite
	if err != nil {
		return inference.Token{}, err
	}
	t := inference.Token{ID: found.best}
	if w.sampler.plain() && !w.g.Logprobs {
		return t, nil
	}
	row, err := l.core.logits(s.row)
	if err != nil {
		return inference.Token{}, err
	}
	if !w.sampler.plain() {
		t.ID = w.sampler.choose(row, &l.room)
	}
	if w.g.Logprobs {
		t.Logprob, t.Top = logprobs(row, t.ID, w.g.Top)
	}
	return t, nil
}
