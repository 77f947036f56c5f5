package bench

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"guardhouse/internal/fault"
)

// workers answers n clients that have not connected yet.
func (s *session) workers(ctx context.Context, n int) []*worker {
	all := make([]*worker, n)
	for i := range all {
		all[i] = &worker{client: s.target.client(ctx), errors: map[string]int{}}
	}
	return all
}

// warm runs the greatest number of clients for a while, unmeasured, over texts that no round sends. Texts that are to be repeated are
// all sent, however long that takes: the rounds then find them remembered.
func (s *session) warm(ctx context.Context) error {
	o := s.options
	repeat := o.Texts.about.Repeat
	if o.Warmup == 0 && repeat == 0 {
		return nil
	}
	l := &load{session: s, first: warmupTexts + 1, until: o.Warmup, texts: o.Texts.at}
	if repeat > 0 {
		l.first, l.most, l.until = 0, int64(repeat), longestRound
	}
	workers := s.workers(ctx, slices.Max(o.Clients))
	l.run(ctx, workers)
	if ctx.Err() != nil {
		s.report.Interrupted = true
		return interrupted(ctx)
	}
	r := Round{Errors: map[string]int{}}
	for _, w := range workers {
		r.Verdicts += len(w.samples)
		w.addErrors(r.Errors)
	}
	if repeat > 0 && r.Verdicts < int(repeat) {
		return fault.Newf(fault.Busy, "%d of the %d texts that are to be repeated had a verdict in the warm-up: %s", r.Verdicts, repeat, r.errorsInWords())
	}
	return nil
}

// round measures one number of clients once.
func (s *session) round(ctx context.Context, clients, number int) Round {
	o := s.options
	l := &load{session: s, first: s.next, until: o.Duration, most: int64(o.Requests), rate: o.Rate, texts: o.Texts.at}
	workers := s.workers(ctx, clients)
	before := s.spent()
	took := l.run(ctx, workers)
	spent := s.spent().since(before)
	s.next += uint64(l.taken.Load())
	if o.Requests > 0 {
		s.next = l.first + uint64(o.Requests)
	}
	r := Round{Clients: clients, Number: number, First: l.first, Seconds: seconds(took), Errors: map[string]int{}, Answers: map[string]int{}}
	for _, w := range workers {
		r.samples = append(r.samples, w.samples...)
		r.waits = append(r.waits, w.unsent...)
		r.Unfinished += w.unfinished
		r.Reconnects += w.client.reconnects
		w.addErrors(r.Errors)
	}
	slices.SortFunc(r.samples, func(a, b sample) int { return cmp.Compare(a.at+a.took, b.at+b.took) })
	r.add(spent, o.Samples)
	return r
}

func (w *worker) addErrors(to map[string]int) {
	for kind, n := range w.errors {
		to[kind] += n
	}
}

// spent is processor time up to now: ours, and the server's where it is our own child.
func (s *session) spent() spent {
	now := spent{client: ownCPU()}
	if s.own != nil {
		now.server = s.own.cpu()
	}
	return now
}

type spent struct{ client, server time.Duration }

func (s spent) since(before spent) spent {
	return spent{client: s.client - before.client, server: s.server - before.server}
}

// errorsInWords answers "503 x 12, timeout x 1".
func (r Round) errorsInWords() string {
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(r.Errors)) {
		words = append(words, kind+" x "+strconv.Itoa(r.Errors[kind]))
	}
	if r.Unsent > 0 {
		words = append(words, "never begun x "+strconv.Itoa(r.Unsent))
	}
	if len(words) == 0 {
		return "none came in time"
	}
	return strings.Join(words, ", ")
}
