package audit

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

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

// Pruned says whether a row that is not there may be one that retention removed: its id is no newer than what stands under tombstones.
// Whoever writes the database can make up such an id, so that it proves no more than a row's absence does.
func (l *Log) Pruned(ctx context.Context, id string) (bool, error) {
	made, err := ulid.ParseStrict(strings.TrimPrefix(id, idPrefix))
	if err != nil {
		return false, nil //nolint:nilerr // no id of this log
	}
	var last int64
	err = l.db.ReadSQL().QueryRowContext(ctx, `SELECT coalesce(max(to_at), 0) FROM audit_tombstones`).Scan(&last)
	return err == nil && !ulid.Time(made.Time()).After(time.UnixMilli(last)), db.Translate(err)
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
