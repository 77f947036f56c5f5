package verify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/proof"
)

// maxText bounds what is read of one column: a note has at most 64 KiB.
const maxText = 64 << 10

func tablesOf(ctx context.Context, tx *sql.Tx) (map[string]bool, error) {
	out := map[string]bool{}
	err := each(ctx, tx, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ('audit_keys', 'audit_tombstones', 'audit_checkpoints', 'audit_holds', 'retention_clock', 'settings', 'export_schedules')",
		func(r *cells) { out[r.text()] = true })
	return out, err
}

// each hands every row of a query to fn.
func each(ctx context.Context, tx *sql.Tx, query string, fn func(*cells), args ...any) (err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values := make([]any, len(columns))
	to := make([]any, len(columns))
	for i := range values {
		to[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return err
		}
		fn(&cells{values: values})
	}
	return rows.Err()
}

// cells hands out the columns of a row one after the other. A value of another kind than the column's is an empty one, which
// agrees with no note.
type cells struct {
	values []any
	next   int
}

func (c *cells) take() any {
	c.next++
	return c.values[c.next-1]
}

func (c *cells) text() string {
	s, ok := c.take().(string)
	if !ok || len(s) > maxText {
		return ""
	}
	return s
}

func (c *cells) whole() int64 {
	n, ok := c.take().(int64)
	if !ok {
		return -1
	}
	return n
}

func (c *cells) time() time.Time { return time.UnixMilli(c.whole()).UTC() }

// settle reads the keys of the database, and settles which are trusted.
func (g *gathering) settle(ctx context.Context, tx *sql.Tx) (rows []keyRow, err error) {
	if g.tables["audit_keys"] {
		err = each(ctx, tx, "SELECT id, n, verifier, at, previous, note, event_id FROM audit_keys ORDER BY n", func(r *cells) {
			rows = append(rows, keyRow{r.text(), r.whole(), r.text(), r.time(), r.text(), r.text(), r.text()})
		})
	}
	g.trust(rows)
	return rows, err
}

