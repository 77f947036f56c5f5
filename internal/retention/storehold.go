package retention

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const holdColumns = `SELECT id, user_id, user_name, from_at, to_at, reason, created_at, created_name, event_id, released_at, released_name,
	release_reason, release_event_id FROM audit_holds`

type scanner interface{ Scan(into ...any) error }

func scanHold(row scanner) (Hold, error) {
	var h Hold
	var from, to, released *int64
	var at int64
	err := row.Scan(&h.ID, &h.UserID, &h.UserName, &from, &to, &h.Reason, &at, &h.By, &h.EventID, &released, &h.ReleasedBy, &h.ReleasedBecause, &h.ReleaseEventID)
	h.From, h.To, h.At, h.ReleasedAt = moment(from), moment(to), time.UnixMilli(at).UTC(), moment(released)
	return h, err
}

func readHolds(ctx context.Context, d *db.DB, all bool, before string, limit int) (out []Hold, err error) {
	rows, err := d.ReadSQL().QueryContext(ctx, holdColumns+` WHERE (? OR released_at IS NULL) AND (? = '' OR id < ?) ORDER BY id DESC LIMIT ?`,
		all, before, before, limit)
	if err != nil {
		return nil, db.Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		h, err := scanHold(rows)
		if err != nil {
			return nil, db.Translate(err)
		}
		out = append(out, h)
	}
	return out, db.Translate(rows.Err())
}

func holdIn(tx *db.Tx, id string) (Hold, error) {
	h, err := scanHold(tx.QueryRow(holdColumns+` WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Hold{}, fault.New(fault.NotFound, "There is no such hold.")
	}
	return h, db.Translate(err)
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

func releaseHold(tx *db.Tx, h Hold) error {
	_, err := tx.Exec(`UPDATE audit_holds SET released_at = ?, released_name = ?, release_reason = ?, release_event_id = ? WHERE id = ?`,
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
func confirm(tx *db.Tx, number int64, who, why, event string) error {
	_, err := tx.Exec(`INSERT INTO retention_clock (number, at, actor_name, reason, event_id) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (number) DO NOTHING`, number, tx.Now().UnixMilli(), who, why, event)
	return db.Translate(err)
}
