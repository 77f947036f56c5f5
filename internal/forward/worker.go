package forward

import (
	"context"
	"errors"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/forward/webhook"
)

const (
	// batchRows is how many rows are read at a time, noteRows how many checkpoints.
	batchRows = 200
	noteRows  = 50
	// mostUnsettled bounds what is sent and not known to be taken: some megabytes of positions.
	mostUnsettled = 50_000
	// mostAsked bounds how many of the longest waits a receiver may ask for: ten minutes, after which there is an alert.
	mostAsked = 10
	// finishWithin is how long a worker that stops may wait for its receiver.
	finishWithin = 5 * time.Second
)

// worker sends to one target. It belongs to one goroutine.
type worker struct {
	s       *Service
	row     row
	scope   string
	stored  Position // as the table has it
	reached Position // as far as items were settled: where the table could not be written, it follows
	sent    Position // as far as items were handed to the sink
	out     sink
	under   []Position // of what was sent and is not settled
	done    int64      // of the sink's items, those that are settled
	doubt   Position   // where the post ended that failed last
	taken   int64      // messages since the last write of the table
	failed  int64
	wait    time.Duration
	code    string // of the failure that lasts, "" = none
	blind   bool   // the database failed, which was said
}

// ownError is a failure of the database, which says nothing about the target.
type ownError struct{ error }

// Unwrap answers what went wrong.
func (e ownError) Unwrap() error { return e.error }

func (s *Service) newWorker(r row) (*worker, error) {
	set, err := r.settings()
	if err != nil {
		return nil, err
	}
	at := r.position()
	return &worker{s: s, row: r, scope: set.Scope, stored: at, reached: at, sent: at, code: r.LastError}, nil
}

// run sends until ctx ends, and then writes down how far it came.
func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		more, err := w.step(ctx)
		var own ownError
		switch {
		case ctx.Err() != nil:
		case errors.As(err, &own):
			w.own(own)
			pause(ctx, w.s.o.Retry)
		case err != nil:
			w.fail(err)
			pause(ctx, w.wait)
		default:
			w.blind = false
			if !more {
				pause(ctx, w.s.o.Poll)
			}
		}
	}
	w.stop(context.WithoutCancel(ctx))
}

// step sends what there is, up to a batch, and answers whether there may be more at once.
func (w *worker) step(ctx context.Context) (more bool, err error) {
	if len(w.under) < mostUnsettled {
		items, end, full, err := w.read(ctx)
		if err != nil {
			return false, ownError{err}
		}
		if len(items) > 0 {
			if err := w.send(ctx, items); err != nil {
				w.keep(ctx)
				return false, err
			}
		}
		w.sent, more = end, full
		if len(items) == 0 && len(w.under) == 0 && w.code != "" {
			return more, w.reach() // it has everything: whatever failed is over
		}
	}
	if w.out == nil {
		return more, nil
	}
	n, err := w.out.Settled(ctx)
	errOwn := w.settle(n)
	if err == nil {
		return more, errOwn
	}
	if errOwn != nil {
		w.own(errOwn)
	}
	return false, err
}

// keep takes in what a sink that failed had settled before: it is not sent again.
func (w *worker) keep(ctx context.Context) {
	if w.out == nil {
		return
	}
	n, _ := w.out.Settled(ctx) // what it failed with is known
	if err := w.settle(n); err != nil {
		w.own(err)
	}
}

// own says once that the database fails. The target has nothing to do with it.
func (w *worker) own(err error) {
	if !w.blind {
		w.s.o.Log.Error("reading the log or writing down how far a forwarding target is", "target", w.row.ID, "err", err)
	}
	w.blind = true
}

func (w *worker) send(ctx context.Context, items []item) (err error) {
	if w.out == nil {
		if w.out, err = w.s.sink(ctx, w.row, &w.doubt); err != nil {
			w.out = nil
			return err
		}
		w.done = 0
	}
	for _, it := range items {
		w.under = append(w.under, it.at)
	}
	return w.out.Send(ctx, items)
}

// settle takes in that n items of the sink are taken.
func (w *worker) settle(n int64) error {
	if fresh := n - w.done; fresh > 0 {
		w.reached = w.under[fresh-1]
		w.under, w.done = w.under[fresh:], n
		w.taken += fresh
		w.wait = 0
	}
	if w.reached == w.stored {
		return nil
	}
	return w.reach()
}

