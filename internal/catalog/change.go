package catalog

import (
	"guardhouse/internal/db"
)

func load(tx *db.Tx, id string) error {
	return change(tx, unknown, `UPDATE models SET wanted = ?, asked_at = ? WHERE id = ? AND removed_at IS NULL`,
		WantLoaded, tx.Now().UnixMilli(), id)
}

func unload(tx *db.Tx, id string) error {
	return change(tx, notSpared(tx, id, "unloaded"), `UPDATE models SET wanted = ?, asked_at = ? WHERE id = ? AND removed_at IS NULL AND is_default = 0`,
		WantUnloaded, tx.Now().UnixMilli(), id)
}

// makeDefault moves the mark; before is what is wanted of the one that had it.
func makeDefault(tx *db.Tx, m Model, before string) error {
	if err := noteSwap(tx, m); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE models SET is_default = 0, wanted = ? WHERE kind = ? AND is_default = 1 AND id <> ?`, before, m.Kind, m.ID); err != nil {
		return db.Translate(err)
	}
	return change(tx, unknown, `UPDATE models SET is_default = 1, wanted = ?, asked_at = ? WHERE id = ? AND removed_at IS NULL`,
		WantLoaded, tx.Now().UnixMilli(), m.ID)
}

// change changes one row, or answers why there is none: what was seen before the transaction began may be over.
func change(tx *db.Tx, none func() error, statement string, args ...any) error {
	result, err := tx.Exec(statement, args...)
	if err != nil {
		return db.Translate(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return db.Translate(err)
	}
	if n == 0 {
		return none()
	}
	return nil
}

// notSpared answers why a model that may not go is not changed: it went already, or it is the table's default of its kind, which
// judges as soon as the setting models.default names none.
func notSpared(tx *db.Tx, id, what string) func() error {
	return func() error {
		var there int64
		if err := tx.Gorm().Model(&row{}).Where("id = ? AND removed_at IS NULL", id).Count(&there).Error; err != nil {
			return db.Translate(err)
		}
		if there == 0 {
			return unknown()
		}
		return errDefault(what)
	}
}