// readKeys holds the keys of the database against those that are known.
func (g *gathering) readKeys(ctx context.Context, tx *sql.Tx, rows []keyRow) error {
	if err := each(ctx, tx, "SELECT name FROM audit_install", func(r *cells) { g.install = r.text() }); err != nil {
		return err
	}
	for i, k := range rows {
		g.report.Keys++
		use := keyUse{n: k.n}
		if i+1 < len(rows) {
			if err := tx.QueryRowContext(ctx, "SELECT max(seq) FROM audit_events WHERE id = ?", rows[i+1].event).Scan(&nullable{&use.end}); err != nil {
				return err
			}
		}
		g.signers[k.id] = use
		learned, err := g.keys.Learn([]byte(k.note))
		switch {
		case k.n != int64(i+1):
			g.wrong(audit.Deleted, "key %d of the database is missing", i+1)
		case err != nil:
			g.wrong(refusedBy(err), "the note of key %d in the database %s", k.n, because(err))
		case learned.ID != k.id || learned.Verifier != k.verifier || !learned.At.Equal(k.at) || learned.Previous != k.previous:
			g.wrong(audit.Edited, "the row of key %d is not what its note says", k.n)
		case learned.Install != g.install:
			g.wrong(audit.Edited, "key %d is another installation's than this database", k.n)
		case i > 0 && k.previous != "" && k.previous != rows[i-1].id:
			g.wrong(audit.Edited, "key %d does not follow the key before it", k.n)
		default:
			if i > 0 && k.previous == "" && g.report.TrustedBy != Given {
				g.unvouched = append(g.unvouched, fmt.Sprintf("key %d (%s) took over without the key before it, which was lost or is an attacker's story: ask its owner", k.n, learned.ID))
			}
			if err := g.eventOf(ctx, tx, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyUse is the place of a key among those of the database. end is the row by which the next took over, 0 where there is none or
// it is gone: what the key signed of that row or later ones is not the log's.
type keyUse struct{ n, end int64 }

// over says that a key had been replaced at a row.
func (u keyUse) over(seq int64) bool { return u.end > 0 && seq >= u.end }

type keyRow struct {
	id       string
	n        int64
	verifier string
	at       time.Time
	previous string
	note     string
	event    string
}

// trust takes the keys that somebody holds, else the folder's, else those that the database vouches for itself. A folder beside the
// database is no better than it: a key that was made because one was lost is taken from either, and named.
func (g *gathering) trust(rows []keyRow) {
	switch {
	case g.o.Keys.Len() > 0:
		g.keys, g.report.TrustedBy = g.o.Keys, Given
		return
	case g.folder.keys.Len() > 0 && g.o.Outside:
		g.keys, g.report.TrustedBy = g.folder.keys, Folder
		return
	}
	text := []byte{}
	g.report.TrustedBy = Itself
	if g.folder.keys.Len() > 0 {
		g.keys, g.report.TrustedBy = g.folder.keys, Folder
		text = append(slices.Clone(g.folder.listed), '\n')
	}
	for i, k := range rows {
		// The first, and those made after one was lost: nothing but their own notes names them.
		said, ok := proof.Peek([]byte(k.note))
		if ok && said.Get("previous") == "none" && (i > 0 || g.report.TrustedBy == Itself) {
			text = append(text, said.Get("key")+"\n"...)
		}
	}
	if keys, err := proof.ParseKeys(text); err == nil { // else every note is refused, which says more
		g.keys = keys
	}
}

// eventOf wants the audit row of the change that a key names; one that retention may have removed is not missed.
func (g *gathering) eventOf(ctx context.Context, tx *sql.Tx, k keyRow) error {
	if k.n == 1 && k.event == "" {
		return nil
	}
	var there, before, after, removed int64
	err := tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM audit_events WHERE id = ?1), EXISTS (SELECT 1 FROM audit_events WHERE at <= ?2),
		EXISTS (SELECT 1 FROM audit_events WHERE at >= ?2)`, k.event, k.at.UnixMilli()).Scan(&there, &before, &after)
	if err == nil && g.tables["audit_tombstones"] {
		err = tx.QueryRowContext(ctx, "SELECT count(*) FROM audit_tombstones WHERE ?1 BETWEEN from_at AND to_at", k.at.UnixMilli()).Scan(&removed)
	}
	switch {
	case err != nil || there > 0 || before == 0 || removed > 0:
	case after == 0:
		g.wrong(audit.TailCut, "key %d is newer than the last row: the row of its change is missing", k.n)
	default:
		g.wrong(audit.Edited, "key %d names an audit row that is not there", k.n)
	}
	return err
}

// nullable reads NULL as 0.
type nullable struct{ to *int64 }

// Scan is part of sql.Scanner.
func (n *nullable) Scan(v any) error {
	*n.to = 0
	if held, ok := v.(int64); ok {
		*n.to = held
	}
	return nil
}

const checkpointsSQL = `SELECT number, seq, hash, at, cause, previous, key_id, note FROM audit_checkpoints ORDER BY number`

// readCheckpoints holds each against the one before and marks the row that it names.
func (g *gathering) readCheckpoints(ctx context.Context, tx *sql.Tx) error {
	var before proof.Checkpoint
	var beforeNote []byte
	var used int64 // the newest key so far
	return each(ctx, tx, checkpointsSQL, func(r *cells) {
		row := proof.Checkpoint{Install: g.install, Number: r.whole(), Seq: r.whole(), Hash: r.text(), At: r.time(), Cause: r.text(), Previous: r.text()}
		keyID, note := r.text(), []byte(r.text())
		if row.Number != before.Number+1 {
			g.wrong(audit.Deleted, "checkpoint %d is missing", before.Number+1)
		}
		c, signer, err := proof.ParseCheckpoint(note, g.keys)
		follows := before.Number == 0 || row.Number != before.Number+1 || c.Follows(before, beforeNote)
		before, beforeNote = row, note
		if err != nil {
			g.wrong(refusedBy(err), "checkpoint %d %s", row.Number, because(err))
			return
		}
		at := row.At
		if c.At.Equal(at) {
			row.At = c.At
		}
		switch {
		case c != row || signer != keyID:
			g.wrong(audit.Edited, "the row of checkpoint %d is not what its note says", row.Number)
		case g.signers[signer].n == 0:
			g.wrong(audit.Deleted, "the key that signed checkpoint %d is missing in the database", row.Number)
		case g.signers[signer].n < used || g.signers[signer].over(c.Seq):
			g.wrong(audit.Rebuilt, "checkpoint %d is signed with a key that had been replaced", row.Number)
		case !follows:
			g.wrong(audit.Rebuilt, "checkpoint %d does not follow the one before it", row.Number)
		default:
			g.report.Checkpoints++
		}
		used = max(used, g.signers[signer].n)
		if copied, ok := g.folder.copies[c.Number]; ok && copied.note != proof.Hash(note) {
			g.wrong(audit.Rebuilt, "checkpoint %d of the database is not the one in the anchor folder", c.Number)
		}
		g.mark(c, false, false, "a checkpoint")
	})
}

// mark holds the walk to the row that a checkpoint names.
func (g *gathering) mark(c proof.Checkpoint, outside, restored bool, by string) {
	if c.Seq > 0 {
		g.found.Anchors = append(g.found.Anchors, audit.Anchor{Seq: c.Seq, Hash: c.Hash, Outside: outside, Restored: restored, By: by, At: c.At})
	}
	g.folder.known = max(g.folder.known, c.Number)
}

// useCopies marks the rows that the folder's copies name. A copy of a row that is there, of a checkpoint that is not, shows that the
// checkpoint was removed.
func (g *gathering) useCopies(ctx context.Context, tx *sql.Tx) error {
	var end int64
	if err := tx.QueryRowContext(ctx, "SELECT max(seq) FROM audit_events").Scan(&nullable{&end}); err != nil {
		return err
	}
	known := g.folder.known // the newest of the database
	var used int64
	for _, n := range slices.Sorted(maps.Keys(g.folder.copies)) {
		c := g.folder.copies[n]
		if by := g.signers[c.signer]; by.n > 0 && (by.n < used || by.over(c.Seq)) {
			g.wrong(audit.Rebuilt, "checkpoint %d in the anchor folder is signed with a key that had been replaced", n)
		}
		used = max(used, g.signers[c.signer].n)
		if n > known && c.Seq <= end {
			g.wrong(audit.Deleted, "checkpoint %d stands in the anchor folder and is missing in the database", n)
		}
		g.mark(c.Checkpoint, g.o.Outside, n > known, fmt.Sprintf("checkpoint %d in the anchor folder", n))
	}
	return nil
}
