package review

import (
	"context"
	"fmt"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// ending is the end of a review, or the passing of its day, on its way through a transaction.
type ending struct {
	s  *Service
	p  access.Principal
	id string
}

// check reads the review in the transaction and answers what came of it.
func (e *ending) check(tx *db.Tx) (map[string]any, error) {
	details, r, err := e.look(tx)
	if err != nil {
		return details, err
	}
	details["change"] = "close"
	if r.ClosedAt != nil {
		return details, closed()
	}
	return details, nil
}

func (e *ending) look(tx *db.Tx) (map[string]any, row, error) {
	if err := e.s.d.Guard.Administer(tx, e.p, access.ACLManage); err != nil {
		return nil, row{}, err
	}
	r, ok, err := get(tx.Gorm(), e.id)
	if err != nil || !ok {
		return nil, row{}, orUnknown(err)
	}
	by, err := counts(tx.Gorm(), "", []string{e.id})
	details := map[string]any{}
	for _, d := range []Decision{Undecided, Kept, Asked, Removed} {
		details[string(d)] = by[e.id][d]
	}
	return details, r, err
}

func (e *ending) store(tx *db.Tx, _ audit.Event) error { return end(tx, e.id, e.p) }

// watchEvery is how often reviews are asked whether their day has passed.
const watchEvery = time.Minute

// Watch writes down when the day of a review passes with rules that nobody decided about: one audit row each. It runs until
// ctx ends.
func (s *Service) Watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if err := s.NoteOverdue(ctx); err != nil && ctx.Err() == nil {
			s.d.Log.ErrorContext(ctx, "looking for reviews whose day has passed", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// NoteOverdue writes the rows of reviews whose day has passed since it was last asked.
func (s *Service) NoteOverdue(ctx context.Context) error {
	ids, err := passed(ctx, s.d.DB, s.d.Now().UnixMilli())
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.noteOverdue(ctx, id); err != nil && fault.CodeOf(err) != fault.Conflict {
			return fmt.Errorf("review %s: %w", id, err)
		}
	}
	return nil
}

func (s *Service) noteOverdue(ctx context.Context, id string) (err error) {
	system := access.Server("reviews")
	pass, err := s.d.Guard.Enter(ctx, system, access.Op{Action: access.ACLManage, Resource: target(id)})
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	e := ending{s: s, p: system, id: id}
	out := access.Outcome{Check: func(tx *db.Tx) (map[string]any, error) {
		details, r, err := e.look(tx)
		if err != nil {
			return details, err
		}
		details["change"], details["due"] = "overdue", time.UnixMilli(r.DueAt).UTC().Format(time.RFC3339)
		if r.ClosedAt != nil || r.OverdueAt != nil {
			return details, closed() // another process was faster
		}
		return details, nil
	}}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, _ audit.Event) error { return noted(tx, id) })
	return err
}

// Due is what reviews wait for: rules that nobody decided about in reviews whose day has passed or is near.
type Due struct {
	Reviews, Rules, Overdue int64 // Overdue: of the reviews
	First                   time.Time
}

// Due answers the reviews that end before a moment and are not done.
func (s *Service) Due(ctx context.Context, before time.Time) (Due, error) {
	return due(ctx, s.d.DB, s.d.Now().UnixMilli(), before.UnixMilli())
}
