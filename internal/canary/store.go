package canary

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// errEdited is of a baseline that its row of the log does not vouch for.
var errEdited = errors.New("the recorded answers are not those that the log vouches for")

// errPruned is of a baseline whose row retention removed: nothing vouches for it, as if none were recorded.
var errPruned = errors.New("the row that vouched for the recorded answers was removed")

// recorded answers the row that vouches for the baseline of a model in the database, "" where none is recorded.
func (s *Service) recorded(ctx context.Context, of Baseline) (eventID string, err error) {
	err = s.d.DB.ReadSQL().QueryRowContext(ctx, `SELECT event_id FROM canary_baselines WHERE model_sha256 = ? AND template_sha256 = ? AND set_sha256 = ?`,
		of.ModelSHA256, of.TemplateSHA256, of.SetSHA256).Scan(&eventID)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return eventID, db.Translate(err)
}

// load answers the recorded baseline of a model. It refuses with errEdited one that the log does not vouch for, and with
// errPruned, beside the id of its row, one that the log cannot vouch for any more.
func (s *Service) load(ctx context.Context, of Baseline) (Baseline, error) {
	var text string
	err := s.d.DB.ReadSQL().QueryRowContext(ctx, `SELECT answers, event_id FROM canary_baselines WHERE model_sha256 = ? AND template_sha256 = ? AND set_sha256 = ?`,
		of.ModelSHA256, of.TemplateSHA256, of.SetSHA256).Scan(&text, &of.eventID)
	if err != nil {
		return Baseline{}, db.Translate(err)
	}
	ev, err := s.d.Audit.Get(ctx, of.eventID)
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		return s.lost(ctx, of)
	case err != nil:
		return Baseline{}, err
	case ev.ModelSHA256 != of.ModelSHA256 || ev.Details["answers_sha256"] != hashOf(text):
		return Baseline{}, errEdited
	}
	of.sum = hashOf(text)
	return of, json.Unmarshal([]byte(text), &of.Answers)
}

// lost tells a row that was removed in order from one that never was.
func (s *Service) lost(ctx context.Context, b Baseline) (Baseline, error) {
	pruned, err := s.d.Audit.Pruned(ctx, b.eventID)
	switch {
	case err != nil:
		return Baseline{}, err
	case pruned:
		return b, errPruned
	}
	return Baseline{}, errEdited
}

// stored says whether a statement changed the one row.
func stored(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, db.Translate(err)
	}
	n, err := res.RowsAffected()
	return n > 0, db.Translate(err)
}

// store writes a baseline in the transaction of the row that vouches for it, in the place of the one before.
func store(tx *db.Tx, b Baseline, text, eventID string) error {
	_, err := tx.Exec(upsert,
		b.ModelSHA256, b.TemplateSHA256, b.SetSHA256, text, tx.Now().UnixMilli(), eventID)
	return db.Translate(err)
}

const upsert = `INSERT INTO canary_baselines (model_sha256, template_sha256, set_sha256, answers, recorded_at, event_id) VALUES (?, ?, ?, ?, ?, ?)
	ON CONFLICT (model_sha256, template_sha256, set_sha256) DO UPDATE SET answers = excluded.answers, recorded_at = excluded.recorded_at, event_id = excluded.event_id`

// storeFirst is store where none was recorded, or only one whose row is b's and was pruned. It refuses with Conflict where another was by
// now.
func storeFirst(tx *db.Tx, b Baseline, text, eventID string) error {
	ok, err := stored(tx.Exec(upsert+` WHERE event_id = ?`, b.ModelSHA256, b.TemplateSHA256, b.SetSHA256, text, tx.Now().UnixMilli(), eventID, b.eventID))
	if err == nil && !ok {
		return fault.New(fault.Conflict, "The answers were recorded meanwhile.")
	}
	return err
}

// vouch notes that a newer row vouches for the same answers, unless others were recorded meanwhile: then it answers false.
func vouch(tx *db.Tx, b Baseline, eventID string) (bool, error) {
	return stored(tx.Exec(`UPDATE canary_baselines SET event_id = ? WHERE model_sha256 = ? AND template_sha256 = ? AND set_sha256 = ? AND event_id = ?`,
		eventID, b.ModelSHA256, b.TemplateSHA256, b.SetSHA256, b.eventID))
}
