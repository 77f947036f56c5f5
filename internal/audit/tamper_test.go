package audit_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// tampered is a log of twelve rows whose file a forger has worked on with plain SQL, the triggers dropped.
type forger struct {
	t   *testing.T
	sql *sql.DB
	log *audit.Log
}

func (f forger) do(query string, args ...any) {
	f.t.Helper()
	_, err := f.sql.ExecContext(f.t.Context(), query, args...)
	require.NoError(f.t, err, query)
}

// rehash gives a row the hash that it should have after the forger's change.
func (f forger) rehash(seq int64) {
	f.t.Helper()
	p, err := f.log.List(f.t.Context(), audit.Filter{Limit: 500})
	require.NoError(f.t, err)
	for _, e := range p.Items {
		if e.Seq == seq {
			f.do("UPDATE audit_events SET hash = ? WHERE seq = ?", e.ComputeHash(), seq)
		}
	}
}

// hashOf reads a row's hash.
func (f forger) hashOf(seq int64) string {
	f.t.Helper()
	var hash string
	require.NoError(f.t, f.sql.QueryRowContext(f.t.Context(), "SELECT hash FROM audit_events WHERE seq = ?", seq).Scan(&hash))
	return hash
}

// relink makes rows from seq on continue the chain anew, as whoever holds the file can.
func (f forger) relink(from, to int64) {
	f.t.Helper()
	for seq := from; seq <= to; seq++ {
		if seq > 1 {
			f.do("UPDATE audit_events SET prev_hash = ? WHERE seq = ?", f.hashOf(seq-1), seq)
		}
		f.rehash(seq)
	}
}

// swap exchanges the numbers of two rows.
func (f forger) swap(a, b int64) {
	f.do("UPDATE audit_events SET seq = 1000000 WHERE seq = ?", a)
	f.do("UPDATE audit_events SET seq = ? WHERE seq = ?", a, b)
	f.do("UPDATE audit_events SET seq = ? WHERE seq = 1000000", b)
}

// shift renumbers the rows from seq on by n.
func (f forger) shift(from, n int64) {
	f.do("UPDATE audit_events SET seq = seq + 1000000 WHERE seq >= ?", from)
	f.do("UPDATE audit_events SET seq = seq - 1000000 + ? WHERE seq >= 1000000", n)
}

// insert puts a copy of row 3 under another number, with a chosen predecessor.
func (f forger) insert(seq int64, prev string) {
	f.do(`INSERT INTO audit_events SELECT ?, 'evt_forged' || ?, v, at, actor_type, actor_id, 'forged', key_id, roles, groups, purpose, operation,
		ip, user_agent, action, resource, model, model_sha256, decision, reason, rule_id, policy_version, request_id, content_hash,
		duration_us, details, ?, 'x' || ? FROM audit_events WHERE id = (SELECT id FROM audit_events ORDER BY at, seq LIMIT 1)`, seq, seq, prev, seq)
	f.rehash(seq)
}

const rowsInLog = 12

// tamper makes a log, lets change work on the file, and answers what Verify says.
func tamper(t *testing.T, change func(f forger), anchors ...audit.Anchor) audit.Report {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tampered.db")
	clock := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	data, err := os.ReadFile(apptest.DBPath(t))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	d, err := db.Open(t.Context(), db.Options{Path: path, Now: func() time.Time { return clock }})
	require.NoError(t, err)
	log := audit.New(d, contentKey)
	for i := range rowsInLog {
		clock = clock.Add(time.Minute)
		e := entry(fmt.Sprint("user ", i+1))
		e.Details = map[string]any{"items": i}
		_, err := log.Record(e)
		require.NoError(t, err)
	}
	requireWhole(t, log)
	// The log stays open: a file whose tables lost their rules is not opened at all (threat S2).
	forge(t, path, log, change)
	r, err := log.Verify(t.Context(), anchors...)
	require.NoError(t, err)
	require.NoError(t, d.Close())
	_, err = db.Open(t.Context(), db.Options{Path: path})
	require.ErrorContains(t, err, "audit_events")
	return r
}

// forge opens the file with nothing in the way: no triggers, no unique indexes, no foreign keys.
func forge(t *testing.T, path string, log *audit.Log, change func(f forger)) {
	t.Helper()
	pool := sql.OpenDB(plain{path})
	pool.SetMaxOpenConns(1)
	f := forger{t, pool, log}
	f.do("DROP TRIGGER audit_events_no_update")
	f.do("DROP TRIGGER audit_events_no_delete")
	f.do("PRAGMA legacy_alter_table = ON") // other tables' triggers name this one
	f.do("CREATE TABLE forged AS SELECT * FROM audit_events")
	f.do("DROP TABLE audit_events")
	f.do("ALTER TABLE forged RENAME TO audit_events")
	change(f)
	require.NoError(t, pool.Close())
}

