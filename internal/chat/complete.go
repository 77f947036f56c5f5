package chat

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// Complete answers the whole text when its row is durable. It refuses what is not a request, what the gate, the queue and the engine
// refuse, and a model that does not write; each refusal leaves one row. A caller that left gets none of it.
func (s *Service) Complete(ctx context.Context, p access.Principal, r Request) (_ Answer, err error) {
	t, done, err := s.enter(ctx, p, &r)
	if err != nil {
		return Answer{}, err
	}
	defer done()
	defer t.pass.Close(&err)
	ctx, cancel := bound(ctx, t.tuning.Deadline, r.Within)
	defer cancel()
	var text strings.Builder
	var tokens []Token
	defer t.release()
	answer, err := t.write(ctx, func(p Piece) bool {
		text.WriteString(p.Text)
		tokens = append(tokens, p.Tokens...)
		return true
	})
	if err != nil {
		return Answer{}, err
	}
	answer.Text, answer.Tokens = text.String(), tokens
	ev, err := t.pass.Commit(ctx, access.Outcome{Resource: t.resource(), Details: answer.details(), Content: t.content(answer.Text)}, nil)
	if err != nil {
		return Answer{}, err
	}
	answer.Opening = t.opening(ev)
	return answer, nil
}

// bound ends ctx when the time of a request is over: the caller's own or the setting's, whichever is shorter.
func bound(ctx context.Context, limit, within time.Duration) (context.Context, context.CancelFunc) {
	if within > 0 && (limit <= 0 || within < limit) {
		limit = within
	}
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// content is what the hash of a whole answer covers, nil where none is kept.
func (t *turn) content(text string) [][]byte {
	if t.s.o.KeepContent == "none" {
		return nil
	}
	return append(t.r.content(), written("assistant", text))
}

// write has the model write and hands the text to tell, part by part, until it says that nobody listens. The lease is kept until
// release, so that a server that stops waits for the row too. Tokens and time are the pass's to know, however it ends.
func (t *turn) write(ctx context.Context, tell func(Piece) bool) (a Answer, err error) {
	if _, err := t.held.Call(); err != nil {
		return Answer{}, err
	}
	if trust := t.s.d.Trust; trust != nil {
		if err := trust(t.held.Model); err != nil {
			return Answer{}, err
		}
	}
	if t.asked, err = t.ask(); err != nil {
		return Answer{}, err
	}
	asked := t.asked
	if t.lease, err = t.s.d.Scheduler.Acquire(ctx, t.pass, t.held.Model.ID); err != nil {
		return Answer{}, err
	}
	words := &speech{tok: asked.voice.Vocabulary(), stops: t.r.Stop, tokens: t.r.Logprobs}
	heard := true
	g := t.generation(asked)
	g.Sink = func(id inference.Token) bool {
		heard = tell(words.add(id))
		return heard && !words.finished
	}
	out, err := t.lease.Generate(ctx, g)
	t.count(out, err)
	a = Answer{
		Finish:  Stop,
		Usage:   Usage{Prompt: out.Prompt, Completion: len(out.IDs), Cached: out.Cached},
		Timings: Timings{millis(out.Queue), millis(out.Compute), millis(t.s.o.Now().Sub(t.start)), out.Place},
	}
	if out.Reason == inference.Length {
		a.Finish = Length
	}
	switch {
	case err != nil:
		return a, failed(ctx, err)
	case heard:
		heard = tell(words.end())
	}
	if !heard {
		return a, fault.New(fault.Canceled, "the caller does not listen any more")
	}
	return a, nil
}

// release gives the lease back, if there is one.
func (t *turn) release() {
	if t.lease != nil {
		t.lease.Release()
	}
}

func (t *turn) generation(a asked) inference.Generation {
	// A guard's text is its verdict: nothing is drawn where nobody asked for it. A chat's temperature is OpenAI's.
	temperature := 0.0
	if t.held.Model.Kind == catalog.KindChat {
		temperature = 1
	}
	return inference.Generation{
		Prompt: a.prompt.IDs, Prefix: a.prompt.Prefix, Max: a.most, Stop: a.voice.Ends(), Sampling: t.r.sampling(temperature),
		Logprobs: t.r.Logprobs, Top: t.r.Top, Keep: t.held.Model.Kind == catalog.KindChat,
	}
}

// count tells the pass what the model was asked with. A text that failed or was given up counts too: else whoever leaves before the
// end would use a model beyond every quota. Who had no place at the model took nothing of it.
func (t *turn) count(out inference.Generated, err error) {
	if out.Turns == 0 {
		return
	}
	tokens := out.Prompt + len(out.IDs)
	t.pass.Used(access.Cost{Tokens: int64(tokens), ComputeMS: int64(math.Ceil(millis(out.Compute)))})
	if err == nil && out.Compute > 0 {
		t.s.paces.note(t.held.Model.ID, tokens, out.Compute)
	}
}

// failed hides what the engine said about our own prompt: an invalid generation is our mistake, not the caller's. Leaving, waiting
// too long, a full queue, and what says that it is about the caller's own numbers, stay what they are. A model that is closed says
// canceled too: where the caller is there still, it was not he.
func failed(ctx context.Context, err error) error {
	if fault.CodeOf(err) == fault.Canceled && ctx.Err() == nil {
		return fault.Wrap(err, fault.Busy, "The model was stopped before the answer was whole.").WithRetry(streamRetry)
	}
	var f *fault.Error
	if errors.As(err, &f) && (f.Field != "" || f.Code == fault.Unprocessable) {
		return err
	}
	switch code := fault.CodeOf(err); code { //nolint:exhaustive // the codes that callers may know of
	case fault.Canceled, fault.Timeout, fault.Busy, fault.Loading, fault.PayloadRefused, fault.CrashStopped:
		return err
	}
	return fault.Wrap(err, fault.Internal, "the model could not write this")
}

// millis keeps whole microseconds.
func millis(d time.Duration) float64 { return float64(max(d, 0).Microseconds()) / 1e3 }