// reach writes down how far the target is. A failure that was told of is over.
func (w *worker) reach() error {
	if w.code != "" {
		w.s.o.Log.Info("a forwarding target works again", "target", w.row.ID)
	}
	w.code = ""
	if err := w.s.saveProgress(w.row.ID, progress{at: w.reached, sent: w.taken, failed: w.failed, err: w.code}); err != nil {
		return ownError{err}
	}
	w.s.count(w.row.ID, w.taken, 0, w.code)
	w.stored, w.taken, w.failed = w.reached, 0, 0
	return nil
}

// fail gives the sink up and goes back to what was surely taken. What is wrong is logged and stored when it is something
// else than before: a target that is away for days costs a line and a write, not one for each attempt.
func (w *worker) fail(err error) {
	code := codeOf(err)
	w.failed++
	w.drop()
	w.wait = max(min(max(2*w.wait, w.s.o.Retry), w.s.o.RetryMost), min(asked(err), mostAsked*w.s.o.RetryMost))
	w.s.count(w.row.ID, 0, 1, code)
	if code == w.code {
		return
	}
	w.s.o.Log.Warn("a forwarding target does not take what is sent", "target", w.row.ID, "code", code, "err", err)
	w.code = code
	if err := w.s.saveProgress(w.row.ID, progress{at: w.stored, failed: w.failed, err: code}); err != nil {
		w.s.o.Log.Error("writing down how a forwarding target is", "target", w.row.ID, "err", err)
		return
	}
	w.failed = 0
}

// asked answers how long a receiver wants to be left alone.
func asked(err error) time.Duration {
	var status webhook.StatusError
	if errors.As(err, &status) {
		return status.After
	}
	return 0
}

// drop closes the sink; what it had not settled is to be sent again.
func (w *worker) drop() {
	if w.out == nil {
		w.sent = w.reached
		return
	}
	if err := w.out.Close(); err != nil {
		w.s.o.Log.Debug("closing a connection", "target", w.row.ID, "err", err)
	}
	w.out, w.under, w.done, w.sent = nil, nil, 0, w.reached
}

// stop ends what is under way as far as its receiver says that it has it.
func (w *worker) stop(ctx context.Context) {
	if w.out == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, finishWithin)
	defer cancel()
	n, err := w.out.Finish(ctx)
	if err := errors.Join(err, w.settle(n)); err != nil {
		w.s.o.Log.Info("a forwarding target is sent a part again after this stop", "target", w.row.ID, "err", err)
	}
	w.drop()
}

// read answers what follows the last item that was sent, where the target is once it has all of it, and whether there may be
// more.
func (w *worker) read(ctx context.Context) (items []item, end Position, full bool, err error) {
	end = w.sent
	if w.scope == Alerts {
		return w.readAlerts(ctx)
	}
	rows, err := w.s.d.Log.After(ctx, end.Seq, batchRows)
	if err != nil {
		return nil, end, false, err
	}
	var notes []Note
	if w.s.d.Notes != nil {
		if notes, err = w.s.d.Notes(ctx, end.Checkpoint, noteRows); err != nil {
			return nil, end, false, err
		}
	}
	items, end = merge(end, rows, notes)
	return items, end, len(rows) == batchRows, nil
}

// merge puts checkpoints behind the rows that they cover.
func merge(at Position, rows []audit.Event, notes []Note) ([]item, Position) {
	items := make([]item, 0, len(rows)+len(notes))
	covered := func() {
		for len(notes) > 0 && notes[0].Seq <= at.Seq {
			at.Checkpoint = notes[0].Number
			items = append(items, item{note: &notes[0], at: at})
			notes = notes[1:]
		}
	}
	covered()
	for i := range rows {
		at.Seq = rows[i].Seq
		items = append(items, item{event: &rows[i], at: at})
		covered()
	}
	return items, at
}

// readAlerts is read for a target of alerts alone. Its cursor stands at the last alert that it has: other rows are found past
// by an index.
func (w *worker) readAlerts(ctx context.Context) (items []item, end Position, full bool, err error) {
	rows, err := w.s.d.Log.AfterOf(ctx, AlertActions(), w.sent.Seq, batchRows)
	if err != nil {
		return nil, w.sent, false, err
	}
	items, end = merge(w.sent, rows, nil)
	return items, end, len(rows) == batchRows, nil
}

// AlertActions are the actions of an alert's rows.
func AlertActions() []string { return []string{"alert.raise", "alert.clear"} }

// pause waits on the machine's clock: it delays, and decides nothing.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
