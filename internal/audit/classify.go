package audit

import (
	"database/sql"
	"errors"
	"fmt"
)

// renumbered is how far a row may have been moved by renumbering and still be recognised.
const renumbered = 256

// classify names what was done at the first row that does not fit. The evidence is in the neighbours: who follows the last
// good row by its hash, and whether the row verifies under another number.
func (v *verifier) classify(r row) (Finding, error) {
	g, linked := v.before(r.Seq, r.PrevHash)
	v.last = g
	own := r.Hash != "" && r.V == Version && r.hashAt(r.Seq) == r.Hash
	mark, contradicted := v.contradicted(r.Seq, r.Hash)
	switch {
	case linked && own && contradicted:
		if kept, err := v.seqWhere("prev_hash = ? AND seq = ?", mark.Hash, r.Seq+1); err != nil || kept != 0 {
			return rewritten(r.Seq), err
		}
		return Finding{Rebuilt, r.Seq, fmt.Sprintf("row %d is right in itself but is not the row that %s names", r.Seq, mark.By)}, nil
	case r.PrevHash == g.hash && r.Seq == g.seq+1:
		return Finding{Edited, r.Seq, fmt.Sprintf("row %d does not have the hash that it was written with", r.Seq)}, nil
	case g.prev != "" && r.PrevHash == g.prev:
		return Finding{Inserted, g.seq, fmt.Sprintf("row %d stands between two rows that follow each other", g.seq)}, nil
	}
	follower, err := v.seqWhere("prev_hash = ? AND seq <> ?", g.hash, r.Seq)
	if err != nil {
		return Finding{}, err
	}
	return v.moved(r, own, follower)
}

// moved tells rows that changed places from rows that came or went. follower is the number of another row that continues
// the last good one, 0 if there is none.
func (v *verifier) moved(r row, own bool, follower int64) (Finding, error) {
	g := v.last
	predecessor, err := v.seqWhere("hash = ? AND seq > ?", r.PrevHash, r.Seq)
	if err != nil {
		return Finding{}, err
	}
	next, err := v.seqWhere("seq > ?", r.Seq)
	if err != nil {
		return Finding{}, err
	}
	switch {
	case r.Seq > g.seq+1 && follower == 0:
		return Finding{Deleted, g.seq + 1, fmt.Sprintf("rows %d to %d are missing", g.seq+1, r.Seq-1)}, nil
	case predecessor != 0 || (follower != 0 && r.Seq > g.seq+1):
		return Finding{Reordered, g.seq + 1, fmt.Sprintf("row %d is not the one that followed row %d", r.Seq, g.seq)}, nil
	case follower != 0:
		return Finding{Inserted, r.Seq, fmt.Sprintf("row %d stands between rows that follow each other", r.Seq)}, nil
	case !own && shifted(r) > 0:
		n := shifted(r)
		return Finding{Deleted, r.Seq, fmt.Sprintf("%d rows before row %d are missing and the rest were renumbered", n, r.Seq)}, nil
	case own && next != 0 && g.seq > 0:
		return rewritten(g.seq), nil
	case own:
		return Finding{Inserted, r.Seq, fmt.Sprintf("row %d follows no row of the log", r.Seq)}, nil
	}
	return Finding{Edited, r.Seq, fmt.Sprintf("row %d does not have the hash that it was written with", r.Seq)}, nil
}

func rewritten(seq int64) Finding {
	return Finding{Edited, seq, fmt.Sprintf("row %d was written again together with its hash", seq)}
}

// shifted answers by how many numbers the row was moved towards the front, 0 if that explains nothing.
func shifted(r row) int64 {
	for n := int64(1); n <= renumbered; n++ {
		if r.hashAt(r.Seq+n) == r.Hash {
			return n
		}
	}
	return 0
}

// seqWhere answers the lowest number that fits, 0 if none does. The condition is always one of this file's.
func (v *verifier) seqWhere(condition string, args ...any) (int64, error) {
	var seq int64
	err := v.tx.QueryRowContext(v.ctx, "SELECT CAST(seq AS INTEGER) FROM audit_events WHERE "+condition+" ORDER BY seq LIMIT 1", args...).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return seq, err
}
