package retention

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"guardhouse/internal/db"
)

const runColumns = `SELECT id, at, actor_name, event_id, audit_days, verdict_days, session_days, audit_seq, verdict_seq, session_before,
	rows, verdicts, sessions, rows_gone, verdicts_gone, sessions_gone, finished_at, problem,
	(SELECT count(*) FROM audit_tombstones t WHERE t.event_id = r.event_id) FROM retention_runs r`

func lastRuns(ctx context.Context, d *db.DB, limit int) ([]Run, error) {
	return runs(ctx, d, runColumns+` ORDER BY id DESC LIMIT ?`, limit)
}

// unfinished answers the removal that goes on, if one does.
func unfinished(ctx context.Context, d *db.DB) (Run, bool, error) {
	list, err := runs(ctx, d, runColumns+` WHERE finished_at IS NULL ORDER BY id LIMIT 1`)
	if err != nil || len(list) == 0 {
		return Run{}, false, err
	}
	return list[0], true, nil
}

func runOf(ctx context.Context, d *db.DB, id int64) (Run, error) {
	list, err := runs(ctx, d, runColumns+` WHERE id = ?`, id)
	if err != nil {
		return Run{}, err
	}
	if len(list) == 0 {
		return Run{}, db.Translate(sql.ErrNoRows)
	}
	return list[0], nil
}

func runs(ctx context.Context, d *db.DB, query string, args ...any) (out []Run, err error) {
	rows, err := d.ReadSQL().QueryContext(ctx, query, args...)
	if err != nil {
		return nil, db.Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r Run
		var at, before int64
		var finished *int64
		err := rows.Scan(&r.ID, &at, &r.By, &r.EventID, &r.Days.Audit, &r.Days.Verdicts, &r.Days.Sessions, &r.AuditSeq, &r.VerdictSeq, &before,
			&r.Rows, &r.Verdicts, &r.Sessions, &r.RowsGone, &r.VerdictsGone, &r.SessionsGone, &finished, &r.Problem, &r.Tombstones)
		if err != nil {
			return nil, db.Translate(err)
		}
		r.At = time.UnixMilli(at).UTC()
		if before > 0 {
			r.SessionsBefore = time.UnixMilli(before).UTC()
		}
		r.FinishedAt = moment(finished)
		out = append(out, r)
	}
	return out, db.Translate(rows.Err())
}

func moment(ms *int64) *time.Time {
	if ms == nil {
		return nil
	}
	t := time.UnixMilli(*ms).UTC()
	return &t
}

func insertRun(tx *db.Tx, r Run) (int64, error) {
	before := int64(0)
	if !r.SessionsBefore.IsZero() {
		before = r.SessionsBefore.UnixMilli()
	}
	done, err := tx.Exec(`INSERT INTO retention_runs (at, actor_name, event_id, audit_days, verdict_days, session_days, audit_seq, verdict_seq,
		session_before, rows, verdicts, sessions) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, r.At.UnixMilli(), r.By, r.EventID, r.Days.Audit,
		r.Days.Verdicts, r.Days.Sessions, r.AuditSeq, r.VerdictSeq, before, r.Rows, r.Verdicts, r.Sessions)
	if err != nil {
		return 0, db.Translate(err)
	}
	id, err := done.LastInsertId()
	return id, db.Translate(err)
}

// gone adds to what a run has removed.
func gone(tx *db.Tx, run, rows, verdicts, sessions int64) error {
	_, err := tx.Exec(`UPDATE retention_runs SET rows_gone = rows_gone + ?, verdicts_gone = verdicts_gone + ?, sessions_gone = sessions_gone + ?
		WHERE id = ?`, rows, verdicts, sessions, run)
	return db.Translate(err)
}

func finishRun(tx *db.Tx, run int64, problem string) error {
	_, err := tx.Exec(`UPDATE retention_runs SET finished_at = ?, problem = ? WHERE id = ? AND finished_at IS NULL`, tx.Now().UnixMilli(), problem, run)
	return db.Translate(err)
}

func unfinishedIn(tx *db.Tx) (open bool, err error) {
	err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM retention_runs WHERE finished_at IS NULL)`).Scan(&open)
	return open, db.Translate(err)
}

// ends is what a tombstone says of the first and the last of its rows. There is false where one of them is missing.
type ends struct {
	previous, hash string
	from, to       time.Time
}

