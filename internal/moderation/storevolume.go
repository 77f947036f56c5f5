package moderation

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
)

// volumeMost bounds what one reading takes: about a tenth of a second.
const volumeMost = 20_000

// Volume is what a figure of the day needs of one verdict. Nobody's name, nor any text, is in it.
type Volume struct {
	CreatedAt int64 // milliseconds since 1970, UTC
	Severity  string
	Action    string
	Flagged   bool
	Cached    bool
	TotalUS   int64
	byServer  bool // the examples that it asks for itself
}

// Volume hands the verdicts of the audit rows after one seq to take, but those for the server itself, oldest first, and answers the last audit row that it is
// complete for: further is asked from there, until complete no longer grows. It asks nobody who may know: figures name no one.
func (s *Service) Volume(ctx context.Context, after int64, take func(Volume)) (complete int64, err error) {
	rows, err := s.d.DB.ReadSQL().QueryContext(ctx, volumeSQL, after, volumeMost+1)
	if err != nil {
		return after, db.Translate(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	// One audit row has at most MaxInputs verdicts, so one that is cut off is never all of it.
	complete, seen := after, 0
	var seq int64
	var held []Volume // of the row that may be cut off
	for rows.Next() {
		var v Volume
		var at int64
		var kind, name string
		if err := rows.Scan(&at, &v.CreatedAt, &v.Severity, &v.Action, &v.Flagged, &v.Cached, &v.TotalUS, &kind, &name); err != nil {
			return complete, db.Translate(err)
		}
		v.byServer = access.ByServer(kind, name)
		if at != seq {
			complete = settle(held, take, complete, seq)
			seq, held = at, held[:0]
		}
		seen, held = seen+1, append(held, v)
	}
	if err := rows.Err(); err != nil {
		return complete, db.Translate(err)
	}
	if seen <= volumeMost {
		complete = settle(held, take, complete, seq)
	}
	return complete, nil
}

// settle hands over the verdicts of one audit row, where somebody asked for them, and answers that it is complete.
func settle(held []Volume, take func(Volume), before, seq int64) int64 {
	if len(held) == 0 {
		return before
	}
	for _, v := range held {
		if !v.byServer {
			take(v)
		}
	}
	return seq
}

// volumeSQL walks the verdicts in the order of their rows: the unique index over audit_seq and item.
const volumeSQL = `SELECT audit_seq, created_at, severity, action, flagged, cached, total_us, actor_type, actor_name FROM verdicts
	WHERE audit_seq > ? ORDER BY audit_seq, item LIMIT ?`
