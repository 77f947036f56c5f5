package retention

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"guardhouse/internal/db"
)

// holds are those of heldNow, which stands where ? does.
const holds = `WITH h AS MATERIALIZED (SELECT value ->> '$[0]' AS user_id, value ->> '$[1]' AS from_at, value ->> '$[2]' AS to_at FROM json_each(?)) `

// held is true for an audit row a that a hold keeps: whatever a person did or what was done to his account, or whatever was
// written in a span of time, or both together.
const held = `EXISTS (SELECT 1 FROM h WHERE (h.user_id = '' OR a.actor_id = h.user_id OR a.resource = 'user:' || h.user_id)
	AND (h.from_at IS NULL OR a.at >= h.from_at) AND (h.to_at IS NULL OR a.at < h.to_at))`

// heldSession is the same of a session s.
const heldSession = `EXISTS (SELECT 1 FROM h WHERE (h.user_id = '' OR s.user_id = h.user_id)
	AND (h.from_at IS NULL OR s.expires_at >= h.from_at) AND (h.to_at IS NULL OR s.created_at < h.to_at))`

// readMarks answers every checkpoint as a moment, the oldest first. Notes stay where they are: there may be millions.
func readMarks(ctx context.Context, d *db.DB) (out []mark, err error) {
	rows, err := d.ReadSQL().QueryContext(ctx, `SELECT number, seq, at, boot_id, boot_ms FROM audit_checkpoints ORDER BY number`)
	if err != nil {
		return nil, db.Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var m mark
		var at, up int64
		if err := rows.Scan(&m.Number, &m.Seq, &at, &m.Boot, &up); err != nil {
			return nil, db.Translate(err)
		}
		m.At, m.Up = time.UnixMilli(at).UTC(), time.Duration(up)*time.Millisecond
		if n := len(out); n > 0 && out[n-1].Boot == m.Boot {
			m.Boot = out[n-1].Boot // one text for all of a start
		}
		out = append(out, m)
	}
	return out, db.Translate(rows.Err())
}

// noteOf answers the hash and the note of a checkpoint.
func noteOf(ctx context.Context, d *db.DB, number int64) (hash string, note []byte, err error) {
	err = d.ReadSQL().QueryRowContext(ctx, `SELECT hash, note FROM audit_checkpoints WHERE number = ?`, number).Scan(&hash, &note)
	return hash, note, db.Translate(err)
}

// hashOf answers the hash of a row; there is false where it is gone.
func hashOf(ctx context.Context, d *db.DB, seq int64) (hash string, there bool, err error) {
	err = d.ReadSQL().QueryRowContext(ctx, `SELECT hash FROM audit_events WHERE seq = ?`, seq).Scan(&hash)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return hash, err == nil, db.Translate(err)
}

// reader counts in one read transaction.
type reader struct {
	ctx context.Context //nolint:containedctx // lives as long as one count
	tx  *sql.Tx
}

func (r reader) one(query string, args ...any) (n int64, err error) {
	err = r.tx.QueryRowContext(r.ctx, query, args...).Scan(&n)
	return n, db.Translate(err)
}

// segments fills in which rows would go.
func (r reader) segments(p *Plan) error {
	gone, err := r.tombstones(p.AuditSeq)
	if err != nil {
		return err
	}
	kept, err := r.held(p.holds, p.AuditSeq)
	if err != nil {
		return err
	}
	p.Held = total(kept)
	rests, err := r.numbers(restSQL, p.AuditSeq)
	if err != nil {
		return err
	}
	p.segments = without(p.AuditSeq, gone, joinSpans(kept, rests))
	if p.Rows = total(p.segments); p.Rows == 0 {
		return nil
	}
	p.FirstSeq, p.LastSeq = p.segments[0].first, p.segments[len(p.segments)-1].last
	from, err := r.one(`SELECT coalesce((SELECT at FROM audit_events WHERE seq >= ? ORDER BY seq LIMIT 1), 0)`, p.FirstSeq)
	if err != nil {
		return err
	}
	to, err := r.one(`SELECT coalesce((SELECT at FROM audit_events WHERE seq <= ? ORDER BY seq DESC LIMIT 1), 0)`, p.LastSeq)
	p.From, p.To = time.UnixMilli(from).UTC(), time.UnixMilli(to).UTC()
	return err
}

// tombstones answers what is gone already up to a row.
func (r reader) tombstones(last int64) ([]span, error) {
	return spans(r.ctx, r.tx, `SELECT first_seq, last_seq FROM audit_tombstones WHERE first_seq <= ? ORDER BY first_seq`, last)
}

// querier is a transaction, or the database outside of one.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func spans(ctx context.Context, q querier, query string, args ...any) (out []span, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, db.Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s span
		if err := rows.Scan(&s.first, &s.last); err != nil {
			return nil, db.Translate(err)
		}
		out = append(out, s)
	}
	return out, db.Translate(rows.Err())
}