func endsOf(ctx context.Context, d *db.DB, s span) (e ends, there bool, err error) {
	var from, to, n int64
	err = d.ReadSQL().QueryRowContext(ctx, `SELECT a.prev_hash, a.at, b.hash, b.at, (SELECT count(*) FROM audit_events WHERE seq BETWEEN ?1 AND ?2)
		FROM audit_events a, audit_events b WHERE a.seq = ?1 AND b.seq = ?2`, s.first, s.last).Scan(&e.previous, &from, &e.hash, &to, &n)
	if errors.Is(err, sql.ErrNoRows) {
		return ends{}, false, nil
	}
	e.from, e.to = time.UnixMilli(from).UTC(), time.UnixMilli(to).UTC()
	return e, err == nil && n == s.rows(), db.Translate(err)
}

// tombstone is a row of its table.
type tombstone struct {
	span
	ends
	at   time.Time
	note []byte
}

func insertTombstone(tx *db.Tx, t tombstone, rule, event string) error {
	_, err := tx.Exec(`INSERT INTO audit_tombstones (first_seq, last_seq, rows, prev_hash, last_hash, from_at, to_at, at, rule, event_id, note)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, t.first, t.last, t.rows(), t.previous, t.hash, t.from.UnixMilli(), t.to.UnixMilli(),
		t.at.UnixMilli(), rule, event, string(t.note))
	return db.Translate(err)
}

// leftUnder answers what is still there of the rows under tombstones: the end of each.
func leftUnder(ctx context.Context, d *db.DB) ([]span, error) {
	return spans(ctx, d.ReadSQL(), `SELECT (SELECT min(seq) FROM audit_events WHERE seq BETWEEN first_seq AND last_seq), last_seq
		FROM audit_tombstones WHERE EXISTS (SELECT 1 FROM audit_events WHERE seq = last_seq) ORDER BY first_seq`)
}

// nextVerdict answers the first audit row after one that has verdicts which no hold keeps, 0 where none up to last has.
func nextVerdict(ctx context.Context, d *db.DB, now string, after, last int64) (seq int64, err error) {
	err = d.ReadSQL().QueryRowContext(ctx, holds+`SELECT v.audit_seq FROM verdicts v JOIN audit_events a ON a.seq = v.audit_seq
		WHERE v.audit_seq > ? AND v.audit_seq <= ? AND NOT `+held+` ORDER BY v.audit_seq LIMIT 1`, now, after, last).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return seq, db.Translate(err)
}

// dropVerdicts removes the verdicts of a span of rows that no hold keeps.
func dropVerdicts(tx *db.Tx, now string, s span) (int64, error) {
	return affected(tx.Exec(holds+`DELETE FROM verdicts WHERE audit_seq BETWEEN ? AND ?
		AND NOT EXISTS (SELECT 1 FROM audit_events a WHERE a.seq = verdicts.audit_seq AND `+held+`)`, now, s.first, s.last))
}

// dropRows removes a span of rows and whatever refers to them. The table itself refuses a row that is under no tombstone.
func dropRows(tx *db.Tx, s span) (rows, verdicts int64, err error) {
	if verdicts, err = affected(tx.Exec(`DELETE FROM verdicts WHERE audit_seq BETWEEN ? AND ?`, s.first, s.last)); err != nil {
		return 0, 0, err
	}
	rows, err = affected(tx.Exec(`DELETE FROM audit_events WHERE seq BETWEEN ? AND ?`, s.first, s.last))
	return rows, verdicts, err
}

// dropSessions removes some ended sessions and their refresh tokens.
func dropSessions(tx *db.Tx, now string, before time.Time, limit int) (int64, error) {
	old := `SELECT s.id FROM sessions s WHERE s.expires_at < ? AND NOT ` + heldSession + ` ORDER BY s.expires_at LIMIT ?`
	if _, err := tx.Exec(holds+`DELETE FROM refresh_tokens WHERE session_id IN (`+old+`)`, now, before.UnixMilli(), limit); err != nil {
		return 0, db.Translate(err)
	}
	return affected(tx.Exec(holds+`DELETE FROM sessions WHERE id IN (`+old+`)`, now, before.UnixMilli(), limit))
}

func affected(done sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, db.Translate(err)
	}
	n, err := done.RowsAffected()
	return n, db.Translate(err)
}
