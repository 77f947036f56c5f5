package db_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"os"
	"path/filepath"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// plainConnector opens a file as anybody would who has the driver and no rules.
type plainConnector string

func (p plainConnector) Connect(context.Context) (driver.Conn, error) {
	return p.Driver().Open("file:" + string(p) + "?_foreign_keys=off")
}

func (plainConnector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// tamper runs statements on a closed database file.
func tamper(t *testing.T, path string, statements ...string) {
	t.Helper()
	before, err := os.ReadFile(path)
	require.True(t, err == nil || os.IsNotExist(err))
	defer func() {
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.False(t, bytes.Equal(before, after), "the tampering must change the file")
	}()
	pool := sql.OpenDB(plainConnector(path))
	pool.SetMaxOpenConns(1)
	for _, s := range statements {
		_, err := pool.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
	require.NoError(t, pool.Close())
}

// rewrite changes the text of one object behind SQLite's back.
func rewrite(name, from, to string) []string {
	return []string{
		"PRAGMA writable_schema = ON",
		"UPDATE sqlite_schema SET sql = replace(sql, '" + from + "', '" + to + "') WHERE name = '" + name + "'",
		"PRAGMA writable_schema = OFF",
	}
}

func hostileSchemas() map[string][]string {
	planted := "BEGIN INSERT INTO meta (key, value) VALUES ('planted', 'x'); END"
	return map[string][]string{
		"trigger":                        {"CREATE TRIGGER t AFTER INSERT ON users " + planted},
		"trigger on the version table":   {"CREATE TRIGGER t AFTER INSERT ON goose_db_version " + planted},
		"trigger named like the library": {"CREATE TRIGGER goose_x AFTER INSERT ON users " + planted},
		"trigger behind another's name":  {"PRAGMA writable_schema = ON", "INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('table', 'users', 'users', 0, 'CREATE TRIGGER t AFTER INSERT ON users BEGIN DELETE FROM meta; END')"},
		"view":                           {"CREATE VIEW v AS SELECT * FROM users"},
		"view in place of a table":       {"ALTER TABLE meta RENAME TO meta_old", "CREATE VIEW meta AS SELECT * FROM meta_old"},
		"table":                          {"CREATE TABLE extra (a)"},
		"statistics":                     {"ANALYZE"},
		"virtual table":                  {"CREATE VIRTUAL TABLE f USING fts5(a)"},
		"index":                          {"CREATE INDEX i ON users (display_name)"},
		"index with an expression":       {"CREATE INDEX i ON users (abs(length(display_name))) WHERE status = 'active'"},
		"lost index":                     {"DROP INDEX users_role"},
		"lost trigger":                   {"DROP TRIGGER audit_events_no_update"},
		"weaker trigger":                 {"DROP TRIGGER audit_events_no_update", "CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events WHEN 0 BEGIN SELECT RAISE(ABORT, 'audit rows are append-only'); END"},
		"column":                         {"ALTER TABLE users ADD COLUMN extra TEXT"},
		"generated column":               {"ALTER TABLE users ADD COLUMN extra TEXT AS (lower(username)) VIRTUAL"},
		"default":                        rewrite("users", "version INTEGER NOT NULL DEFAULT 1", "version INTEGER NOT NULL DEFAULT 2"),
		"check":                          rewrite("users", "''person'', ''service''", "''person'', ''service'', ''root''"),
		"not null":                       rewrite("users", "username      TEXT NOT NULL", "username TEXT"),
		"reference":                      rewrite("sessions", "REFERENCES users (id)", ""),
		"collation":                      rewrite("users", "username_key  TEXT", "username_key TEXT COLLATE NOCASE"),
		"quoted keyword":                 rewrite("goose_db_version", "is_applied INTEGER NOT NULL", "is_applied INTEGER \"NOT\" \"NULL\""),
		"version table":                  rewrite("goose_db_version", "is_applied INTEGER", "is_applied TEXT"),
		"versions with a gap":            {"DELETE FROM goose_db_version WHERE version_id = 1"},
		"version twice":                  {"INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, 1)"},
		"version taken back":             {"INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, 0)"},
		"older version number":           {"DELETE FROM goose_db_version WHERE version_id = 2"},
		"no version at all":              {"DROP TABLE goose_db_version"},
	}
}

// threat S2
func TestAForeignSchemaIsRefused(t *testing.T) {
	for name, statements := range hostileSchemas() {
		t.Run(name, func(t *testing.T) {
			path := apptest.DBPath(t)
			require.NoError(t, db.CheckSchema(t.Context(), path))
			tamper(t, path, statements...)
			for _, check := range []func(context.Context, string) error{db.CheckSchema, db.CheckFile} {
				err := check(t.Context(), path)
				require.Error(t, err)
				require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
			}
			d, err := db.Open(t.Context(), db.Options{Path: path})
			if err == nil {
				require.NoError(t, d.Close())
			}
			require.Error(t, err)
			if fault.CodeOf(err) != fault.Invalid {
				require.ErrorContains(t, err, "malformed database schema", "SQLite itself was first to see it")
			}
		})
	}
}

// threat S2
func TestAnOlderDatabaseIsHeldAgainstItsOwnSchema(t *testing.T) {
	path := older(t)
	require.NoError(t, db.CheckFile(t.Context(), path))
	tamper(t, path, "CREATE TRIGGER t AFTER INSERT ON refresh_tokens BEGIN DELETE FROM users; END")
	_, err := db.Open(t.Context(), db.Options{Path: path})
	require.ErrorContains(t, err, `trigger "t"`)
}

func TestATextOfAnotherEncodingIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g.db")
	tamper(t, path, "PRAGMA encoding = 'UTF-16'", "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT")
	require.ErrorContains(t, db.CheckSchema(t.Context(), path), "UTF-8")
}

func TestTheCheckSeesALivingDatabase(t *testing.T) {
	path := apptest.DBPath(t)
	d := apptest.OpenDBAt(t, path, time.Now)
	require.NoError(t, d.Write(put("a")))
	require.NoError(t, db.CheckFile(t.Context(), path))
	require.NoError(t, d.Write(put("b")))
}

// threat S2
func TestDamageIsFound(t *testing.T) {
	half := func(t *testing.T, path string) {
		t.Helper()
		require.NoError(t, os.Truncate(path, 8192))
	}
	garbage := func(t *testing.T, path string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = f.WriteAt(make([]byte, 512), 4096)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	with := func(statements ...string) func(*testing.T, string) {
		return func(t *testing.T, path string) { t.Helper(); tamper(t, path, statements...) }
	}
	cases := map[string]func(*testing.T, string){
		"cut":          half,
		"page of zero": garbage,
		"empty":        func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Truncate(path, 0)) },
		"text": func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.WriteFile(path, []byte("no database"), 0o600))
		},
		"foreign key":  with("INSERT INTO casbin_rules (ptype, v0, v1) VALUES ('p', 'nobody', 'x')"),
		"broken check": with("PRAGMA ignore_check_constraints = ON", "INSERT INTO roles (name, builtin, created_at) VALUES ('x', 7, 0)"),
		"swapped pages": with("PRAGMA writable_schema = ON",
			"UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'roles') WHERE name = 'users'"),
	}
	for name, damage := range cases {
		t.Run(name, func(t *testing.T) {
			path := apptest.DBPath(t)
			damage(t, path)
			err := db.CheckFile(t.Context(), path)
			require.Error(t, err)
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
		})
	}
}

