package moderation

import (
	"context"

	"guardhouse/internal/access"
)

// OwnedRow is a verdict with the principal that it belongs to, for whoever shows each person his own.
type OwnedRow struct {
	HistoryRow
	Owner string
}

// Sight is which verdicts one principal may read: those that History would give to it. The zero value sees none.
type Sight struct {
	some  bool
	owner string // "" = everybody's
	p     access.Principal
}

// Sight answers what p may read by the rights it has now.
func (s *Service) Sight(ctx context.Context, p access.Principal) Sight {
	owner, err := s.readable(ctx, p, "")
	if err != nil {
		return Sight{}
	}
	return Sight{some: true, owner: owner, p: p}
}

// Sees says whether a verdict of owner by model is within sight. Another person's is not without moderation.read_all
// (threat Z3).
func (v Sight) Sees(owner, model string) bool {
	return v.some && (v.owner == "" || v.owner == owner) && access.KeyCovers(v.p, model)
}

// Tail answers the verdicts of the audit rows after one seq up to another, oldest first, and the last audit row that they
// are complete for: earlier than upTo where there are too many to answer at once. It asks nobody who may read them:
// Sight says it for each.
func (s *Service) Tail(ctx context.Context, after, upTo int64) (rows []OwnedRow, complete int64, err error) {
	rows, err = s.tail(ctx, after, upTo, tailMax+1)
	if err != nil || len(rows) <= tailMax {
		return rows, upTo, err
	}
	// One audit row has at most MaxInputs verdicts, so a part that is cut off never is all of it.
	cut := rows[len(rows)-1].AuditSeq
	for len(rows) > 0 && rows[len(rows)-1].AuditSeq == cut {
		rows = rows[:len(rows)-1]
	}
	return rows, cut - 1, nil
}

// tailMax bounds what one reading takes into memory: a few megabytes, and many times the verdicts of one audit row.
const tailMax = 16 * MaxInputs
