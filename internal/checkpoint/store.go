package checkpoint

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// eventOf shortens the signature that a pass hands its writes to.
type eventOf = audit.Event

// Row is one stored checkpoint. Note is what counts; the rest is told by it.
type Row struct {
	Number, Seq int64
	Hash        string
	At          time.Time
	Cause       string
	KeyID       string
	Previous    string
	Note        string
	BootID      string
	BootMS      int64
}

// KeyRow is one key of the log. Note introduces it; EventID names the audit row of the change. Until is when the next took
// over, zero for the one in use.
type KeyRow struct {
	ID       string
	N        int64
	Verifier string
	At       time.Time
	Until    time.Time
	Previous string
	Note     string
	EventID  string
}

const (
	selectRows = `SELECT number, seq, hash, at, cause, key_id, previous, note, boot_id, boot_ms FROM audit_checkpoints `
	selectKeys = `SELECT id, n, verifier, at, previous, note, event_id FROM audit_keys `
)

// scanner is what a row and rows have in common.
type scanner interface{ Scan(dest ...any) error }

func scanRow(from scanner) (r Row, err error) {
	var at int64
	err = from.Scan(&r.Number, &r.Seq, &r.Hash, &at, &r.Cause, &r.KeyID, &r.Previous, &r.Note, &r.BootID, &r.BootMS)
	r.At = time.UnixMilli(at).UTC()
	return r, err
}

func scanKey(from scanner) (k KeyRow, err error) {
	var at int64
	err = from.Scan(&k.ID, &k.N, &k.Verifier, &at, &k.Previous, &k.Note, &k.EventID)
	k.At = time.UnixMilli(at).UTC()
	return k, err
}

// none turns the absence of a row into the zero value.
func none[T any](v T, err error) (T, error) {
	var zero T
	if errors.Is(err, sql.ErrNoRows) {
		return zero, nil
	}
	return v, db.Translate(err)
}

func lastKey(tx *db.Tx) (KeyRow, error) {
	return none(scanKey(tx.QueryRow(selectKeys + `ORDER BY n DESC LIMIT 1`)))
}

func lastIn(tx *db.Tx) (Row, error) {
	return none(scanRow(tx.QueryRow(selectRows + `ORDER BY number DESC LIMIT 1`)))
}

// headIn answers the chain's end, and proof.Zero for a log without rows.
func headIn(tx *db.Tx) (seq int64, hash string, err error) {
	err = tx.QueryRow(`SELECT seq, hash FROM audit_events ORDER BY seq DESC LIMIT 1`).Scan(&seq, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, proof.Zero, nil
	}
	return seq, hash, db.Translate(err)
}

func insertIn(tx *db.Tx, r Row) error {
	_, err := tx.Exec(`INSERT INTO audit_checkpoints (number, seq, hash, at, cause, key_id, previous, note, boot_id, boot_ms)
		VALUES (?,?,?,?,?,?,?,?,?,?)`, r.Number, r.Seq, r.Hash, r.At.UnixMilli(), r.Cause, r.KeyID, r.Previous, r.Note, r.BootID, r.BootMS)
	return db.Translate(err)
}

func insertKeyIn(tx *db.Tx, k KeyRow) error {
	_, err := tx.Exec(`INSERT INTO audit_keys (id, n, verifier, at, previous, note, event_id) VALUES (?,?,?,?,?,?,?)`,
		k.ID, k.N, k.Verifier, k.At.UnixMilli(), k.Previous, k.Note, k.EventID)
	return db.Translate(err)
}

func readInstall(ctx context.Context, d *db.DB) (install string, err error) {
	err = d.ReadSQL().QueryRowContext(ctx, `SELECT name FROM audit_install`).Scan(&install)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fault.New(fault.Internal, "the database has lost the name under which its log is signed for: restore a backup")
	}
	return install, db.Translate(err)
}

func readLastKey(ctx context.Context, d *db.DB) (KeyRow, error) {
	return none(scanKey(d.ReadSQL().QueryRowContext(ctx, selectKeys+`ORDER BY n DESC LIMIT 1`)))
}

// Last answers the newest checkpoint, the zero Row where there is none.
func (s *Service) Last(ctx context.Context) (Row, error) { return ReadLast(ctx, s.db) }

// ReadLast is Last for who has no service.
func ReadLast(ctx context.Context, d *db.DB) (Row, error) {
	return none(scanRow(d.ReadSQL().QueryRowContext(ctx, selectRows+`ORDER BY number DESC LIMIT 1`)))
}

