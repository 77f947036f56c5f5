package auth

import (
	"context"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// stillTurns is living inside the transaction: of two rotations at once, one makes a key.
func stillTurns(tx *db.Tx, id string) error {
	k, ok, err := one[keyRow](tx.Gorm().Omit("Username").Where("id = ?", id))
	switch {
	case err != nil:
		return err
	case !ok:
		return fault.New(fault.NotFound, "There is no such key.")
	}
	return living(k, tx.Now())
}

// turnKey stores the fresh key and ends the old one after the overlap, or at its own end if that is sooner.
func turnKey(tx *db.Tx, t turn) error {
	if err := tx.Gorm().Omit("Username").Create(&t.fresh).Error; err != nil {
		return err
	}
	if t.overlap == 0 {
		if err := revokeKey(tx, t.old.ID, tx.Now()); err != nil {
			return err
		}
	}
	return exec(tx, `UPDATE api_keys SET rotated_to = ?1, valid_until = min(coalesce(valid_until, ?2), ?2) WHERE id = ?3`,
		t.fresh.ID, millis(t.ends), t.old.ID)
}

// revokeKey ends a key for good; one that was revoked before keeps its moment.
func revokeKey(tx *db.Tx, id string, now time.Time) error {
	return exec(tx, `UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL`, millis(now), id)
}

// endingWhere is what gets a notice, by endingArgs: now, when the notice is due at the latest, how long a key must have been made for.
const endingWhere = `noticed_at IS NULL AND revoked_at IS NULL AND suspended_at IS NULL AND rotated_to IS NULL
	AND valid_until > ? AND valid_until <= ? AND valid_until - created_at > ?`

func endingArgs(now time.Time) []any {
	return []any{millis(now), millis(now.Add(KeyEnding)), KeyEnding.Milliseconds()}
}

// endingKeys answers up to limit keys of active owners that want a notice, the first to end before the others.
func (s *store) endingKeys(ctx context.Context, now time.Time, limit int) ([]keyRow, error) {
	var rows []keyRow
	query := `SELECT * FROM api_keys WHERE ` + endingWhere + ` AND user_id IN (SELECT id FROM users WHERE status = 'active')
		ORDER BY valid_until, id LIMIT ?`
	return rows, db.Translate(s.db.Read(ctx).Raw(query, append(endingArgs(now), limit)...).Scan(&rows).Error)
}

// noticed writes down that the key's notice was given, and answers whether it was due.
func noticed(tx *db.Tx, id string, now time.Time) (bool, error) {
	res, err := tx.Exec(`UPDATE api_keys SET noticed_at = ? WHERE `+endingWhere+` AND id = ?`, append(append([]any{millis(now)}, endingArgs(now)...), id)...)
	if err != nil {
		return false, db.Translate(err)
	}
	n, err := res.RowsAffected()
	return n > 0, db.Translate(err)
}
