package app

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/export"
	"guardhouse/internal/proof"
	"guardhouse/internal/verify"
)

// forged runs statements that the database's guards forbid.
func (l *lived) forged(t *testing.T, statements ...string) {
	t.Helper()
	pool, err := sql.Open("sqlite3", filepath.Join(l.data, "guardhouse.db"))
	require.NoError(t, err)
	for _, s := range append([]string{`DROP TRIGGER IF EXISTS audit_events_no_update`, `DROP TRIGGER IF EXISTS audit_events_no_delete`}, statements...) {
		_, err := pool.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
	require.NoError(t, pool.Close())
}

// both answers what Go and Python say of a pack, with the log's first key.
func (l *lived) both(t *testing.T, raw []byte) (verify.Packed, string, bool) {
	t.Helper()
	keys, err := l.Checkpoints.Keys(t.Context())
	require.NoError(t, err)
	held, err := proof.ParseKeys([]byte(keys[0].Verifier))
	require.NoError(t, err)
	found, err := verify.PackFrom(t.Context(), bytes.NewReader(raw), int64(len(raw)), held)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "pack.zip")
	require.NoError(t, os.WriteFile(file, raw, 0o600))
	require.NoError(t, os.WriteFile(file+".keys", []byte(keys[0].Verifier), 0o600))
	out, err := exec.CommandContext(t.Context(), "python3", "../../docs/verify.py", file, file+".keys").CombinedOutput()
	return found, string(out), err == nil
}

// bury puts rows under a tombstone, as retention does.
func (l *lived) bury(t *testing.T, first, last int64) {
	t.Helper()
	install, err := l.Checkpoints.Install(t.Context())
	require.NoError(t, err)
	rows, err := l.Audit.Walk(t.Context(), audit.Filter{}, first, last, 500)
	require.NoError(t, err)
	a, b := rows[0], rows[len(rows)-1]
	s := proof.Tombstone{
		Install: install, First: first, Last: last, Rows: last - first + 1, Previous: a.PrevHash, Hash: b.Hash, From: a.At, To: b.At, At: b.At, Rule: "audit 180", Event: "evt_x",
	}
	text, err := s.Text()
	require.NoError(t, err)
	note, err := l.Checkpoints.Sign(text)
	require.NoError(t, err)
	pool, err := sql.Open("sqlite3", filepath.Join(l.data, "guardhouse.db"))
	require.NoError(t, err)
	l.forged(t)
	_, err = pool.ExecContext(t.Context(), `DELETE FROM audit_events WHERE seq BETWEEN ? AND ?`, first, last)
	require.NoError(t, err)
	_, err = pool.ExecContext(t.Context(), `INSERT INTO audit_tombstones (first_seq, last_seq, rows, prev_hash, last_hash, from_at, to_at, at, rule, event_id, note) VALUES (?,?,?,?,?,?,?,?,?,?,?)`,
		s.First, s.Last, s.Rows, s.Previous, s.Hash, s.From.UnixMilli(), s.To.UnixMilli(), s.At.UnixMilli(), s.Rule, s.Event, string(note))
	require.NoError(t, err)
	require.NoError(t, pool.Close())
}

// threat U1: a row that was taken out of the database is missed in a pack by both verifiers, and in the row that closes it.
func TestAPackOfALogWithAHole(t *testing.T) {
	l := live(t)
	l.forged(t, `DELETE FROM audit_events WHERE seq = 5`)
	raw, _ := l.pack(t, time.Time{}, time.Time{})
	found, words, good := l.both(t, raw)
	require.Equal(t, audit.Deleted, found.Finding, found.Detail)
	require.EqualValues(t, 5, found.At)
	require.False(t, good, words)
	require.Contains(t, words, "deleted")
	head, _, _, err := l.Audit.Head(t.Context())
	require.NoError(t, err)
	last, err := l.Audit.After(t.Context(), head-1, 1)
	require.NoError(t, err)
	require.EqualValues(t, "5", last[0].Details["missing_seq"])

	l = live(t)
	l.forged(t, `DELETE FROM audit_events WHERE seq < 3`)
	raw, _ = l.pack(t, time.Time{}, time.Time{})
	found, words, good = l.both(t, raw)
	require.Equal(t, audit.Deleted, found.Finding, found.Detail)
	require.False(t, good, words)
}