func TestCanonicalDDL(t *testing.T) {
	same := [][2]string{
		{"CREATE TABLE \"users\" (a  INTEGER ,\n b)", "CREATE TABLE users(a INTEGER, b) -- why\n"},
		{"CREATE TABLE t (a /* why */ INT)", "CREATE TABLE t (a INT)"},
	}
	for _, c := range same {
		require.Equal(t, db.CanonicalDDL(c[0]), db.CanonicalDDL(c[1]))
	}
	different := [][2]string{
		{"CHECK (a = 'x  y')", "CHECK (a = 'x y')"},
		{"CHECK (a = 'x')", "CHECK (a = x)"},
		{"a TEXT \"NOT\" \"NULL\"", "a TEXT NOT NULL"},
		{"'it''s -- no comment'", "'it''s'"},
		{"\"a b\"", "a b"},
		{"[a]", "a"},
		{"'open", "'open'"},
	}
	for _, c := range different {
		require.NotEqual(t, db.CanonicalDDL(c[0]), db.CanonicalDDL(c[1]))
	}
}

func BenchmarkCheckSchema(b *testing.B) {
	path := apptest.DBPath(b)
	d := apptest.OpenDBAt(b, path, time.Now)
	for b.Loop() {
		require.NoError(b, d.CheckSchema(b.Context()))
	}
}

// A look that is broken off says that, and nothing of a transaction that was over.
func TestALookThatIsBrokenOffSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guardhouse.db")
	d, err := db.Open(t.Context(), db.Options{Path: path})
	require.NoError(t, err)
	require.NoError(t, d.Close())
	ctx, cancel := context.WithCancel(t.Context())
	err = db.EndInside(ctx, cancel, path)
	require.Equal(t, fault.Canceled, fault.CodeOf(err), "%v", err)
	require.NotErrorIs(t, err, sql.ErrTxDone)
}
