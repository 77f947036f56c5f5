package settings

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

const (
	versionSQL = `SELECT max(version) FROM settings_versions`
	rowsSQL    = `SELECT key, value, changed_at, actor_id, actor_name, event_id FROM settings ORDER BY key`
)

// readAll answers version and rows as of one moment.
func readAll(ctx context.Context, d *db.DB) (version int64, rows map[string]row, err error) {
	tx, err := d.ReadSQL().BeginTx(ctx, nil)
	if err != nil {
		return 0, nil, db.Translate(err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }() // a read has nothing to commit
	if err := tx.QueryRowContext(ctx, versionSQL).Scan(&version); err != nil {
		return 0, nil, db.Translate(err)
	}
	found, err := tx.QueryContext(ctx, rowsSQL)
	if err != nil {
		return 0, nil, db.Translate(err)
	}
	rows, err = scan(found)
	return version, rows, err
}

// readIn is readAll inside the transaction that is about to write.
func readIn(tx *db.Tx) (version int64, rows map[string]row, err error) {
	if err := tx.QueryRow(versionSQL).Scan(&version); err != nil {
		return 0, nil, db.Translate(err)
	}
	found, err := tx.Query(rowsSQL)
	if err != nil {
		return 0, nil, db.Translate(err)
	}
	rows, err = scan(found)
	return version, rows, err
}

func scan(found *sql.Rows) (rows map[string]row, err error) {
	defer func() { err = errors.Join(err, found.Close()) }()
	rows = map[string]row{}
	for found.Next() {
		var key string
		var r row
		var at int64
		if err := found.Scan(&key, &r.value, &at, &r.actorID, &r.actorName, &r.eventID); err != nil {
			return nil, db.Translate(err)
		}
		r.changedAt = time.UnixMilli(at).UTC()
		rows[key] = r
	}
	return rows, db.Translate(found.Err())
}

// store writes what the plan changes, under the audit row ev.
func (p plan) store(tx *db.Tx, ev audit.Event) error {
	at := tx.Now().UnixMilli()
	for key, value := range p.writes {
		var err error
		if value == nil {
			_, err = tx.Exec(`DELETE FROM settings WHERE key = ?`, key)
		} else {
			_, err = tx.Exec(`INSERT INTO settings (key, value, changed_at, actor_id, actor_name, event_id) VALUES (?, ?, ?, ?, ?, ?)
				ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at, actor_id = excluded.actor_id,
				actor_name = excluded.actor_name, event_id = excluded.event_id`,
				key, *value, at, ev.Actor.ID, ev.Actor.Name, ev.ID)
		}
		if err != nil {
			return db.Translate(err)
		}
	}
	_, err := tx.Exec(`INSERT INTO settings_versions (version, changed_at, event_id) VALUES (?, ?, ?)`, p.version+1, at, ev.ID)
	return db.Translate(err)
}
