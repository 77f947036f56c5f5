package access

import (
	"errors"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// store writes the role and who changed which cell.
func (w roleWrite) store(tx *db.Tx, ev audit.Event) error {
	now := tx.Now().UnixMilli()
	query := `UPDATE roles SET description = ?2, updated_at = ?3, version = version + 1 WHERE name = ?1`
	args := []any{w.name, w.description, now}
	if w.fresh {
		// A name that was given before goes on behind every version it had: each of them took a row of the log.
		query = `INSERT INTO roles (name, builtin, created_at, description, updated_at, version) VALUES (?1, 0, ?3, ?2, ?3,
			CASE WHEN EXISTS (SELECT 1 FROM role_changes WHERE role = ?1) THEN ?4 ELSE 1 END)`
		args = append(args, ev.Seq)
	}
	if _, err := tx.Exec(query, args...); err != nil {
		return db.Translate(err)
	}
	for _, a := range w.granted {
		if _, err := tx.Exec(`INSERT INTO casbin_rules (ptype, v0, v1) VALUES ('p', ?, ?)`, w.name, string(a)); err != nil {
			return db.Translate(err)
		}
	}
	for _, a := range w.revoked {
		if _, err := tx.Exec(`DELETE FROM casbin_rules WHERE ptype = 'p' AND v0 = ? AND v1 = ?`, w.name, string(a)); err != nil {
			return db.Translate(err)
		}
	}
	untouched := []Action{}
	if w.fresh { // whoever makes a role decides on every cell of it
		untouched = without(AllActions(), w.granted)
	}
	return errors.Join(w.note(tx, ev, w.granted, 1), w.note(tx, ev, w.revoked, 0), w.note(tx, ev, untouched, 0))
}

// note says of each cell who changed it and in which audit row that stands.
func (w roleWrite) note(tx *db.Tx, ev audit.Event, actions []Action, granted int) error {
	for _, a := range actions {
		_, err := tx.Exec(`INSERT INTO role_changes (role, action, granted, at, actor_id, actor_name, event_id) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			w.name, string(a), granted, ev.At.Truncate(time.Millisecond).UnixMilli(), ev.Actor.ID, ev.Actor.Name, ev.ID)
		if err != nil {
			return db.Translate(err)
		}
	}
	return nil
}

// remove deletes the role. Deleted users who had it hold a shipped one from then on: their rows stay for their names.
func (w roleWrite) remove(tx *db.Tx, ev audit.Event) error {
	if err := w.note(tx, ev, w.revoked, 0); err != nil {
		return err
	}
	for _, query := range []string{
		`DELETE FROM casbin_rules WHERE ptype = 'p' AND v0 = ?`,
		`UPDATE users SET role = 'guest' WHERE role = ? AND status = 'deleted'`,
		`DELETE FROM roles WHERE name = ?`,
	} {
		if _, err := tx.Exec(query, w.name); err != nil {
			return db.Translate(err)
		}
	}
	return nil
}
