package retention

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// ConfirmClock has the open questions about the clock taken as explained, for a holder of settings.manage, and leaves its row. A
// confirmed jump ages nothing: rows are as old as the machine's own clock and the confirmed time of being off make them. It refuses
// without a reason (Invalid) and where nothing is asked (Conflict).
func (s *Service) ConfirmClock(ctx context.Context, p access.Principal, why string) (err error) {
	because, err := reason(why)
	if err != nil {
		return s.reject(ctx, p, err)
	}
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: resource})
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	line, err := s.asked(ctx, p)
	if err != nil {
		return err
	}
	number := int64(0)
	if n := len(line.marks); n > 0 {
		number = line.marks[n-1].Number
	}
	out := access.Outcome{Details: map[string]any{"change": changeClock, "reason": because, "checkpoint": number, "questions": said(line.questions)}, Check: func(tx *db.Tx) (map[string]any, error) {
		if err := s.admit(tx, p); err != nil {
			return nil, err
		}
		if len(line.questions) == 0 {
			return nil, fault.New(fault.Conflict, "Nothing is asked about the clock.")
		}
		return nil, nil
	}}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, ev audit.Event) error {
		return confirm(tx, number, because, ev)
	})
	return err
}

// asked reads what is asked about the clock. Where the present moment is in question there is a checkpoint of it first, which the
// confirmation can name.
func (s *Service) asked(ctx context.Context, p access.Principal) (timeline, error) {
	line, err := s.timeline(ctx)
	if err != nil || len(line.questions) == 0 || line.questions[len(line.questions)-1].Number > 0 || p.Confirmed() != nil {
		return line, err
	}
	if err := s.d.Seal.Write(ctx, proof.CauseManual); err != nil {
		return timeline{}, err
	}
	return s.timeline(ctx)
}

// said is what the audit row says of questions.
func said(questions []Question) []any {
	out := []any{}
	for _, q := range questions {
		out = append(out, map[string]any{
			"kind": q.Kind, "before": q.Before.Format(time.RFC3339), "after": q.After.Format(time.RFC3339), "seconds": int64(q.By / time.Second),
		})
	}
	return out
}

const (
	// lookEvery is how often the server removes what has become old enough.
	lookEvery = day
	// pollEvery is how soon a removal that another process began and did not end is gone on with.
	pollEvery = time.Minute
)

// Watch removes what is old enough once a day, and goes on with removals that nobody finished, until ctx ends.
func (s *Service) Watch(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if err := s.turn(ctx); err != nil && ctx.Err() == nil {
			s.d.Log.ErrorContext(ctx, "removing old records", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.wake:
		}
	}
}

// turn does what is to be done now.
func (s *Service) turn(ctx context.Context) error {
	if going, err := s.Resume(ctx); err != nil || going {
		return err // what is to go next is looked for in the next turn
	}
	last, err := readLook(ctx, s.d.DB)
	if err != nil {
		return err
	}
	if since := s.d.Now().Sub(lookedAt(last)); last != nil && since >= 0 && since < lookEvery {
		return nil
	}
	_, err = s.Daily(ctx)
	return err
}

func lookedAt(l *Look) time.Time {
	if l == nil {
		return time.Time{}
	}
	return l.At
}

// Daily looks, and removes what is old enough under the server's own name. Nothing to remove leaves no row. It answers what came of
// it.
func (s *Service) Daily(ctx context.Context) (Look, error) {
	plan, err := s.plan(ctx)
	if err != nil {
		return Look{}, err
	}
	look := Look{At: s.d.Now().UTC(), Result: plan.Stopped}
	switch {
	case plan.Stopped == StoppedClock, plan.Stopped == StoppedProof:
		s.d.Log.WarnContext(ctx, "nothing old is removed", "why", plan.Stopped, "questions", len(plan.Questions), "do", "guardhouse audit prune --dry-run")
	case plan.Stopped != "":
	case plan.Empty():
		look.Result = "nothing"
	default:
		run, err := s.Prune(ctx, access.Server("retention"))
		if err != nil {
			return Look{}, err
		}
		if _, err := s.Work(ctx, run.ID); err != nil {
			return Look{}, err
		}
	}
	return look, writeLook(s.d.DB, look)
}
