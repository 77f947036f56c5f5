package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"guardhouse/internal/db"
)

// Findings of Verify.
const (
	Edited      = "edited"
	Deleted     = "deleted"
	Inserted    = "inserted"
	Reordered   = "reordered"
	TailCut     = "tail-cut"
	Rebuilt     = "rebuilt"
	ClockBack   = "clock-back"
	RestoredOld = "restored-old"
)

// Anchor is a hash of a row that something else than the row names: a verdict's audit_hash, a checkpoint. Outside says that it
// was kept where whoever writes the database does not, Restored that the database would know it if it were not an older copy of
// itself. By says what it is, for the finding, and At when it was made; zero where that is not known.
type Anchor struct {
	Seq      int64
	Hash     string
	Outside  bool
	Restored bool
	By       string
	At       time.Time
}

// Gap stands for rows that retention removed: First to Last, after a row with hash Previous; Hash is that of Last.
type Gap struct {
	First, Last    int64
	Previous, Hash string
}

// Evidence is what a walk is held against. Finding is what was found wrong with the evidence itself: a walk that finds nothing
// in the rows answers it. Refused are gaps that are not proved; Instead is what the walk answers where rows are missing there, nil
// for that they are.
type Evidence struct {
	Anchors []Anchor
	Gaps    []Gap
	Refused []Gap
	Finding *Finding
	Instead *Finding
}

// Finding is one thing wrong: its name, the row that it stands at (0 where it is about no row) and a sentence.
type Finding struct {
	Name   string
	Seq    int64
	Detail string
}

// Gather answers the evidence that the database itself holds, in the transaction in which the rows are read.
type Gather func(ctx context.Context, tx *sql.Tx) (Evidence, error)

// Report is what a walk over the chain found. Finding is "" when nothing is wrong; else it is the first thing wrong, At the
// row it stands at and Detail one sentence. Pruned counts the rows that tombstones stand for. NotProvable lists what no anchor
// covers; it does not make a report bad.
type Report struct {
	Rows        int64
	First, Last int64
	LastHash    string
	From, To    time.Time
	Pruned      int64
	Finding     string
	At          int64
	Detail      string
	NotProvable []string
}

// OK says that nothing is wrong.
func (r Report) OK() bool { return r.Finding == "" }

// Place answers " at row N" for a finding that stands at one.
func (r Report) Place() string {
	if r.At == 0 {
		return ""
	}
	return fmt.Sprintf(" at row %d", r.At)
}

// Verify walks the whole chain in one read transaction and in constant memory. Anchors, if there are any, are held against
// the rows they name, as hashes that were kept outside. Rows that retention removed are missing rows to it: verify.Database
// knows the tombstones.
func (l *Log) Verify(ctx context.Context, anchors ...Anchor) (Report, error) {
	anchors = slices.Clone(anchors)
	for i := range anchors {
		anchors[i].Outside = true
		if anchors[i].By == "" {
			anchors[i].By = "an anchor"
		}
	}
	return l.VerifyWith(ctx, func(context.Context, *sql.Tx) (Evidence, error) { return Evidence{Anchors: anchors}, nil })
}

// VerifyWith is Verify with the evidence that gather finds.
func (l *Log) VerifyWith(ctx context.Context, gather Gather) (Report, error) {
	return l.verify(ctx, 0, gather)
}

// VerifyLast is Verify for the newest rows alone, at least one; what stands before them is taken on trust. It is for a quick
// look: a report that finds nothing says nothing of the rest.
func (l *Log) VerifyLast(ctx context.Context, rows int64) (Report, error) {
	return l.VerifyLastWith(ctx, rows, nil)
}

// VerifyLastWith is VerifyLast with the evidence that gather finds; nil for none.
func (l *Log) VerifyLastWith(ctx context.Context, rows int64, gather Gather) (Report, error) {
	return l.verify(ctx, max(rows, 1), gather)
}

// verify walks the newest rows, all of them for 0.
func (l *Log) verify(ctx context.Context, newest int64, gather Gather) (report Report, err error) {
	tx, err := l.db.ReadSQL().BeginTx(ctx, nil)
	if err != nil {
		return Report{}, db.Translate(err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }() // a read has nothing to commit
	v := &verifier{ctx: ctx, tx: tx, last: link{hash: Genesis}}
	if gather != nil {
		found, err := gather(ctx, tx)
		if err != nil {
			return Report{}, db.Translate(err)
		}
		v.use(found)
	}
	if newest > 0 {
		if err := v.skip(newest); err != nil {
			return Report{}, db.Translate(err)
		}
	}
	if err := v.walk(); err != nil {
		return Report{}, db.Translate(err)
	}
	if err := v.finish(); err != nil {
		return Report{}, db.Translate(err)
	}
	if newest == 0 {
		l.verified(v.report)
	}
	return v.report, nil
}

// verifier is one walk.
type verifier struct {
	ctx    context.Context //nolint:containedctx // lives as long as one call of Verify
	tx     *sql.Tx
	given  Evidence
	marks  []Anchor // what names a row's hash, gaps included, by row
	next   int      // the first mark that the walk has not passed
	last   link
	report Report
	back   *Finding
}

// link is what the next row is held against. until is the last number of a gap whose removal was not finished: up to it, rows
// stand without a break.
type link struct {
	seq   int64
	hash  string
	prev  string
	at    int64
	until int64
}

// use puts the evidence in the order of the rows.
func (v *verifier) use(e Evidence) {
	v.given = e
	v.marks = slices.Clone(e.Anchors)
	for _, g := range e.Gaps {
		v.marks = append(v.marks, Anchor{Seq: g.Last, Hash: g.Hash, By: "a tombstone"})
		if g.First > 1 {
			v.marks = append(v.marks, Anchor{Seq: g.First - 1, Hash: g.Previous, By: "a tombstone"})
		}
	}
	slices.SortStableFunc(v.marks, func(a, b Anchor) int { return compareSeq(a.Seq, b.Seq) })
	slices.SortStableFunc(v.given.Gaps, func(a, b Gap) int { return compareSeq(a.First, b.First) })
}

func compareSeq(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// skip starts the walk behind the row that newest rows follow.
func (v *verifier) skip(newest int64) error {
	err := v.tx.QueryRowContext(v.ctx, "SELECT seq, hash, prev_hash, at FROM audit_events ORDER BY seq DESC LIMIT 1 OFFSET ?", newest).
		Scan(&v.last.seq, &v.last.hash, &v.last.prev, &v.last.at)
	if errors.Is(err, sql.ErrNoRows) { // fewer rows: all of them
		return nil
	}
	return err
}