// restSQL finds the rows that retention rests on.
const restSQL = `SELECT a.seq FROM audit_events a WHERE a.action = 'settings.manage' AND a.seq <= ? AND ` + rests + ` ORDER BY a.seq`

// keptSQL asks a span of rows themselves, and no index, whether one of them stays: an index can be made to lack rows.
const keptSQL = holds + `SELECT coalesce((SELECT min(a.seq) FROM audit_events a NOT INDEXED WHERE a.seq BETWEEN ? AND ? AND (` + rests + ` OR ` + held + `)), 0)`

// keptOf answers the first row of a span that stays, 0 where none does.
func keptOf(ctx context.Context, d *db.DB, now string, s span) (seq int64, err error) {
	err = d.ReadSQL().QueryRowContext(ctx, keptSQL, now, s.first, s.last).Scan(&seq)
	return seq, db.Translate(err)
}

// heldSQL finds the rows that holds keep, each by an index: what a person did, what was done to his account, and a span of time.
const heldSQL = holds + `SELECT a.seq FROM h CROSS JOIN audit_events a ON a.actor_id = h.user_id AND a.seq <= ?2
	WHERE h.user_id <> '' AND (h.from_at IS NULL OR a.at >= h.from_at) AND (h.to_at IS NULL OR a.at < h.to_at)
UNION SELECT a.seq FROM h CROSS JOIN audit_events a ON a.resource = 'user:' || h.user_id AND a.seq <= ?2
	AND a.resource >= 'user:' AND a.resource < 'user;'
	WHERE h.user_id <> '' AND (h.from_at IS NULL OR a.at >= h.from_at) AND (h.to_at IS NULL OR a.at < h.to_at)
UNION SELECT a.seq FROM h CROSS JOIN audit_events a ON a.at >= coalesce(h.from_at, 0) AND a.at < coalesce(h.to_at, 9223372036854775807)
	AND a.seq <= ?2
	WHERE h.user_id = ''
ORDER BY 1`

// held answers the rows up to one that holds keep, as spans.
func (r reader) held(now string, last int64) ([]span, error) {
	if now == noHolds {
		return nil, nil
	}
	return r.numbers(heldSQL, now, last)
}

// numbers answers what a query finds as spans.
func (r reader) numbers(query string, args ...any) (out []span, err error) {
	rows, err := r.tx.QueryContext(r.ctx, query, args...)
	if err != nil {
		return nil, db.Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return nil, db.Translate(err)
		}
		out = extend(out, seq)
	}
	return out, db.Translate(rows.Err())
}

// verdicts counts those that would go: by their own time, and with their audit rows.
func (r reader) verdicts(p *Plan) (n int64, err error) {
	if p.VerdictSeq == 0 {
		return 0, nil
	}
	n, err = r.one(`SELECT count(*) FROM verdicts WHERE audit_seq <= ?`, p.VerdictSeq)
	if err != nil || n == 0 {
		return n, err
	}
	kept, err := r.held(p.holds, p.VerdictSeq)
	for i := 0; i < len(kept) && err == nil; i++ {
		var m int64
		m, err = r.one(`SELECT count(*) FROM verdicts WHERE audit_seq BETWEEN ? AND ?`, kept[i].first, kept[i].last)
		n -= m
	}
	return n, err
}

func (r reader) sessions(p *Plan) (int64, error) {
	if p.SessionsBefore.IsZero() {
		return 0, nil
	}
	return r.one(holds+`SELECT count(*) FROM sessions s WHERE s.expires_at < ? AND NOT `+heldSession, p.holds, p.SessionsBefore.UnixMilli())
}

// lookKey is where it is kept when the server looked last: no act of anybody, so no row of the log.
const lookKey = "retention_looked"

// Look is when the server last asked what is to go, and why nothing went: a word of Plan.Stopped, "nothing", or "" where a run
// was begun.
type Look struct {
	At     time.Time `json:"at"`
	Result string    `json:"result"`
}

func readLook(ctx context.Context, d *db.DB) (*Look, error) {
	var text string
	err := d.ReadSQL().QueryRowContext(ctx, `SELECT value FROM meta WHERE key = ?`, lookKey).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // it never looked
	}
	if err != nil {
		return nil, db.Translate(err)
	}
	var l Look
	_ = json.Unmarshal([]byte(text), &l) // what can't be read is as good as never
	if l.At.IsZero() {
		return nil, nil //nolint:nilnil // it never looked
	}
	return &l, nil
}

func writeLook(d *db.DB, l Look) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return d.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, lookKey, string(text))
		return db.Translate(err)
	})
}
