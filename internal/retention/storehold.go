package retention

import (
	"database/sql"
	"errors"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// holdIn answers a hold as the log has it.
func holdIn(tx *db.Tx, id string) (Hold, error) {
	list, err := allHolds(tx.QueryRow)
	if err != nil {
		return Hold{}, err
	}
	for _, h := range list {
		if h.ID == id {
			return h, nil
		}
	}
	return Hold{}, fault.New(fault.NotFound, "There is no such hold.")
}

// personIn answers the id and the name of an account, also of one that was deleted: its rows are still there. "" is nobody.
func personIn(tx *db.Tx, person string) (id, name string, err error) {
	if person == "" {
		return "", "", nil
	}
	err = tx.QueryRow(`SELECT id, username FROM users WHERE id = ?1 OR username = ?1 ORDER BY id = ?1 DESC LIMIT 1`, person).Scan(&id, &name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", fault.New(fault.Unprocessable, "There is no such person.").WithField("person")
	}
	return id, name, db.Translate(err)
}

func insertHold(tx *db.Tx, h Hold) error {
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM audit_holds WHERE released_at IS NULL`).Scan(&n); err != nil {
		return db.Translate(err)
	}
	if n >= maxHolds {
		return fault.Newf(fault.Conflict, "%d holds are in force. Release one first.", maxHolds)
	}
	_, err := tx.Exec(`INSERT INTO audit_holds (id, user_id, user_name, from_at, to_at, reason, created_at, created_name, event_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, h.ID, h.UserID, h.UserName, millis(h.From), millis(h.To), h.Reason, h.At.UnixMilli(), h.By, h.EventID)
	return db.Translate(err)
}

// releaseHold copies to the table what the log says.
func releaseHold(tx *db.Tx, h Hold) error {
	_, err := tx.Exec(`UPDATE audit_holds SET released_at = ?, released_name = ?, release_reason = ?, release_event_id = ?
		WHERE id = ? AND released_at IS NULL`,
		h.ReleasedAt.UnixMilli(), h.ReleasedBy, h.ReleasedBecause, h.ReleaseEventID, h.ID)
	return db.Translate(err)
}

func millis(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// confirm writes down that the clock was right up to a checkpoint.
func confirm(tx *db.Tx, number int64, why string, ev audit.Event) error {
	_, err := tx.Exec(`INSERT INTO retention_clock (number, at, actor_name, reason, event_id) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (number) DO NOTHING`, number, ev.At.UnixMilli(), ev.Actor.Name, why, ev.ID)
	return db.Translate(err)
}
