package chat

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
)

// Stream has a listener hear the text as it comes. Its row at open is durable before he hears anything, its row at close before he
// hears the end. It refuses what Complete refuses, and an account that has maxStreams already; an error before Begin has told nobody
// anything, and one after it was told the listener too. It ends with the caller, and within seconds of his session, key or right (threat A4).
func (s *Service) Stream(ctx context.Context, p access.Principal, r Request, to Listener) (err error) {
	t, done, err := s.enter(ctx, p, &r)
	if err != nil {
		return err
	}
	defer done()
	defer t.pass.Close(&err)
	give, err := s.streams.take(p.Account())
	if err != nil {
		return err
	}
	defer give()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, stop := t.pass.While(ctx, s.d.Still)
	defer stop()
	w := &stream{turn: t, to: to, ctx: ctx, late: t.lateness(cancel)}
	defer w.late.Stop()
	defer cutting(ctx, to)()
	defer t.release()
	answer, err := t.write(ctx, w.tell)
	if err == nil {
		err = w.open()
	}
	return w.close(answer, w.why(err))
}

// cutting has a listener cut when ctx is done, and never once end has returned.
func cutting(ctx context.Context, to Listener) (end func()) {
	cut := make(chan struct{})
	forget := context.AfterFunc(ctx, func() {
		defer close(cut)
		to.Cut()
	})
	return func() {
		if !forget() {
			<-cut
		}
	}
}

// lateness ends a stream whose first token does not come in time.
func (t *turn) lateness(cancel context.CancelCauseFunc) *time.Timer {
	limit := t.tuning.Deadline
	if t.r.Within > 0 && (limit <= 0 || t.r.Within < limit) {
		limit = t.r.Within
	}
	if limit <= 0 {
		limit = longest
	}
	return time.AfterFunc(limit, func() { cancel(fault.New(fault.Timeout, "The time for this request passed.")) })
}

// stream is a turn that is told while it is written.
type stream struct {
	*turn
	to     Listener
	ctx    context.Context //nolint:containedctx // lives as long as one call of Stream
	late   *time.Timer
	opened bool
	broken error // why the listener heard no more
	text   []byte
}

// tell opens the stream with the first token, whatever it holds, and hands on. A reader who is slow hears nothing that was written
// once the stream's time or his right is over.
func (w *stream) tell(p Piece) bool {
	if w.broken = context.Cause(w.ctx); w.broken != nil {
		return false
	}
	if w.broken = w.open(); w.broken != nil {
		return false
	}
	if p.Text == "" && len(p.Tokens) == 0 {
		return true
	}
	w.text = append(w.text, p.Text...)
	w.broken = left(w.to.Piece(p))
	return w.broken == nil
}

// open leaves the row that the first byte needs, once.
func (w *stream) open() error {
	if w.opened || w.broken != nil {
		return w.broken
	}
	ev, err := w.pass.Open(w.ctx, access.Outcome{Resource: w.resource(), Details: map[string]any{"change": "begin", "stream": true}})
	if err != nil {
		return err
	}
	w.opened = true
	w.late.Reset(longest)
	return left(w.to.Begin(w.opening(ev)))
}

// left says that a listener who hears no more has left, whatever the network calls it.
func left(err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(err, fault.Canceled, "the caller left before the end")
}

// why answers what ended the stream: behind a canceled context stands who canceled it, and why.
func (w *stream) why(err error) error {
	if w.broken != nil {
		err = w.broken
	}
	if cause := context.Cause(w.ctx); cause != nil && fault.CodeOf(err) == fault.Canceled {
		return fault.From(cause)
	}
	return err
}

// close leaves the last row and tells the listener of the end, or why there is none.
func (w *stream) close(a Answer, err error) error {
	if !w.opened {
		return err
	}
	o := access.Outcome{Resource: w.resource(), Details: a.details()}
	o.Details["change"], o.Details["stream"] = "end", true
	if w.s.o.KeepContent != "none" {
		o.Content = [][]byte{written("assistant", string(w.text))}
	}
	if err != nil {
		code := fault.CodeOf(err)
		delete(o.Details, "finish_reason")
		o.Decision, o.Reason, o.Details["code"] = audit.Error, "failed", string(code)
		if code == fault.Canceled {
			o.Reason = "canceled"
		}
	}
	ev, rowErr := w.pass.End(o, nil)
	if err == nil {
		err = rowErr
	}
	if err != nil {
		w.to.Broken(err)
		return err
	}
	a.Opening = w.opening(ev)
	return left(w.to.End(a))
}
