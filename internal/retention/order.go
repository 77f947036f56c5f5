package retention

import (
	"context"
	"time"

	"guardhouse/internal/fault"
)

// order is what a removal's own audit row says may go at most. The row of the run itself proves nothing: whoever writes the
// database can write it.
type order struct {
	auditSeq, verdictSeq int64
	sessionsBefore       time.Time
}

// ordered reads it. It stops the run where the log has no row that orders this removal.
func (w *worker) ordered(ctx context.Context) error {
	o, there, err := orderOf(ctx, w.s.d.DB, w.run.EventID)
	if err != nil {
		return err
	}
	if !there {
		return &stopped{saidNoOrder}
	}
	w.order = o
	return nil
}

// limits plans anew what may go: from the signed checkpoints, the settings and what is forwarded and exported as they are now, and never more
// than was ordered. It stops the run where nothing may go any more.
func (w *worker) limits(ctx context.Context) (Plan, error) {
	p, err := w.s.decided(ctx)
	if err != nil {
		return Plan{}, err
	}
	if why := refusal(p.Stopped); why != nil {
		return Plan{}, &stopped{fault.From(why).Message}
	}
	p.AuditSeq = min(p.AuditSeq, w.order.auditSeq)
	p.VerdictSeq = min(p.VerdictSeq, w.order.verdictSeq)
	if w.order.sessionsBefore.Before(p.SessionsBefore) {
		p.SessionsBefore = w.order.sessionsBefore
	}
	return p, nil
}

// still refuses (Conflict) where less may go than when a plan was made.
func (w *worker) still(ctx context.Context, p Plan) error {
	now, err := w.limits(ctx)
	if err != nil {
		return err
	}
	if now.AuditSeq < p.AuditSeq || now.Days != p.Days {
		return fault.New(fault.Conflict, "less may go meanwhile")
	}
	return nil
}
