package retention

import (
	"context"
	"errors"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Run is a removal: what was decided, what is done of it. FinishedAt is nil while it goes on. EventID names its audit row.
type Run struct {
	ID                                   int64
	At                                   time.Time
	By, EventID                          string
	Days                                 Days
	AuditSeq, VerdictSeq                 int64
	SessionsBefore                       time.Time
	Rows, Verdicts, Sessions             int64 // decided
	RowsGone, VerdictsGone, SessionsGone int64
	Tombstones                           int64
	FinishedAt                           *time.Time
	Problem                              string // why it ended without all of it
}

// Prune decides on a removal, for a holder of settings.manage, and leaves its row; Work does it, which this does not wait for. It
// refuses (Conflict) while another removal goes on, and where the plan says that nothing may go.
func (s *Service) Prune(ctx context.Context, p access.Principal) (_ Run, err error) {
	plan, err := s.plan(ctx)
	if err != nil {
		return Run{}, err
	}
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: resource})
	if err != nil {
		return Run{}, err
	}
	defer pass.Close(&err)
	var made Run
	out := access.Outcome{Details: plan.details(), Check: func(tx *db.Tx) (map[string]any, error) {
		if err := s.admit(tx, p); err != nil {
			return nil, err
		}
		if err := refusal(plan.Stopped); err != nil {
			return nil, err
		}
		return nil, s.unchanged(tx, plan)
	}}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, ev audit.Event) error {
		made = Run{
			At: tx.Now(), By: ev.Actor.Name, EventID: ev.ID, Days: plan.Days, AuditSeq: plan.AuditSeq, VerdictSeq: plan.VerdictSeq,
			SessionsBefore: plan.SessionsBefore, Rows: plan.Rows, Verdicts: plan.Verdicts, Sessions: plan.Sessions,
		}
		var err error
		made.ID, err = insertRun(tx, made)
		tx.AfterCommit(s.poke)
		return err
	})
	if err != nil {
		return Run{}, err
	}
	return made, nil
}

// unchanged refuses a plan that was made before somebody changed what it is made of.
func (s *Service) unchanged(tx *db.Tx, p Plan) error {
	open, err := unfinishedIn(tx)
	if err != nil {
		return err
	}
	if open {
		return fault.New(fault.Conflict, "A removal is going on. Wait until it is done.")
	}
	kept, err := heldNow(tx.QueryRow)
	if err != nil {
		return err
	}
	if kept != p.holds || s.days() != p.Days {
		return fault.New(fault.Conflict, "Holds or times were changed meanwhile. Look again, then decide.")
	}
	return nil
}

// refusal says in words why nothing goes.
func refusal(stopped string) error {
	switch stopped {
	case StoppedOff:
		return fault.New(fault.Conflict, saidOff)
	case StoppedClock:
		return fault.New(fault.Conflict, saidClock)
	case StoppedYoung:
		return fault.New(fault.Conflict, saidYoung)
	case StoppedProof:
		return fault.New(fault.Conflict, saidProof)
	}
	return nil
}

func (p *Plan) details() map[string]any {
	d := map[string]any{
		"change": "prune", "rows": p.Rows, "verdicts": p.Verdicts, "sessions": p.Sessions, "held": p.Held,
		"days": map[string]any{"audit": p.Days.Audit, "verdicts": p.Days.Verdicts, "sessions": p.Days.Sessions},
	}
	if p.Stopped != "" {
		d["stopped"] = p.Stopped
	}
	if p.AuditSeq > 0 {
		d["up_to"] = p.AuditSeq
	}
	if p.VerdictSeq > 0 {
		d["verdicts_up_to"] = p.VerdictSeq
	}
	if !p.SessionsBefore.IsZero() {
		d["sessions_before"] = p.SessionsBefore.UTC().Format(time.RFC3339Nano)
	}
	return d
}

func (s *Service) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func joined(err, other error) error { return errors.Join(err, other) }
