package audit

import (
	"database/sql"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"
)

// textColumns are the columns of a row that hold text, in the order of walkColumns.
const wholeColumns, textColumns = "seq, v, at, policy_version, duration_us", "id, actor_type, actor_id, actor_name, key_id, roles, groups, " +
	"purpose, operation, ip, user_agent, action, resource, model, model_sha256, decision, reason, rule_id, request_id, content_hash, " +
	"details, prev_hash, hash"

// longestCell is more than any column of ours holds; a longer one is not even read.
const longestCell = 1 << 20

// slowSQL reads rows column by column.
func slowSQL() string {
	var b strings.Builder
	b.WriteString("SELECT " + wholeColumns)
	for column := range strings.SplitSeq(textColumns, ", ") {
		fmt.Fprintf(&b, ", iif(octet_length(%[1]s) <= %[2]d, %[1]s, NULL)", column, longestCell)
	}
	b.WriteString(" FROM audit_events WHERE seq > ? ORDER BY seq")
	return b.String()
}

// fact is what the walk needs of a row. own says that its columns are in their form and give its hash.
type fact struct {
	seq, at    int64
	prev, hash string
	own        bool
}

// walk goes over all rows as fast as it can, and from the first that does not fit once more with a closer look.
func (v *verifier) walk() error {
	whole, err := v.sweep()
	if err != nil || whole {
		return err
	}
	broken, err := v.firstBroken()
	if err != nil || broken == nil {
		return err
	}
	f, err := v.classify(*broken)
	v.report.set(v.explained(f))
	return err
}

// explained answers a finding with what is known of missing rows from elsewhere.
func (v *verifier) explained(f Finding) Finding {
	if f.Name != Deleted {
		return f
	}
	for _, g := range v.given.Refused {
		switch {
		case f.Seq < g.First || f.Seq > g.Last:
		case v.given.Instead != nil:
			return *v.given.Instead
		case v.given.Finding != nil:
			f.Detail += ", and " + v.given.Finding.Detail
			return f
		}
	}
	return f
}

// firstBroken answers the first row that does not fit, nil if all do.
func (v *verifier) firstBroken() (broken *row, err error) {
	rows, err := v.tx.QueryContext(v.ctx, slowSQL(), v.start())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		f := fact{r.Seq, r.At, r.PrevHash, r.Hash, r.V == Version && r.hashAt(r.Seq) == r.Hash}
		if !v.take(f) {
			return &r, nil
		}
	}
	return nil, rows.Err()
}

// start is the number after which the walk goes on. Numbers below 1 are found at the beginning.
func (v *verifier) start() int64 {
	if v.last.seq == 0 {
		return -1 << 63
	}
	return v.last.seq
}

// take goes on to a row, and answers false where it does not fit.
func (v *verifier) take(f fact) bool {
	at, ok := v.before(f.seq, f.prev)
	if !ok || !f.own || !v.marked(f) {
		return false
	}
	if v.report.Rows == 0 {
		v.report.First, v.report.From = f.seq, time.UnixMilli(f.at).UTC()
	}
	if f.at < v.last.at && v.back == nil {
		v.back = &Finding{ClockBack, f.seq, fmt.Sprintf("row %d is older than the row before it", f.seq)}
	}
	v.report.Rows++
	v.report.Pruned += f.seq - 1 - v.last.seq
	v.report.Last, v.report.LastHash, v.report.To = f.seq, f.hash, time.UnixMilli(f.at).UTC()
	v.last = link{seq: f.seq, hash: f.hash, prev: f.prev, at: f.at, until: at.until}
	return true
}

// before answers what a row with this number and prev_hash stands behind: the last row, or the gaps that follow it. A row
// within a gap is one whose removal was not finished: it and all up to the gap's end must be there. It answers false for a row
// that stands behind neither.
func (v *verifier) before(seq int64, prev string) (link, bool) {
	at := v.last
	for at.seq+1 < seq && at.seq >= at.until {
		g, ok := v.gap(at, seq)
		if !ok {
			return at, false
		}
		if seq <= g.Last {
			return link{seq: seq - 1, hash: prev, at: at.at, until: g.Last}, true
		}
		at = link{seq: g.Last, hash: g.Hash, at: at.at}
	}
	return at, seq == at.seq+1 && prev == at.hash
}