// readNumber answers the checkpoint with a number, the zero Row where there is none.
func readNumber(ctx context.Context, d *db.DB, number int64) (Row, error) {
	return none(scanRow(d.ReadSQL().QueryRowContext(ctx, selectRows+`WHERE number = ?`, number)))
}

// ReadAfter answers up to limit checkpoints behind number, oldest first.
func ReadAfter(ctx context.Context, d *db.DB, number int64, limit int) ([]Row, error) {
	return readRows(ctx, d, selectRows+`WHERE number > ? ORDER BY number LIMIT ?`, number, limit)
}

func readRows(ctx context.Context, d *db.DB, query string, args ...any) (out []Row, err error) {
	rows, err := d.ReadSQL().QueryContext(ctx, query, args...)
	if err != nil {
		return nil, db.Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return nil, db.Translate(err)
		}
		out = append(out, r)
	}
	return out, db.Translate(rows.Err())
}

// Keys answers all keys of the log, oldest first. There are few: a rotation is an act of somebody.
func (s *Service) Keys(ctx context.Context) ([]KeyRow, error) { return ReadKeys(ctx, s.db) }

// ReadKeys is Keys for who has no service.
func ReadKeys(ctx context.Context, d *db.DB) (out []KeyRow, err error) {
	rows, err := d.ReadSQL().QueryContext(ctx, selectKeys+`ORDER BY n`)
	if err != nil {
		return nil, db.Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		k, err := scanKey(rows)
		if err != nil {
			return nil, db.Translate(err)
		}
		if n := len(out); n > 0 {
			out[n-1].Until = k.At
		}
		out = append(out, k)
	}
	return out, db.Translate(rows.Err())
}

// Page is part of a list; NextCursor is "" at its end.
type Page struct {
	Items      []Row
	NextCursor string
}

// List answers checkpoints, newest first, limit at a time. It refuses a cursor that it did not make.
func (s *Service) List(ctx context.Context, cursor string, limit int) (Page, error) {
	before := int64(1<<63 - 1)
	if cursor != "" {
		n, err := strconv.ParseInt(cursor, 10, 64)
		if err != nil || n <= 0 || strconv.FormatInt(n, 10) != cursor {
			return Page{}, fault.New(fault.Invalid, "This cursor is none of this list's.").WithField("cursor")
		}
		before = n
	}
	rows, err := readRows(ctx, s.db, selectRows+`WHERE number < ? ORDER BY number DESC LIMIT ?`, before, limit+1)
	if err != nil {
		return Page{}, err
	}
	p := Page{Items: rows}
	if len(rows) > limit {
		p.Items = rows[:limit]
		p.NextCursor = strconv.FormatInt(p.Items[limit-1].Number, 10)
	}
	return p, nil
}

// notesAtOnce bounds one read of Notes.
const notesAtOnce = 500

// Notes hands each the notes by which rows first to last are proved: those of all keys, then the checkpoints from the last one
// before first to the first one at or behind last. Kinds are key and checkpoint. It answers the first error of each.
func (s *Service) Notes(ctx context.Context, first, last int64, each func(kind, note string) error) error {
	keys, err := s.Keys(ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := each("key", k.Note); err != nil {
			return err
		}
	}
	from, to, err := s.around(ctx, first, last)
	if err != nil {
		return err
	}
	for from <= to {
		rows, err := readRows(ctx, s.db, selectRows+`WHERE number BETWEEN ? AND ? ORDER BY number LIMIT ?`, from, to, notesAtOnce)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, r := range rows {
			if err := each("checkpoint", r.Note); err != nil {
				return err
			}
		}
		from = rows[len(rows)-1].Number + 1
	}
	return nil
}

func (s *Service) around(ctx context.Context, first, last int64) (from, to int64, err error) {
	row := s.db.ReadSQL().QueryRowContext(ctx, `SELECT
		coalesce((SELECT max(number) FROM audit_checkpoints WHERE seq < ?1), (SELECT min(number) FROM audit_checkpoints), 1),
		coalesce((SELECT min(number) FROM audit_checkpoints WHERE seq >= ?2), (SELECT max(number) FROM audit_checkpoints), 0)`, first, last)
	err = row.Scan(&from, &to)
	return from, to, db.Translate(err)
}

func headSeq(ctx context.Context, d *db.DB) (seq int64, err error) {
	err = d.ReadSQL().QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM audit_events`).Scan(&seq)
	return seq, db.Translate(err)
}