func reportOf(t *testing.T, path string, anchors ...audit.Anchor) audit.Report {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{Path: path})
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	r, err := audit.New(d, contentKey).Verify(t.Context(), anchors...)
	require.NoError(t, err)
	return r
}

// plain is SQLite as any tool opens it.
type plain struct{ path string }

func TestTamperingIsNamed(t *testing.T) {
	cases := map[string]struct {
		change  func(f forger)
		finding string
		at      int64
	}{
		"nothing":                        {func(forger) {}, "", 0},
		"a name edited":                  {func(f forger) { f.do("UPDATE audit_events SET actor_name = 'other' WHERE seq = 5") }, audit.Edited, 5},
		"a decision edited":              {func(f forger) { f.do("UPDATE audit_events SET decision = 'deny' WHERE seq = 12") }, audit.Edited, 12},
		"the first row edited":           {func(f forger) { f.do("UPDATE audit_events SET reason = 'x' WHERE seq = 1") }, audit.Edited, 1},
		"a hash edited":                  {func(f forger) { f.do("UPDATE audit_events SET hash = upper(hash) WHERE seq = 5") }, audit.Edited, 5},
		"the version edited":             {func(f forger) { f.do("UPDATE audit_events SET v = 2 WHERE seq = 5"); f.rehash(5) }, audit.Edited, 5},
		"details spelled otherwise":      {func(f forger) { f.do(`UPDATE audit_events SET details = '{"items":0,"items":4}' WHERE seq = 5`) }, audit.Edited, 5},
		"a list spelled otherwise":       {func(f forger) { f.do(`UPDATE audit_events SET roles = '[ "reviewer"]' WHERE seq = 5`) }, audit.Edited, 5},
		"details that are no JSON":       {func(f forger) { f.do(`UPDATE audit_events SET details = 'x' WHERE seq = 5`) }, audit.Edited, 5},
		"a time edited":                  {func(f forger) { f.do("UPDATE audit_events SET at = at - 1 WHERE seq = 5") }, audit.Edited, 5},
		"microseconds edited":            {func(f forger) { f.do("UPDATE audit_events SET duration_us = duration_us + 1 WHERE seq = 5") }, audit.Edited, 5},
		"edited with its hash":           {func(f forger) { f.do("UPDATE audit_events SET reason = 'x' WHERE seq = 5"); f.rehash(5) }, audit.Edited, 5},
		"the first edited with its hash": {func(f forger) { f.do("UPDATE audit_events SET reason = 'x' WHERE seq = 1"); f.rehash(1) }, audit.Edited, 1},
		"one deleted":                    {func(f forger) { f.do("DELETE FROM audit_events WHERE seq = 5") }, audit.Deleted, 5},
		"three deleted":                  {func(f forger) { f.do("DELETE FROM audit_events WHERE seq IN (5, 6, 7)") }, audit.Deleted, 5},
		"the first deleted":              {func(f forger) { f.do("DELETE FROM audit_events WHERE seq = 1") }, audit.Deleted, 1},
		"deleted and renumbered":         {func(f forger) { f.do("DELETE FROM audit_events WHERE seq = 5"); f.shift(6, -1) }, audit.Deleted, 5},
		"two deleted and renumbered":     {func(f forger) { f.do("DELETE FROM audit_events WHERE seq IN (5, 6)"); f.shift(7, -2) }, audit.Deleted, 5},
		"inserted, linked back":          {func(f forger) { f.shift(6, 1); f.insert(6, f.hashOf(5)) }, audit.Inserted, 6},
		"inserted, linked to nothing":    {func(f forger) { f.shift(6, 1); f.insert(6, "f00d") }, audit.Inserted, 6},
		"appended, linked to nothing":    {func(f forger) { f.insert(13, "f00d") }, audit.Inserted, 13},
		"neighbours swapped":             {func(f forger) { f.swap(5, 6) }, audit.Reordered, 5},
		"distant rows swapped":           {func(f forger) { f.swap(4, 9) }, audit.Reordered, 4},
		"a row moved to the end":         {func(f forger) { f.do("UPDATE audit_events SET seq = 13 WHERE seq = 5") }, audit.Reordered, 5},
		"a clock turned back": {func(f forger) {
			f.do("UPDATE audit_events SET at = at - 86400000 WHERE seq = 12")
			f.rehash(12)
		}, audit.ClockBack, 12},
		"a clock turned back, and an edit": {func(f forger) {
			f.do("UPDATE audit_events SET at = at - 86400000 WHERE seq = 4")
			f.relink(4, 12)
			f.do("UPDATE audit_events SET reason = 'x' WHERE seq = 9")
		}, audit.Edited, 9},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := tamper(t, c.change)
			require.Equal(t, c.finding, r.Finding, r.Detail)
			require.Equal(t, c.at, r.At, r.Detail)
			require.Equal(t, c.finding == "", r.OK())
			require.Equal(t, c.finding == "", r.Detail == "")
		})
	}
}