// gap answers the gap that begins behind at; of several the longest that ends before seq.
func (v *verifier) gap(at link, seq int64) (found Gap, ok bool) {
	gaps := v.given.Gaps
	for i := sort.Search(len(gaps), func(i int) bool { return gaps[i].First > at.seq }); i < len(gaps) && gaps[i].First == at.seq+1; i++ {
		g := gaps[i]
		if g.Previous != at.hash || g.Last < g.First {
			continue
		}
		if !ok || (g.Last < seq) && (found.Last >= seq || g.Last > found.Last) {
			found, ok = g, true
		}
	}
	return found, ok
}

// marked is false where a mark names another hash for a row that is right in itself: the chain was built anew.
func (v *verifier) marked(f fact) bool {
	_, wrong := v.contradicted(f.seq, f.hash)
	return !wrong
}

// contradicted answers the mark that names another hash for a row.
func (v *verifier) contradicted(seq int64, hash string) (Anchor, bool) {
	for v.next < len(v.marks) && v.marks[v.next].Seq < seq {
		v.next++
	}
	for i := v.next; i < len(v.marks) && v.marks[i].Seq == seq; i++ {
		if v.marks[i].Hash != hash {
			return v.marks[i], true
		}
	}
	return Anchor{}, false
}

func (r *Report) set(f Finding) { r.Finding, r.At, r.Detail = f.Name, f.Seq, f.Detail }

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
	case v.given.Finding != nil:
		v.report.set(*v.given.Finding)
	case v.back != nil:
		v.report.set(*v.back)
	}
	v.report.NotProvable = v.unproven()
	return nil
}

// unproven says, by the names of the findings, what no anchor outside the database rules out.
func (v *verifier) unproven() []string {
	covered := int64(0)
	for _, m := range v.marks {
		if m.Outside && m.Seq <= v.report.Last {
			covered = max(covered, m.Seq)
		}
	}
	var out []string
	if covered < v.report.Last {
		out = append(out, fmt.Sprintf("%s: rows %d to %d could have been computed anew; no anchor outside this database covers them",
			Rebuilt, covered+1, v.report.Last))
	}
	if v.report.Finding == RestoredOld {
		return out // an anchor is newer: that is the finding
	}
	return append(out,
		fmt.Sprintf("%s: rows could have followed row %d; no anchor outside this database is newer", TailCut, v.report.Last),
		fmt.Sprintf("%s: the whole database could be an older copy of itself; no anchor outside it is newer", RestoredOld))
}

// tail finds rows that must have been there: those that marks name, and those that verdicts refer to.
func (v *verifier) tail() (*Finding, error) {
	end, open := v.end()
	if open > end {
		return &Finding{TailCut, end + 1, fmt.Sprintf("rows %d to %d are missing, though their removal was not finished", end+1, open)}, nil
	}
	var referred sql.NullInt64
	if err := v.tx.QueryRowContext(v.ctx, "SELECT max(audit_seq) FROM verdicts").Scan(&referred); err != nil {
		return nil, err
	}
	if referred.Int64 > end {
		return &Finding{TailCut, end + 1, fmt.Sprintf("a verdict refers to row %d and the log ends at %d", referred.Int64, end)}, nil
	}
	var outside *Finding
	for _, m := range v.marks {
		switch {
		case m.Seq <= end:
		case m.Restored:
			outside = &Finding{RestoredOld, end + 1, fmt.Sprintf("%s refers to row %d and the log ends at %d: the whole database is an older copy, or its end was removed together with its checkpoints%s",
				m.By, m.Seq, end, v.times(m))}
		default:
			return &Finding{TailCut, end + 1, fmt.Sprintf("%s refers to row %d and the log ends at %d", m.By, m.Seq, end)}, nil
		}
	}
	return outside, nil
}

// times says of when the end of the log and what refers beyond it are: a copy that was taken a moment before the other looks as one
// that was put back does.
func (v *verifier) times(m Anchor) string {
	if m.At.IsZero() || v.report.Rows == 0 {
		return ""
	}
	return fmt.Sprintf("; the newest row here is of %s, what refers beyond it of %s", v.report.To.UTC().Format(timeLayout), m.At.UTC().Format(timeLayout))
}

// end answers the last number that a row or a gap stands for, and the last that must be there.
func (v *verifier) end() (end, open int64) {
	at := v.last
	if at.seq < at.until {
		return at.seq, at.until
	}
	for {
		g, ok := v.gap(at, 1<<62)
		if !ok {
			return at.seq, 0
		}
		at = link{seq: g.Last, hash: g.Hash}
	}
}
