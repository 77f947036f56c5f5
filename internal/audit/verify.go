package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"guardhouse/internal/db"
)

// Findings of Verify.
const (
	Edited    = "edited"
	Deleted   = "deleted"
	Inserted  = "inserted"
	Reordered = "reordered"
	TailCut   = "tail-cut"
	Rebuilt   = "rebuilt"
	ClockBack = "clock-back"
	// RestoredOld needs an outside anchor to be found; until there is one it is only named as not provable.
	RestoredOld = "restored-old"
)

// Anchor is a hash of a row that somebody outside the database has kept: a verdict's audit_hash, a checkpoint.
type Anchor struct {
	Seq  int64
	Hash string
}

// Report is what a walk over the chain found. Finding is "" when nothing is wrong; else it is the first thing wrong, At the
// row it stands at and Detail one sentence. NotProvable lists what no anchor covers; it does not make a report bad.
type Report struct {
	Rows        int64
	First, Last int64
	LastHash    string
	From, To    time.Time
	Finding     string
	At          int64
	Detail      string
	NotProvable []string
}

// OK says that nothing is wrong.
func (r Report) OK() bool { return r.Finding == "" }

// Verify walks the whole chain in one read transaction and in constant memory. Anchors, if there are any, are held against
// the rows they name.
func (l *Log) Verify(ctx context.Context, anchors ...Anchor) (report Report, err error) {
	return l.verify(ctx, 0, anchors)
}

// VerifyLast is Verify for the newest rows alone, at least one; what stands before them is taken on trust. It is for a quick
// look: a report that finds nothing says nothing of the rest.
func (l *Log) VerifyLast(ctx context.Context, rows int64) (Report, error) {
	return l.verify(ctx, max(rows, 1), nil)
}

