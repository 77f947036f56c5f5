package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// swapKey is where a change of the default of a kind stands in the table meta until it is over.
const swapKey = "models.swap."

// swap is a change of a default that is not over.
type swap struct {
	Before string `json:"before"` // the default to which it goes back
	Begun  bool   `json:"begun"`  // a server loads what comes after it
}

// follow notes in the rows of default models whose place they are taking.
func (s *Service) follow(ctx context.Context, rows []Model) error {
	for i, m := range rows {
		if !m.Default {
			continue
		}
		sw, err := swapOf(s.db.ReadSQL().QueryRowContext(ctx, selectMeta, swapKey+m.Kind))
		if err != nil {
			return err
		}
		_, there := find(rows, func(o Model) bool { return o.ID == sw.Before && o.ID != m.ID })
		if there {
			rows[i].Follows, rows[i].Begun = sw.Before, sw.Begun
		}
	}
	return nil
}

const selectMeta = `SELECT value FROM meta WHERE key = ?`

// metaText answers a row of meta, "" where there is none.
func metaText(r *sql.Row) (text string, err error) {
	if err := r.Scan(&text); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", db.Translate(err)
	}
	return text, nil
}

func putMeta(tx *db.Tx, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, string(text))
	return db.Translate(err)
}

// swapOf answers what stands in a row of meta, the zero swap where there is none.
func swapOf(r *sql.Row) (sw swap, err error) {
	text, err := metaText(r)
	if err != nil || text == "" {
		return sw, err
	}
	if json.Unmarshal([]byte(text), &sw) != nil {
		return swap{}, nil //nolint:nilerr // nothing of ours: there is nothing to go back to
	}
	return sw, nil
}

// followed says that a default that is to come goes back to m where it comes to nothing.
func (s *Service) followed(ctx context.Context, m Model) bool {
	if _, err := s.Refresh(ctx); err != nil { // the server may have ended it
		return false
	}
	all, err := s.All(ctx)
	return err == nil && slices.ContainsFunc(all, func(o Model) bool {
		done := o.Default && o.State == StateReady && !o.Unproven
		return o.Kind == m.Kind && o.Follows == m.ID && !done
	})
}

// noteSwap remembers the default whose place m is to take: the last that served, where several follow each other.
func noteSwap(tx *db.Tx, m Model) error {
	var old string
	err := tx.QueryRow(`SELECT id FROM models WHERE kind = ? AND is_default = 1 AND removed_at IS NULL`, m.Kind).Scan(&old)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return db.Translate(err)
	}
	sw, err := swapOf(tx.QueryRow(selectMeta, swapKey+m.Kind))
	if err != nil {
		return err
	}
	if sw.Before == "" {
		sw.Before = old
	}
	if sw.Before == "" || sw.Before == m.ID {
		return endSwap(tx, m.Kind)
	}
	sw.Begun = false
	return putSwap(tx, m.Kind, sw)
}

func putSwap(tx *db.Tx, kind string, sw swap) error {
	return putMeta(tx, swapKey+kind, sw)
}

func endSwap(tx *db.Tx, kind string) error {
	_, err := tx.Exec(`DELETE FROM meta WHERE key = ?`, swapKey+kind)
	return db.Translate(err)
}

// errOver ends a transaction about a swap that somebody changed meanwhile.
var errOver = errors.New("the default was changed meanwhile")

// BeginSwap notes that the server brings in a model that is to take the default's place: a server that starts and finds that is one
// whose predecessor ended over it.
func (s *Service) BeginSwap(ctx context.Context, m Model) error {
	return s.moveSwap(ctx, m, func(tx *db.Tx) error { return putSwap(tx, m.Kind, swap{Before: m.Follows, Begun: true}) })
}

// EndSwap notes that a model has taken the default's place: there is no way back any more.
func (s *Service) EndSwap(ctx context.Context, m Model) error {
	return s.moveSwap(ctx, m, func(tx *db.Tx) error { return endSwap(tx, m.Kind) })
}

func (s *Service) moveSwap(ctx context.Context, m Model, move func(*db.Tx) error) error {
	err := s.db.Write(func(tx *db.Tx) error {
		if err := still(tx, m); err != nil {
			return err
		}
		return move(tx)
	})
	if err != nil && !errors.Is(err, errOver) {
		return err
	}
	_, err = s.Refresh(ctx)
	return err
}

// still refuses with errOver a swap that is another by now.
func still(tx *db.Tx, m Model) error {
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM models WHERE id = ? AND is_default = 1 AND asked_at = ?`, m.ID, m.AskedAt).Scan(&n); err != nil {
		return db.Translate(err)
	}
	sw, err := swapOf(tx.QueryRow(selectMeta, swapKey+m.Kind))
	if err == nil && (n == 0 || sw.Before != m.Follows) {
		err = errOver
	}
	return err
}

// GiveUp makes the model whose place m was to take the default again, wanted in memory, with a row that says why in one word: that of
// the table, or where the setting asked for m, in this process. It changes nothing where somebody decided otherwise meanwhile.
func (s *Service) GiveUp(ctx context.Context, m Model, reason string) error {
	if err := s.giveUp(ctx, m, reason); err != nil && !errors.Is(err, errOver) {
		return err
	}
	_, err := s.Refresh(ctx)
	return err
}

func (s *Service) giveUp(ctx context.Context, m Model, reason string) (err error) {
	pass, err := s.guard.Enter(ctx, access.Server("models"), access.Op{Action: access.ModelManage, Resource: "model:" + m.ID})
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	o := access.Outcome{Decision: audit.Error, Reason: reason, ModelSHA256: m.SHA256, Details: map[string]any{
		"change": "default_given_up", "model": m.ID, "default": m.Follows,
	}}
	if m.BySetting {
		return s.leave(ctx, pass, o, m)
	}
	_, err = pass.Commit(ctx, o, func(tx *db.Tx, _ audit.Event) error {
		if err := still(tx, m); err != nil {
			return fault.Wrap(err, fault.Conflict, "The default was changed meanwhile.")
		}
		if err := errors.Join(endSwap(tx, m.Kind), restore(tx, m)); err != nil {
			return err
		}
		return s.guard.Changed(tx, "the default "+m.Kind+" changed back")
	})
	return err
}

// restore moves the mark back.
func restore(tx *db.Tx, m Model) error {
	if _, err := tx.Exec(`UPDATE models SET is_default = 0 WHERE id = ?`, m.ID); err != nil {
		return db.Translate(err)
	}
	return change(tx, unknown, `UPDATE models SET is_default = 1, wanted = ?, asked_at = ? WHERE id = ? AND removed_at IS NULL`,
		WantLoaded, tx.Now().UnixMilli(), m.Follows)
}
