package inference

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// writtenCost is what a written id takes of its owner's turn, in prompt ids: it is a pass of its own, or a row of one, where
// hundreds of prompt ids share a pass.
const writtenCost = 4

// cost is what a text takes of its owner's turn before it gives its place to whoever waits.
func (g Generation) cost() int {
	return len(g.Prompt) - max(0, g.Prefix) - g.Written + writtenCost*min(g.Max, TurnIDs)
}

// TurnIDs is how many ids a text may write before it gives its place to somebody who waits: a verdict that comes behind long texts
// waits for so many passes, and not for their ends.
const TurnIDs = 32

// Generate waits for the owner's turn at the model and writes, in as many turns as it takes while others wait. It refuses what
// Judge refuses; beside an error it says what was written until then. It returns when the sink has heard every id; the place at the
// model is free before that. A sink that has enough between two turns waits for no other.
func (l *Lease) Generate(ctx context.Context, g Generation) (Generated, error) {
	line, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	b := newBacklog(func() { leave(errEnough) })
	sink := g.Sink
	g.Owner, g.Written, g.Sink = l.pass.Account(), 0, b.push
	var out Generated
	var err error
	go func() {
		defer b.end()
		out, err = l.turns(ctx, line, g)
	}()
	defer b.quit() // a sink that panics: the lease is not given back while its model writes
	told, enough := b.tell(sink)
	if enough { // what the model did after that changes nothing
		out.IDs, out.Reason, out.Stop = out.IDs[:told], Stopped, -1
		return out, nil
	}
	return out, err
}

// wanted says whether anybody waits for a place.
func (l *Lease) wanted() bool {
	l.scheduler.mu.Lock()
	defer l.scheduler.mu.Unlock()
	return l.entry.queue.waiting > 0
}

// errEnough ends the waiting for a turn that nobody wants any more.
var errEnough = errors.New("the listener has enough")

// orEnough answers errEnough where that ended line, else err.
func orEnough(line context.Context, err error) error {
	if errors.Is(context.Cause(line), errEnough) {
		return errEnough
	}
	return err
}

// turns writes until the text ends. It starts over where others had its place meanwhile, with what it wrote as part of the prompt;
// line is what waiting for a turn goes by, ctx what writing does.
func (l *Lease) turns(ctx, line context.Context, g Generation) (Generated, error) {
	out := Generated{Prompt: len(g.Prompt), Reason: Canceled, Stop: -1}
	for {
		done, err := l.turn(ctx, line, g, &out)
		if errors.Is(err, errEnough) {
			out.Reason = Stopped
			l.ended(out)
			return out, nil
		}
		if err != nil || done.Reason != Yielded {
			out.Reason, out.Stop = done.Reason, done.Stop
			return out, err
		}
		g.Prompt = slices.Concat(g.Prompt, done.IDs)
		g.Written += len(done.IDs)
		g.Max -= len(done.IDs)
	}
}

// turn gets a place, writes, and gives it back. What it wrote is added to out.
func (l *Lease) turn(ctx, line context.Context, g Generation, out *Generated) (done Generated, err error) {
	done = Generated{Reason: Canceled, Stop: -1}
	if err := l.usable(); err != nil {
		return done, err
	}
	m, err := l.mark(line, g.Prompt[:len(g.Prompt)-g.Written]) // in every turn the same
	if err != nil {
		return done, orEnough(line, err)
	}
	defer func() { m.End(err == nil && (done.Reason == Length || done.Stop >= 0)) }()
	t, err := l.enter(line, g.cost())
	if err != nil {
		return done, err
	}
	var waited time.Duration
	defer func() {
		out.add(done, waited)
		l.handBack(*out, done, err)
	}()
	if t != nil {
		waited = t.waited
		if out.Turns == 0 {
			out.Place = t.place
		}
		if err := l.usable(); err != nil { // it ended while this waited
			return done, err
		}
	}
	if err := m.Begin(line, g.Written > 0); err != nil {
		return done, orEnough(line, err)
	}
	g.Yield = func() bool { return m.Crowded() || l.wanted() }
	return l.entry.model.Generate(ctx, g)
}

// add counts a turn in.
func (g *Generated) add(turn Generated, waited time.Duration) {
	if g.Turns == 0 {
		g.Cached = turn.Cached
	}
	g.Turns++
	g.IDs = append(g.IDs, turn.IDs...)
	g.Passes += turn.Passes
	g.Evaluated += turn.Evaluated
	g.Queue += waited + turn.Queue
	g.Compute += turn.Compute
}

// handBack gives the place to the next, and notes how the text ended if it did.
func (l *Lease) handBack(all, turn Generated, err error) {
	l.scheduler.mu.Lock()
	defer l.scheduler.mu.Unlock()
	l.entry.queue.give()
	switch {
	case errors.Is(err, errEnough): // ended counts it
		return
	case err == nil && turn.Reason == Yielded:
		l.entry.serve(turn.Compute)
		return
	}
	l.entry.count(all.Queue, Answer{Evaluated: all.Evaluated, Compute: turn.Compute}, err)
	l.entry.work.Written += uint64(len(all.IDs))
}

// ended notes a text that was whole before it got another turn.
func (l *Lease) ended(all Generated) {
	l.scheduler.mu.Lock()
	defer l.scheduler.mu.Unlock()
	l.entry.count(all.Queue, Answer{Evaluated: all.Evaluated}, nil)
	l.entry.work.Written += uint64(len(all.IDs))
}

// backlog holds the ids that are written and not yet told: a reader that is slow, or gone, holds up nobody.
type backlog struct {
	mu     sync.Mutex
	more   *sync.Cond
	tokens []Token
	enough bool // nothing more is wanted
	ended  bool // nothing more comes
	leave  func()
}

// newBacklog answers an empty one. It calls leave when nothing more is wanted.
func newBacklog(leave func()) *backlog {
	b := &backlog{leave: leave}
	b.more = sync.NewCond(&b.mu)
	return b
}

// push is a model's sink.
func (b *backlog) push(t Token) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = append(b.tokens, t)
	b.more.Signal()
	return !b.enough
}

func (b *backlog) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.more.Signal()
}

// quit says that nothing more is wanted, and returns when nothing more comes.
func (b *backlog) quit() {
	for len(b.next(true)) > 0 {
	}
}

// next answers the ids that came since the last call, none when nothing more comes.
func (b *backlog) next(enough bool) []Token {
	if enough {
		b.leave()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.enough = enough; len(b.tokens) == 0 && !b.ended; {
		b.more.Wait()
	}
	tokens := b.tokens
	b.tokens = nil
	return tokens
}

// tell hands ids to the sink until nothing more comes. It answers how many the sink heard, and whether it had enough.
func (b *backlog) tell(sink func(Token) bool) (told int, enough bool) {
	for tokens := b.next(false); len(tokens) > 0; tokens = b.next(enough) {
		for _, t := range tokens {
			if enough {
				break
			}
			told++
			enough = sink != nil && !sink(t)
		}
	}
	return told, enough
}
