package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

const (
	// A batch is fitted so that it takes about so long with its commit: whoever writes waits that much longer at most.
	batchTime  = 5 * time.Millisecond
	firstBatch = 16
	mostBatch  = 256
	// restShare is how much longer than a batch the writer is left to others after it.
	restShare = 4
	leastRest = time.Millisecond
	// tombstonesAtOnce are signed outside and stored in one transaction.
	tombstonesAtOnce = 32
	// askAgain is how soon a removal that another process works on is looked at again.
	askAgain = 250 * time.Millisecond
)

// Resume does what is left of the removal that goes on, and answers whether there is one: it leaves one alone that another process
// works on. It ends with ctx, and can be called again at any point, also after a kill.
func (s *Service) Resume(ctx context.Context) (bool, error) {
	run, open, err := unfinished(ctx, s.d.DB)
	if err != nil || !open {
		return false, err
	}
	_, _, err = s.try(ctx, run.ID)
	return true, err
}

// Work does a removal to its end and answers how it ended; where another process works on it, it waits for that. Of its stored row
// it believes the id alone and which audit row ordered it: what goes is planned anew, within that order.
func (s *Service) Work(ctx context.Context, id int64) (Run, error) {
	for {
		run, mine, err := s.try(ctx, id)
		if mine || err != nil || run.FinishedAt != nil {
			return run, err
		}
		s.d.Rest(ctx, askAgain)
		if err := ctx.Err(); err != nil {
			return run, fault.From(err)
		}
	}
}

// try works on a removal, unless it is over or somebody else is at it.
func (s *Service) try(ctx context.Context, id int64) (run Run, mine bool, err error) {
	release, mine, err := s.alone()
	if err != nil {
		return Run{}, false, err
	}
	if mine {
		defer func() { err = errors.Join(err, release()) }()
	}
	run, err = runOf(ctx, s.d.DB, id)
	if err != nil || run.FinishedAt != nil || !mine {
		return run, mine, err
	}
	run, err = s.work(ctx, run)
	return run, true, err
}

// alone keeps everybody else from removing, in this process and in others.
func (s *Service) alone() (release func() error, mine bool, err error) {
	if !s.busy.TryLock() {
		return nil, false, nil
	}
	release = func() error { s.busy.Unlock(); return nil }
	if s.d.Lock == nil {
		return release, true, nil
	}
	others, mine, err := s.d.Lock()
	if err != nil || !mine {
		s.busy.Unlock()
		return nil, false, err
	}
	return func() error { s.busy.Unlock(); return others() }, true, nil
}

func (s *Service) work(ctx context.Context, run Run) (Run, error) {
	w := worker{s: s, run: run, batch: s.batch}
	problem := ""
	if err := w.all(ctx); err != nil {
		var stop *stopped
		if !errors.As(err, &stop) {
			return run, err
		}
		problem = stop.why
		s.d.Log.ErrorContext(ctx, "a removal of old records stopped", "run", run.ID, "why", problem)
	}
	if err := s.finish(context.WithoutCancel(ctx), run, problem); err != nil {
		return run, err
	}
	run, err := runOf(ctx, s.d.DB, run.ID)
	if err == nil && run.RowsGone > 0 {
		err = s.d.Seal.Write(ctx, proof.CausePrune)
	}
	return run, err
}

// stopped ends a run for good.
type stopped struct{ why string }

func (e *stopped) Error() string { return e.why }

// broken ends a run where the log does not verify: what somebody has tampered with is evidence.
func broken(finding string) error {
	if finding == "" {
		return nil
	}
	return &stopped{saidBroken + finding}
}

type worker struct {
	s     *Service
	run   Run
	order order
	batch int64
	kept  string // what holds keep, as of row asked
	asked int64
}

// keptIn answers what holds keep at the moment of a transaction. Only a row about holds changes that.
func (w *worker) keptIn(tx *db.Tx) (string, error) {
	var head int64
	var changed bool
	err := tx.QueryRow(changedSQL, w.asked).Scan(&head, &changed)
	if err == nil && (changed || w.kept == "") {
		w.kept, err = heldNow(tx.QueryRow)
	}
	w.asked = head
	return w.kept, db.Translate(err)
}

