package auth

import (
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
