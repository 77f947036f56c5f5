package backup

import (
	"context"
	"database/sql"
	"errors"

	"guardhouse/internal/db"
)

// readSchemaVersion answers the number of the last migration.
func readSchemaVersion(ctx context.Context, d *db.DB) (version int64, err error) {
	err = d.ReadSQL().QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&version)
	return version, db.Translate(err)
}

// readHead answers the last row of the audit log; the zero head has the hash that the first row would continue.
func readHead(ctx context.Context, d *db.DB, none string) (Head, error) {
	h := Head{Hash: none}
	err := d.ReadSQL().QueryRowContext(ctx, "SELECT seq, hash FROM audit_events ORDER BY seq DESC LIMIT 1").Scan(&h.Seq, &h.Hash)
	if errors.Is(err, sql.ErrNoRows) {
		return h, nil
	}
	return h, db.Translate(err)
}

// readModels lists the imported models whose files are not in an archive.
func readModels(ctx context.Context, d *db.DB) (models []Model, err error) {
	rows, err := d.ReadSQL().QueryContext(ctx, `SELECT id, kind, file, size_bytes, sha256 FROM models
		WHERE origin = 'imported' AND removed_at IS NULL ORDER BY id LIMIT ?`, maxModels+1)
	if err != nil {
		return nil, db.Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	models = []Model{}
	for rows.Next() {
		var m Model
		if err := rows.Scan(&m.ID, &m.Kind, &m.File, &m.Size, &m.SHA256); err != nil {
			return nil, db.Translate(err)
		}
		models = append(models, m)
	}
	return models, db.Translate(rows.Err())
}

// revived is what a restored database would have let in again.
type revived struct{ sessions, keys int64 }

func countRevived(tx *db.Tx) (r revived, err error) {
	err = tx.QueryRow(`SELECT (SELECT count(*) FROM sessions WHERE revoked_at IS NULL),
		(SELECT count(*) FROM api_keys WHERE revoked_at IS NULL AND suspended_at IS NULL)`).Scan(&r.sessions, &r.keys)
	return r, db.Translate(err)
}
