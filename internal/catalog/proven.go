package catalog

import (
	"context"
	"encoding/json"
	"slices"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// provenKey is where the table meta says which guard was the default and proven last, and which one was given up for it since.
const provenKey = "models.proven." + KindGuard

// Proven is the guard that was the default and proven last. GaveUp is one that the setting models.default put in its place and that
// came to nothing, with the reason in one word; both are empty where there is none.
type Proven struct {
	ID     string `json:"id"`
	GaveUp string `json:"gave_up,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// LastProven answers what stands in the database, the zero Proven where nothing does.
func LastProven(ctx context.Context, d *db.DB) (p Proven, err error) {
	text, err := metaText(d.ReadSQL().QueryRowContext(ctx, selectMeta, provenKey))
	if err != nil || text == "" || json.Unmarshal([]byte(text), &p) != nil {
		return Proven{}, err // what is nothing of ours names nobody
	}
	return p, nil
}

// recall has a default guard that the table knows no way back from go back to the one that was proven last: what the setting
// models.default names, or names no longer, need not be proven.
func (s *Service) recall(all []Model) {
	last := s.proven.Load()
	is := func(m Model) bool { return m.Kind == KindGuard && m.Default }
	next := slices.IndexFunc(all, is)
	if last == nil || next < 0 || all[next].Follows != "" || all[next].ID == last.ID {
		return
	}
	if before := slices.IndexFunc(all, isGuard(last.ID)); before >= 0 {
		all[next].Follows, all[next].BySetting = last.ID, true
		all[before].Wanted = WantLoaded
	}
}

// Prove notes that the default guard is proven: a server that starts with another goes back to it where that comes to nothing.
func (s *Service) Prove(ctx context.Context, m Model) error {
	p := Proven{ID: m.ID}
	if last := s.proven.Load(); last != nil && *last == p {
		return nil
	}
	if err := s.db.Write(func(tx *db.Tx) error { return putMeta(tx, provenKey, p) }); err != nil {
		return err
	}
	_, err := s.Refresh(ctx)
	return err
}

// leave writes that m, which the setting made the default, came to nothing. The setting stays: a server that starts tries m again.
func (s *Service) leave(ctx context.Context, pass *access.Pass, o access.Outcome, m Model) error {
	_, err := pass.Commit(ctx, o, func(tx *db.Tx, _ audit.Event) error {
		text, err := metaText(tx.QueryRow(selectMeta, provenKey))
		var p Proven
		if err == nil && (json.Unmarshal([]byte(text), &p) != nil || p.ID != m.Follows) {
			err = fault.Wrap(errOver, fault.Conflict, "The default was changed meanwhile.")
		}
		if err != nil {
			return err
		}
		p.GaveUp, p.Reason = m.ID, o.Reason
		return putMeta(tx, provenKey, p)
	})
	if err == nil {
		s.mu.Lock()
		s.givenUp[m.ID] = true
		s.mu.Unlock()
	}
	return err
}