// verify walks the newest rows, all of them for 0.
func (l *Log) verify(ctx context.Context, newest int64, anchors []Anchor) (report Report, err error) {
	tx, err := l.db.ReadSQL().BeginTx(ctx, nil)
	if err != nil {
		return Report{}, db.Translate(err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }() // a read has nothing to commit
	v := &verifier{ctx: ctx, tx: tx, anchors: map[int64]string{}, last: link{hash: Genesis}}
	for _, a := range anchors {
		v.anchors[a.Seq] = a.Hash
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

// skip starts the walk behind the row that newest rows follow.
func (v *verifier) skip(newest int64) error {
	err := v.tx.QueryRowContext(v.ctx, "SELECT seq, hash, prev_hash, at FROM audit_events ORDER BY seq DESC LIMIT 1 OFFSET ?", newest).
		Scan(&v.last.seq, &v.last.hash, &v.last.prev, &v.last.at)
	if errors.Is(err, sql.ErrNoRows) { // fewer rows: all of them
		return nil
	}
	return err
}

// link is what the next row is held against.
type link struct {
	seq  int64
	hash string
	prev string
	at   int64
}

type verifier struct {
	ctx     context.Context //nolint:containedctx // lives as long as one call of Verify
	tx      *sql.Tx
	anchors map[int64]string
	last    link
	report  Report
	back    *finding
}

type finding struct {
	name   string
	seq    int64
	detail string
}

const walkSQL = `SELECT seq, id, v, at, actor_type, actor_id, actor_name, key_id, roles, groups, purpose, operation, ip, user_agent,
action, resource, model, model_sha256, decision, reason, rule_id, policy_version, request_id, content_hash, duration_us,
details, prev_hash, hash FROM audit_events WHERE seq > ? ORDER BY seq`

func (v *verifier) walk() error {
	broken, err := v.firstBroken()
	if err != nil || broken == nil {
		return err
	}
	f, err := v.classify(*broken)
	v.report.set(f)
	return err
}

// firstBroken answers the first row that does not fit, nil if all do.
func (v *verifier) firstBroken() (broken *row, err error) {
	rows, err := v.tx.QueryContext(v.ctx, walkSQL, v.last.seq)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r row
		if err := scan(rows, &r); err != nil {
			return nil, err
		}
		if !v.fits(r) {
			return &r, nil
		}
		v.advance(r)
	}
	return nil, rows.Err()
}

func scan(rows *sql.Rows, r *row) error {
	return rows.Scan(&r.Seq, &r.ID, &r.V, &r.At, &r.ActorType, &r.ActorID, &r.ActorName, &r.KeyID, &r.Roles, &r.Groups,
		&r.Purpose, &r.Operation, &r.IP, &r.UserAgent, &r.Action, &r.Resource, &r.Model, &r.ModelSHA256, &r.Decision, &r.Reason,
		&r.RuleID, &r.PolicyVersion, &r.RequestID, &r.ContentHash, &r.DurationUs, &r.Details, &r.PrevHash, &r.Hash)
}

func (v *verifier) fits(r row) bool {
	return r.Seq == v.last.seq+1 && r.PrevHash == v.last.hash && r.V == Version && r.hashAt(r.Seq) == r.Hash && v.anchored(r)
}

// anchored is false where an anchor names another hash for a row that is right in itself: the chain was built anew.
func (v *verifier) anchored(r row) bool {
	want, ok := v.anchors[r.Seq]
	return !ok || want == r.Hash
}

func (v *verifier) advance(r row) {
	if v.report.Rows == 0 {
		v.report.First, v.report.From = r.Seq, time.UnixMilli(r.At).UTC()
	}
	if r.At < v.last.at && v.back == nil {
		v.back = &finding{ClockBack, r.Seq, fmt.Sprintf("row %d is older than the row before it", r.Seq)}
	}
	v.report.Rows++
	v.report.Last, v.report.LastHash, v.report.To = r.Seq, r.Hash, time.UnixMilli(r.At).UTC()
	v.last = link{seq: r.Seq, hash: r.Hash, prev: r.PrevHash, at: r.At}
}

// hashAt computes the hash that the row would have under another number. A column that is not in canonical form has none:
// two spellings of one value must not verify alike.
func (r row) hashAt(seq int64) string {
	ev, err := r.event()
	if err != nil || string(appendStrings(nil, ev.Roles)) != r.Roles || string(appendStrings(nil, ev.Groups)) != r.Groups {
		return ""
	}
	_, details, err := canonicalDetails(ev.Details)
	if err != nil || string(details) != r.Details {
		return ""
	}
	ev.Seq = seq
	return hashOf(encodeWith(ev, details, withoutHash))
}

func (r *Report) set(f finding) { r.Finding, r.At, r.Detail = f.name, f.seq, f.detail }

// finish looks at what the rows themselves cannot tell, and says what stays unproven.
func (v *verifier) finish() error {
	if !v.report.OK() {
		return nil
	}
	f, err := v.tail()
	switch {
	case err != nil:
		return err
	case f != nil:
		v.report.set(*f)
	case v.back != nil:
		v.report.set(*v.back)
	}
	v.report.NotProvable = v.unproven()
	return nil
}

// unproven says, by the names of the findings, what no anchor outside the database rules out.
func (v *verifier) unproven() []string {
	covered := int64(0)
	for seq := range v.anchors {
		covered = max(covered, seq)
	}
	var out []string
	if covered < v.report.Last {
		out = append(out, fmt.Sprintf("%s: rows %d to %d could have been computed anew; no anchor outside this database covers them",
			Rebuilt, covered+1, v.report.Last))
	}
	return append(out,
		fmt.Sprintf("%s: rows could have followed row %d; no anchor outside this database is newer", TailCut, v.report.Last),
		fmt.Sprintf("%s: the whole database could be an older copy of itself; no anchor outside it is newer", RestoredOld))
}

// tail finds rows that must have been there: those that anchors name, and those that verdicts refer to.
func (v *verifier) tail() (*finding, error) {
	most, who := int64(0), ""
	for seq := range v.anchors {
		if seq > most {
			most, who = seq, "an anchor"
		}
	}
	var referred sql.NullInt64
	if err := v.tx.QueryRowContext(v.ctx, "SELECT max(audit_seq) FROM verdicts").Scan(&referred); err != nil {
		return nil, err
	}
	if referred.Int64 > most {
		most, who = referred.Int64, "a verdict"
	}
	if most <= v.report.Last {
		return nil, nil //nolint:nilnil // nothing found and nothing wrong
	}
	return &finding{TailCut, v.report.Last + 1, fmt.Sprintf("%s refers to row %d and the log ends at %d", who, most, v.report.Last)}, nil
}