// all verifies the log, ends what an earlier run began, and removes what may go now.
func (w *worker) all(ctx context.Context) error {
	if finding, err := w.s.d.Verify(ctx); err != nil || finding != "" {
		return errors.Join(err, broken(finding))
	}
	left, err := leftUnder(ctx, w.s.d.DB)
	if err != nil {
		return err
	}
	if err := w.drop(ctx, left); err != nil {
		return err
	}
	if err := w.ordered(ctx); err != nil {
		return err
	}
	p, err := w.limits(ctx)
	if err != nil {
		return err
	}
	if err := w.verdicts(ctx, p.VerdictSeq); err != nil {
		return err
	}
	if err := w.rows(ctx); err != nil {
		return err
	}
	return w.sessions(ctx, p.SessionsBefore)
}

// write runs one batch, fits the next one to what it took, and rests.
func (w *worker) write(ctx context.Context, fn func(tx *db.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	began := w.s.d.Now()
	if err := w.s.d.DB.Write(fn); err != nil { // the commit is the greater part: rows lie all over the indexes
		return err
	}
	took := max(w.s.d.Now().Sub(began), 0)
	switch {
	case took > 2*batchTime:
		w.batch = max(w.batch/2, w.s.batch) // where every commit is slow, smaller ones only make it longer
	case took < batchTime:
		w.batch = min(w.batch*2, mostBatch)
	}
	w.s.d.Rest(ctx, max(restShare*took, leastRest))
	return nil
}

// verdicts removes those up to a row that have a time of their own.
func (w *worker) verdicts(ctx context.Context, last int64) error {
	for after := int64(0); ; {
		now, err := heldNow(asking(ctx, w.s.d.DB))
		if err != nil {
			return err
		}
		seq, err := nextVerdict(ctx, w.s.d.DB, now, after, last)
		if err != nil || seq == 0 {
			return err
		}
		part := span{seq, min(seq+w.batch-1, last)}
		err = w.write(ctx, func(tx *db.Tx) error {
			now, err := w.keptIn(tx)
			if err != nil {
				return err
			}
			n, err := dropVerdicts(tx, now, part)
			if err != nil || n == 0 {
				return err
			}
			return gone(tx, w.run.ID, 0, n, 0)
		})
		if err != nil {
			return err
		}
		after = part.last
	}
}

// rows buries what may go, and plans anew until nothing is left of it.
func (w *worker) rows(ctx context.Context) error {
	for {
		now, err := w.limits(ctx)
		if err != nil || now.AuditSeq == 0 {
			return err
		}
		p := Plan{Days: now.Days, AuditSeq: now.AuditSeq}
		if err := w.s.count(ctx, &p); err != nil || len(p.segments) == 0 {
			return err
		}
		if err := w.bury(ctx, p); err != nil && fault.CodeOf(err) != fault.Conflict {
			return err
		} // a conflict: something else may go now, so it is counted again
	}
}

// bury removes what a plan says, some tombstones at a time. It answers Conflict where the plan does not hold any more.
func (w *worker) bury(ctx context.Context, p Plan) error {
	for at := 0; at < len(p.segments); at += tombstonesAtOnce {
		part := p.segments[at:min(at+tombstonesAtOnce, len(p.segments))]
		if err := w.still(ctx, p); err != nil {
			return err
		}
		if err := w.entomb(ctx, p, part); err != nil {
			return err
		}
		if err := w.drop(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// entomb signs and stores the tombstones of some spans. It stops the run where rows are missing: what is not whole is not made to
// look as if it had been.
func (w *worker) entomb(ctx context.Context, p Plan, part []span) error {
	install, err := w.s.d.Seal.Install(ctx)
	if err != nil {
		return err
	}
	made := make([]tombstone, 0, len(part))
	for _, s := range part {
		e, there, err := endsOf(ctx, w.s.d.DB, s)
		if err != nil {
			return err
		}
		if !there {
			return w.missing(ctx, s)
		}
		kept, err := keptOf(ctx, w.s.d.DB, p.holds, s)
		if err != nil {
			return err
		}
		if kept > 0 {
			return unindexed(kept)
		}
		t := tombstone{span: s, ends: e, at: w.s.d.Now().UTC().Truncate(time.Millisecond)}
		if t.note, err = w.sign(install, t, p.rule()); err != nil {
			return err
		}
		made = append(made, t)
	}
	return w.s.d.DB.Write(func(tx *db.Tx) error {
		now, err := heldNow(tx.QueryRow)
		if err != nil {
			return err
		}
		if now != p.holds {
			return fault.New(fault.Conflict, "holds were changed meanwhile")
		}
		for _, t := range made {
			if is, err := buriedIn(tx, t.span); err != nil || is {
				return errors.Join(err, errBuried())
			}
			if err := insertTombstone(tx, t, p.rule(), w.run.EventID); err != nil {
				return err
			}
		}
		return nil
	})
}

// unindexed stops a run where a row is to stay that no index has shown.
func unindexed(seq int64) error {
	return &stopped{fmt.Sprintf(saidBroken+"row %d is to stay, and no index knows it", seq)}
}

// missing says why rows that were to go are not there: another process has buried them (Conflict), or somebody has taken them.
func (w *worker) missing(ctx context.Context, s span) error {
	if is, err := buried(ctx, w.s.d.DB, s); err != nil || is {
		return errors.Join(err, errBuried())
	}
	return &stopped{fmt.Sprintf("rows %d to %d"+saidMissing, s.first, s.last)}
}

func errBuried() error { return fault.New(fault.Conflict, "another process has buried some of it") }

func (w *worker) sign(install string, t tombstone, rule string) ([]byte, error) {
	text, err := proof.Tombstone{
		Install: install, First: t.first, Last: t.last, Rows: t.rows(), Previous: t.previous, Hash: t.hash,
		From: t.from, To: t.to, At: t.at, Rule: rule, Event: w.run.EventID,
	}.Text()
	if err != nil {
		return nil, err
	}
	return w.s.d.Seal.Sign(text)
}

// drop removes the rows of spans that are under tombstones, the oldest first: what is left under one at any moment leads to the
// hash of its last row, which the tombstone names.
func (w *worker) drop(ctx context.Context, spans []span) error {
	for len(spans) > 0 {
		var batch []span
		batch, spans = take(spans, w.batch)
		err := w.write(ctx, func(tx *db.Tx) error {
			var rows, verdicts int64
			for _, s := range batch {
				r, v, err := dropRows(tx, s)
				if err != nil {
					return err
				}
				rows, verdicts = rows+r, verdicts+v
			}
			if rows+verdicts == 0 { // another process was faster
				return nil
			}
			return gone(tx, w.run.ID, rows, verdicts, 0)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// take answers spans of at most n rows from the beginning, and what is left.
func take(spans []span, n int64) (batch, left []span) {
	for len(spans) > 0 && n > 0 {
		s := spans[0]
		if s.rows() <= n {
			batch, spans, n = append(batch, s), spans[1:], n-s.rows()
			continue
		}
		batch = append(batch, span{s.first, s.first + n - 1})
		return batch, append([]span{{s.first + n, s.last}}, spans[1:]...)
	}
	return batch, spans
}

// sessions removes those that ended before a moment.
func (w *worker) sessions(ctx context.Context, before time.Time) error {
	if before.IsZero() {
		return nil
	}
	for n := int64(1); n > 0; {
		err := w.write(ctx, func(tx *db.Tx) (err error) {
			now, err := w.keptIn(tx)
			if err != nil {
				return err
			}
			if n, err = dropSessions(tx, now, before, int(w.batch)); err != nil || n == 0 {
				return err
			}
			return gone(tx, w.run.ID, 0, 0, n)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
