package verify_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/proof"
	"guardhouse/internal/verify"
)

const install = "ins_1"

var began = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant in all but type

// plain is SQLite as any tool opens it.
type plain struct{ path string }

func (p plain) Connect(context.Context) (driver.Conn, error) {
	return p.Driver().Open("file:" + p.path)
}

func (plain) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// file is a database that a forger works on with plain SQL.
type file struct {
	t    testing.TB
	path string
	sql  *sql.DB
}

func open(t testing.TB, path string) *file {
	t.Helper()
	pool := sql.OpenDB(plain{path})
	pool.SetMaxOpenConns(1)
	return &file{t, path, pool}
}

func (f *file) do(query string, args ...any) {
	f.t.Helper()
	_, err := f.sql.ExecContext(f.t.Context(), query, args...)
	require.NoError(f.t, err, query)
}

func (f *file) close() {
	f.t.Helper()
	f.do("PRAGMA wal_checkpoint(TRUNCATE)")
	require.NoError(f.t, f.sql.Close())
}

// text answers the only value of a query.
func (f *file) text(query string, args ...any) (out string) {
	f.t.Helper()
	require.NoError(f.t, f.sql.QueryRowContext(f.t.Context(), query, args...).Scan(&out), query)
	return out
}

// event reads a row as it stands.
func (f *file) event(seq int64) audit.Event {
	f.t.Helper()
	d, err := db.Look(f.t.Context(), f.path, db.InUse)
	require.NoError(f.t, err)
	defer func() { require.NoError(f.t, d.Close()) }()
	list, err := audit.New(d, nil).After(f.t.Context(), seq-1, 1)
	require.NoError(f.t, err)
	require.NotEmpty(f.t, list)
	return list[0]
}

// relink makes the rows from one on continue the chain anew, as whoever holds the file can.
func (f *file) relink(from, to int64) {
	f.t.Helper()
	for seq := from; seq <= to; seq++ {
		f.do("UPDATE audit_events SET prev_hash = coalesce((SELECT hash FROM audit_events WHERE seq = ?1 - 1), prev_hash) WHERE seq = ?1", seq)
		f.do("UPDATE audit_events SET hash = ? WHERE seq = ?", f.event(seq).ComputeHash(), seq)
	}
}

// signing is who signs for a log: its keys in their order.
type signing struct {
	t       testing.TB
	signers []proof.Signer
	notes   []string                 // of the keys
	forge   func(text string) []byte // signs in another way what is about to be signed
}

func newSigner(t testing.TB) proof.Signer {
	t.Helper()
	s, _, err := proof.NewSigner(rand.Reader, install)
	require.NoError(t, err)
	return s
}

// rotate adds a key, vouched for by the one before.
func (s *signing) rotate(at time.Time) proof.Key {
	s.t.Helper()
	fresh := newSigner(s.t)
	k := proof.Key{Install: install, ID: fresh.ID(), Verifier: fresh.Verifier(), At: at}
	var before *proof.Signer
	if n := len(s.signers); n > 0 {
		before, k.Previous = &s.signers[n-1], s.signers[n-1].ID()
	}
	note, err := fresh.SignKey(k, before)
	require.NoError(s.t, err)
	s.signers, s.notes = append(s.signers, fresh), append(s.notes, string(note))
	return k
}

func (s *signing) sign(text []byte, err error) []byte {
	s.t.Helper()
	require.NoError(s.t, err)
	if s.forge != nil {
		return s.forge(string(text))
	}
	note, err := s.signers[len(s.signers)-1].Sign(text)
	require.NoError(s.t, err)
	return note
}

// public is what `audit key` would print.
func (s *signing) public() proof.Keys {
	s.t.Helper()
	keys, err := proof.ParseKeys([]byte(s.signers[0].Verifier()))
	require.NoError(s.t, err)
	return keys
}

// The log of the suite: rows 9 to 60, a tombstone for the rows before, checkpoints under two keys, a verdict.
const (
	rows    = 60
	pruned  = 8
	rotated = 30 // the row after which the key was changed
)

// marked are the rows that have checkpoints.
func marked() []int64 { return []int64{10, 20, 30, 40, 50} }

// removals are the rows that tell of a removal, and the last row that it was about.
func removals() map[int64]int64 { return map[int64]int64{26: pruned, 58: 15} }

// ground is a database with all that, and an anchor folder beside it.
type ground struct {
	signing
	data   []byte
	anchor string
}

func newGround(t testing.TB) *ground {
	t.Helper()
	path := apptest.DBPath(t)
	g := &ground{signing: signing{t: t}, anchor: t.TempDir()}
	clock := began
	d, err := db.Open(t.Context(), db.Options{Path: path, Now: func() time.Time { return clock }})
	require.NoError(t, err)
	log := audit.New(d, []byte("key"))
	for i := range rows {
		clock = clock.Add(time.Minute)
		action, details := "moderation.run", map[string]any{"items": i}
		if last := removals()[int64(i+1)]; last > 0 {
			action, details = "settings.manage", map[string]any{"change": "prune", "up_to": last}
		}
		_, err := log.Record(audit.Entry{
			Actor: audit.Actor{Type: "user", ID: fmt.Sprint("usr_", i+1), Name: fmt.Sprint("user ", i+1)}, KeyID: "key_1", Roles: []string{"reviewer"},
			Groups: []string{"radiology"}, Purpose: "ticket", Operation: "infer", IP: "192.0.2.7", UserAgent: "curl", Action: action,
			Resource: "x", Model: "guard-nano", ModelSHA256: "ab", Decision: audit.Allow, Reason: "none", RuleID: "rule", PolicyVersion: 3,
			RequestID: fmt.Sprint("req_", i+1), Content: [][]byte{{byte(i)}}, Duration: time.Millisecond, Details: details,
		})
		require.NoError(t, err)
	}
	require.NoError(t, d.Close())
	f := open(t, path)
	g.prove(f)
	g.prune(f)
	f.close()
	g.data, err = os.ReadFile(path)
	require.NoError(t, err)
	return g
}