// Rows that retention removed are under tombstones in the pack: at its beginning, within it, and where none of a period is left.
func TestAPackWithTombstones(t *testing.T) {
	l := live(t)
	rows, err := l.Audit.Walk(t.Context(), audit.Filter{}, 1, 8, 500)
	require.NoError(t, err)
	l.bury(t, 1, 2)
	l.bury(t, 3, 4)
	l.bury(t, 6, 6)
	raw, _ := l.pack(t, time.Time{}, time.Time{})
	found, words, good := l.both(t, raw)
	require.True(t, found.OK(), found.Detail)
	require.EqualValues(t, []int64{3, 5}, []int64{found.Tombstones, found.Removed})
	require.True(t, good, words)
	for _, line := range found.NotProvable {
		require.NotContains(t, line, audit.Deleted)
	}

	raw, _ = l.pack(t, time.Time{}, rows[0].At.Add(time.Millisecond))
	found, words, good = l.both(t, raw)
	require.True(t, found.OK(), found.Detail)
	require.Positive(t, found.Removed, "what was removed is named")
	require.True(t, good, words)
}

// What retention removes while a pack is made would stand in it twice.
func TestAPackThatRetentionOvertakes(t *testing.T) {
	l := live(t)
	s := l.making(t, nil, nil)
	p, err := s.Begin(t.Context(), SystemPrincipal("test"), time.Time{}, time.Time{})
	require.NoError(t, err)
	_, err = p.Write(context.WithoutCancel(t.Context()), &bytes.Buffer{})
	require.NoError(t, err)
	stone := func(_, _ int64, each func(string, []byte) error) error {
		install, err := l.Checkpoints.Install(t.Context())
		if err != nil {
			return err
		}
		now := time.Now()
		text, err := proof.Tombstone{Install: install, First: 1, Last: 2, Rows: 2, Previous: proof.Zero, Hash: proof.Hash(nil), From: now, To: now, At: now, Rule: "x", Event: "e"}.Text()
		if err != nil {
			return err
		}
		note, err := l.Checkpoints.Sign(text)
		if err != nil {
			return err
		}
		return each("tombstone", note)
	}
	p, err = l.making(t, nil, stone).Begin(t.Context(), access.Principal(SystemPrincipal("test")), time.Time{}, time.Time{})
	require.NoError(t, err)
	_, err = p.Write(t.Context(), &bytes.Buffer{})
	require.ErrorContains(t, err, "Old rows were removed")
}

// An export in which no row stands is whole: both verifiers accept it, in either form.
func TestAnExportOfNoRows(t *testing.T) {
	l := live(t)
	keys, err := l.Checkpoints.Keys(t.Context())
	require.NoError(t, err)
	held, err := proof.ParseKeys([]byte(keys[0].Verifier + "\n" + keys[1].Verifier + "\n"))
	require.NoError(t, err)
	for _, form := range []export.Format{export.CSV, export.JSONL} {
		x, err := l.Export.Begin(t.Context(), SystemPrincipal("test"), export.Request{Format: form, Filter: audit.Filter{Actor: "nobody at all"}})
		require.NoError(t, err)
		var out bytes.Buffer
		_, err = x.Write(t.Context(), &out)
		require.NoError(t, err)
		found, err := verify.ExportFrom(t.Context(), bytes.NewReader(out.Bytes()), held)
		require.NoError(t, err)
		require.True(t, found.OK(), "%s: %s", form, found.Detail)
		require.Zero(t, found.Rows)
		if form == export.CSV {
			continue // the script reads JSON lines and packs
		}
		file := filepath.Join(t.TempDir(), "export")
		require.NoError(t, os.WriteFile(file, out.Bytes(), 0o600))
		require.NoError(t, os.WriteFile(file+".keys", []byte(keys[0].Verifier), 0o600))
		said, err := exec.CommandContext(t.Context(), "python3", "../../docs/verify.py", file, file+".keys").CombinedOutput()
		require.NoError(t, err, string(said))
	}
}
