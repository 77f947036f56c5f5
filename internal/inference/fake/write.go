package fake

import (
	"context"
	"math"
	"slices"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// vocabulary is larger than any id of a test's own words.
const vocabulary = math.MaxInt32

// HoldAt makes later texts wait before their n-th id, counted from 0, until the answered function was called or their context ended.
func (e *Engine) HoldAt(n int) (release func()) {
	release = e.Hold()
	e.mu.Lock()
	e.holdAt = n
	e.mu.Unlock()
	return release
}

// Written answers how many texts were ended, turns of one counted apart.
func (e *Engine) Written() int { e.mu.Lock(); defer e.mu.Unlock(); return e.written }

// Generate writes what Options.Write says to the prompt less what was written of it already, and stops there. It refuses what a
// real model refuses. An id's probability is 0.9, those of its alternatives follow
// from their places; its pass took a millisecond.
func (m *model) Generate(ctx context.Context, g inference.Generation) (inference.Generated, error) {
	e := m.engine
	e.mu.Lock()
	hold, at, fail, garbage := e.hold, e.holdAt, e.fail, e.garbage
	e.running++
	e.mu.Unlock()
	defer func() { e.mu.Lock(); e.running--; e.written++; e.mu.Unlock() }()

	out := inference.Generated{Reason: inference.Canceled, Stop: -1, Prompt: len(g.Prompt), Cached: min(g.Prefix, len(g.Prompt)-1), Evaluated: len(g.Prompt)}
	slotTokens := m.spec.SlotTokens
	if slotTokens == 0 {
		slotTokens = math.MaxInt32
	}
	if err := g.Check(vocabulary, slotTokens); err != nil {
		return out, err
	}
	asked := g.Prompt[:len(g.Prompt)-g.Written]
	text := e.o.Encode(e.o.Write(e.o.Decode(asked)))
	if garbage {
		text = slices.Repeat([]int32{1}, g.Written+g.Max)
	}
	for i := 0; ; i++ {
		out.Passes++
		out.Compute += time.Millisecond
		if hold != nil && g.Written+i == at {
			select {
			case <-hold:
			case <-ctx.Done():
			}
		}
		switch {
		case ctx.Err() != nil:
			return out, fault.From(ctx.Err())
		case fail != nil:
			return out, fail
		}
		if over(&out, g, text, i) {
			return out, nil
		}
	}
}

// over writes id i and answers whether the text or the turn ends with it.
func over(out *inference.Generated, g inference.Generation, text []int32, i int) bool {
	at := g.Written + i
	if at >= len(text) || slices.Contains(g.Stop, text[at]) {
		out.Reason = inference.Stopped
		if at < len(text) {
			out.Stop = text[at]
		}
		return true
	}
	t := token(text[at], g)
	out.IDs = append(out.IDs, t.ID)
	enough := g.Sink != nil && !g.Sink(t)
	switch {
	case enough:
		out.Reason = inference.Stopped
	case len(out.IDs) == g.Max:
		out.Reason = inference.Length
	case g.Yield != nil && len(out.IDs)%inference.TurnIDs == 0 && g.Yield():
		out.Reason = inference.Yielded
	default:
		return false
	}
	return true
}

func token(id int32, g inference.Generation) inference.Token {
	t := inference.Token{ID: id}
	if !g.Logprobs {
		return t
	}
	t.Logprob = math.Log(.9)
	for n := range g.Top {
		l := inference.Likely{ID: id, Logprob: t.Logprob}
		if n > 0 {
			l = inference.Likely{ID: int32('a' + n), Logprob: math.Log(.1 / float64(n*(n+1)))}
		}
		t.Top = append(t.Top, l)
	}
	return t
}