// tables makes what this release's migrations make, without the rules that are in a forger's way.
func (f *file) tables() {
	for _, trigger := range []string{
		"audit_events_no_update", "audit_events_no_delete", "audit_keys_no_update", "audit_keys_no_delete", "audit_checkpoints_no_update",
		"audit_checkpoints_no_delete", "audit_tombstones_apart", "audit_tombstones_no_update", "audit_tombstones_no_delete", "audit_events_unindex",
	} {
		f.do("DROP TRIGGER IF EXISTS " + trigger)
	}
	for table, columns := range map[string]string{
		"audit_install":     "id, name",
		"audit_keys":        "id, n, verifier, at, previous, note, event_id",
		"audit_checkpoints": "number, seq, hash, at, cause, key_id, previous, note, boot_id, boot_ms",
		"audit_tombstones":  "first_seq, last_seq, rows, prev_hash, last_hash, from_at, to_at, at, rule, event_id, note",
	} {
		f.do("DROP TABLE IF EXISTS " + table)
		f.do("CREATE TABLE " + table + " (" + columns + ")")
	}
	f.do("CREATE TABLE loose AS SELECT * FROM audit_events")
	f.do("DROP TABLE audit_events")
	f.do("ALTER TABLE loose RENAME TO audit_events")
	f.do("INSERT INTO audit_install VALUES (1, ?)", install)
}

func (g *ground) prove(f *file) {
	f.tables()
	previous := proof.Zero
	copies := ""
	key := func(n int) {
		ev := f.event(int64(20*n - 9)) // rows 11 and 31
		k := g.rotate(ev.At)
		f.do("INSERT INTO audit_keys VALUES (?,?,?,?,?,?,?)", k.ID, n, k.Verifier, k.At.UnixMilli(), k.Previous, g.notes[n-1], ev.ID)
		copies += g.notes[n-1] + "\n"
	}
	key(1)
	for i, seq := range marked() {
		if seq > rotated && len(g.signers) == 1 {
			key(2)
		}
		ev := f.event(seq)
		c := proof.Checkpoint{Install: install, Number: int64(i + 1), Seq: seq, Hash: ev.Hash, At: ev.At, Cause: proof.CauseRows, Previous: previous}
		note := g.sign(c.Text())
		f.do("INSERT INTO audit_checkpoints VALUES (?,?,?,?,?,?,?,?,'boot',5)", c.Number, c.Seq, c.Hash, c.At.UnixMilli(), c.Cause,
			g.signers[len(g.signers)-1].ID(), c.Previous, string(note))
		previous = proof.Hash(note)
		copies += string(note) + "\n"
	}
	require.NoError(g.t, os.WriteFile(filepath.Join(g.anchor, "2026-11-22.notes"), []byte(copies), 0o600))
	require.NoError(g.t, os.WriteFile(filepath.Join(g.anchor, "public-keys"), []byte("# the first\n"+g.signers[0].Verifier()+"\n"), 0o600))
	f.do(`INSERT INTO verdicts (id, audit_seq, item, request_id, created_at, owner_id, actor_type, actor_id, actor_name, model_id,
		model_sha256, quantization, template_sha256, policy_version, mode, severity, categories, flagged, action, score_safe,
		score_contro, score_unsafe, score_other, cached, queue_us, model_us, total_us, prompt_tokens, passes, windows)
		VALUES ('mod_1', 55, 0, '', 0, '', 'user', '', '', 'guard-nano', '', '', '', 1, 'strict', 'Safe', '[]', 0, 'allow', 1, 0, 0, 0,
		0, 0, 0, 0, 0, 1, 1)`)
}

func (g *ground) prune(f *file) {
	first, last := f.event(1), f.event(pruned)
	s := proof.Tombstone{
		Install: install, First: 1, Last: pruned, Rows: pruned, Previous: proof.Zero, Hash: last.Hash, From: first.At, To: last.At, At: began,
		Rule: "audit 180", Event: f.text("SELECT id FROM audit_events WHERE seq = 26"),
	}
	note := g.sign(s.Text())
	f.do("INSERT INTO audit_tombstones VALUES (?,?,?,?,?,?,?,?,?,?,?)", s.First, s.Last, s.Rows, s.Previous, s.Hash, s.From.UnixMilli(), s.To.UnixMilli(),
		s.At.UnixMilli(), s.Rule, s.Event, string(note))
	f.do("DELETE FROM audit_events WHERE seq <= ?", pruned)
}

// altered answers what verify says of a copy that change has worked on.
func (g *ground) altered(t testing.TB, o verify.Options, change func(f *file)) verify.Report {
	t.Helper()
	path := filepath.Join(t.TempDir(), "guardhouse.db")
	require.NoError(t, os.WriteFile(path, g.data, 0o600))
	f := open(t, path)
	change(f)
	f.close()
	return check(t, path, o)
}

func check(t testing.TB, path string, o verify.Options) verify.Report {
	t.Helper()
	d, err := db.Look(t.Context(), path, db.AtRest)
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	r, err := verify.Database(t.Context(), audit.New(d, nil), o)
	require.NoError(t, err)
	return r
}
