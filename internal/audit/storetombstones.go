package audit

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"guardhouse/internal/db"
)

// Tombstone stands for rows that retention removed, First to Last. PrevHash is the hash of the row before the first, LastHash that
// of the last; Note is the signed note that says so, EventID the row of the removal.
type Tombstone struct {
	First, Last, Rows  int64
	PrevHash, LastHash string
	From, To, At       time.Time
	Rule, EventID      string
	Note               string
}

const tombstoneColumns = `SELECT first_seq, last_seq, rows, prev_hash, last_hash, from_at, to_at, at, rule, event_id, note FROM audit_tombstones`

// Tombstones answers the tombstones behind a row number, in their order, at most limit of them (1 to 500).
func (l *Log) Tombstones(ctx context.Context, after int64, limit int) (out []Tombstone, err error) {
	limit, err = limitOf(limit)
	if err != nil {
		return nil, err
	}
	rows, err := l.db.ReadSQL().QueryContext(ctx, tombstoneColumns+` WHERE first_seq > ? ORDER BY first_seq LIMIT ?`, after, limit)
	if err != nil {
		return nil, db.Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		t, err := scanTombstone(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, db.Translate(rows.Err())
}

// TombstoneOf answers the tombstone that stands for a row; ok is false where none does.
func (l *Log) TombstoneOf(ctx context.Context, seq int64) (t Tombstone, ok bool, err error) {
	row := l.db.ReadSQL().QueryRowContext(ctx, tombstoneColumns+` WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1`, seq)
	t, err = scanTombstone(row.Scan)
	if errors.Is(err, errNoTombstone) {
		return Tombstone{}, false, nil
	}
	if err != nil || t.Last < seq {
		return Tombstone{}, false, err
	}
	return t, true, nil
}

var errNoTombstone = errors.New("there is no tombstone")

func scanTombstone(scan func(into ...any) error) (Tombstone, error) {
	var t Tombstone
	var from, to, at int64
	err := scan(&t.First, &t.Last, &t.Rows, &t.PrevHash, &t.LastHash, &from, &to, &at, &t.Rule, &t.EventID, &t.Note)
	if errors.Is(err, sql.ErrNoRows) {
		return t, errNoTombstone
	}
	t.From, t.To, t.At = time.UnixMilli(from).UTC(), time.UnixMilli(to).UTC(), time.UnixMilli(at).UTC()
	return t, db.Translate(err)
}