// threat U1
func TestWhatOnlyAnchorsProve(t *testing.T) {
	cut := func(f forger) { f.do("DELETE FROM audit_events WHERE seq > 8") }
	r := tamper(t, cut)
	require.True(t, r.OK(), "a cut tail leaves a chain that is right in itself")
	require.EqualValues(t, 8, r.Last)
	require.Len(t, r.NotProvable, 3, "and verify says so")
	require.Contains(t, r.NotProvable[0], "rebuilt: rows 1 to 8")
	require.Contains(t, r.NotProvable[1], "tail-cut")
	require.Contains(t, r.NotProvable[2], "restored-old")

	r = tamper(t, cut, audit.Anchor{Seq: 11, Hash: "kept elsewhere"})
	require.Equal(t, audit.TailCut, r.Finding)
	require.EqualValues(t, 9, r.At)

	var kept string
	r = tamper(t, func(f forger) {
		kept = f.hashOf(12)
		f.do("UPDATE audit_events SET reason = 'x' WHERE seq = 7")
		f.relink(7, 12)
	})
	require.True(t, r.OK(), "a rebuilt chain is right in itself")
	require.NotEmpty(t, r.NotProvable)
	r = tamper(t, func(forger) {}, audit.Anchor{Seq: 12, Hash: kept})
	require.Equal(t, audit.Rebuilt, r.Finding, "another log's hash is none of this one's")
	r = tamper(t, func(f forger) {
		f.do("UPDATE audit_events SET reason = 'x' WHERE seq = 7")
		f.relink(7, 12)
	}, audit.Anchor{Seq: 12, Hash: kept})
	require.Equal(t, audit.Rebuilt, r.Finding)
	require.EqualValues(t, 12, r.At)
}

func TestVerdictsProveACutTail(t *testing.T) {
	r := tamper(t, func(f forger) {
		f.do(`INSERT INTO verdicts (id, audit_seq, item, request_id, created_at, owner_id, actor_type, actor_id, actor_name, model_id,
			model_sha256, quantization, template_sha256, policy_version, mode, severity, categories, flagged, action, score_safe,
			score_contro, score_unsafe, score_other, cached, queue_us, model_us, total_us, prompt_tokens, passes, windows)
			VALUES ('mod_1', 10, 0, '', 0, '', 'user', '', '', 'guard-nano', '', '', '', 1, 'strict', 'Safe', '[]', 0, 'allow', 1, 0, 0, 0,
			0, 0, 0, 0, 0, 1, 1)`)
		f.do("DELETE FROM audit_events WHERE seq > 8")
	})
	require.Equal(t, audit.TailCut, r.Finding)
	require.EqualValues(t, 9, r.At)
}

// A byte changed in the file itself, behind SQL's back.
func TestABytePatchedInTheFileIsFound(t *testing.T) {
	path := apptest.DBPath(t)
	d, err := db.Open(t.Context(), db.Options{Path: path})
	require.NoError(t, err)
	log := audit.New(d, contentKey)
	for i := range 20 {
		e := entry(fmt.Sprint("user ", i+1))
		e.Reason = fmt.Sprintf("needle-%02d", i+1)
		_, err := log.Record(e)
		require.NoError(t, err)
	}
	require.NoError(t, d.Close()) // the last connection's close moves the WAL into the file
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	patched := 0
	for i := 0; i+9 <= len(data); i++ {
		if string(data[i:i+9]) == "needle-07" {
			data[i] = 'N'
			patched++
		}
	}
	require.Equal(t, 2, patched, "the row, and the index of reasons")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	r := reportOf(t, path)
	require.Equal(t, audit.Edited, r.Finding)
	require.EqualValues(t, 7, r.At)
}

func TestTriggersRefuseChanges(t *testing.T) {
	d, log := newLog(t)
	_, err := log.Record(entry("rita"))
	require.NoError(t, err)
	for _, q := range []string{"UPDATE audit_events SET reason = 'x'", "DELETE FROM audit_events"} {
		require.Error(t, d.Write(func(tx *db.Tx) error {
			_, err := tx.Exec(q)
			return err
		}), q)
	}
	require.EqualValues(t, 1, requireWhole(t, log).Rows)
}

func TestVerifyOfAnEmptyLog(t *testing.T) {
	_, log := newLog(t)
	r := requireWhole(t, log)
	require.Zero(t, r.Rows)
	require.NotEmpty(t, r.NotProvable)
}
