package backup_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/backup"
	"guardhouse/internal/fault"
)

// refused restores an archive into a folder that is not there and into one that is in use, and finds both as they were.
func refused(t *testing.T, archive []byte, k backup.Key) error {
	t.Helper()
	above := t.TempDir()
	path := filepath.Join(above, "b.ghb")
	require.NoError(t, os.WriteFile(path, archive, 0o600))
	before := tree(t, above)
	_, err := backup.Restore(t.Context(), system(), restoration(path, filepath.Join(above, "fresh"), k))
	require.Error(t, err)
	require.Equal(t, before, tree(t, above), "nothing is left behind, beside the folder or in it")
	require.NotContains(t, err.Error(), "\n", "one line")

	used := makeFolder(t)
	before = tree(t, used)
	r := restoration(path, used, k)
	r.Replace = true
	_, again := backup.Restore(t.Context(), system(), r)
	require.Error(t, again)
	require.Equal(t, before, tree(t, used), "what was there is as it was")
	return err
}

// sample answers a whole archive of several chunks.
func sample(t *testing.T) []byte {
	t.Helper()
	f := newFolder(t)
	f.row(t, "one")
	archive, err := os.ReadFile(f.archive(t, backup.KeyOf(1), true))
	require.NoError(t, err)
	require.Greater(t, len(archive), backup.HeaderSize+3*backup.SealedSize)
	return archive
}

// threat S1
func TestTamperedArchivesAreRefused(t *testing.T) {
	const head, chunk = backup.HeaderSize, backup.SealedSize
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte {
			if at < 0 {
				at += len(b)
			}
			b[at] ^= 1
			return b
		}
	}
	cut := func(n int) func([]byte) []byte {
		return func(b []byte) []byte {
			if n < 0 {
				n += len(b)
			}
			return b[:n]
		}
	}
	cases := map[string]func([]byte) []byte{
		"empty":                 cut(0),
		"magic only":            cut(8),
		"header cut":            cut(head - 1),
		"header only":           cut(head),
		"half a tag":            cut(head + 8),
		"one chunk":             cut(head + chunk),
		"two chunks":            cut(head + 2*chunk),
		"last byte gone":        cut(-1),
		"last tag gone":         cut(-backup.TagSize),
		"one byte more":         func(b []byte) []byte { return append(b, 0) },
		"a chunk more":          func(b []byte) []byte { return append(b, b[head:head+chunk]...) },
		"itself again":          func(b []byte) []byte { return append(b, b...) },
		"magic flipped":         flip(0),
		"version flipped":       flip(8),
		"kind flipped":          flip(9),
		"argon lanes set":       flip(10),
		"argon memory set":      flip(12),
		"argon passes set":      flip(19),
		"salt flipped":          flip(20),
		"key id flipped":        flip(52),
		"nonce prefix flipped":  flip(60),
		"padding flipped":       flip(67),
		"header code flipped":   flip(72),
		"first byte flipped":    flip(head),
		"first tag flipped":     flip(head + chunk - 1),
		"second chunk flipped":  flip(head + chunk + 100),
		"last byte flipped":     flip(-1),
		"first chunk left out":  func(b []byte) []byte { return append(b[:head:head], b[head+chunk:]...) },
		"middle chunk left out": func(b []byte) []byte { return append(b[:head+chunk:head+chunk], b[head+2*chunk:]...) },
		"chunk repeated": func(b []byte) []byte {
			return append(append(b[:head+chunk:head+chunk], b[head:head+chunk]...), b[head+chunk:]...)
		},
		"chunks swapped":            func(b []byte) []byte { swap(b[head:head+chunk], b[head+chunk:head+2*chunk]); return b },
		"a byte inserted":           func(b []byte) []byte { return append(append(b[:head+5:head+5], 0), b[head+5:]...) },
		"another archive's header":  func(b []byte) []byte { return append(sampleHeader(b), b[head:]...) },
		"all zero after the header": func(b []byte) []byte { clear(b[head:]); return b },
		"compressed (gzip)":         func([]byte) []byte { return append([]byte{0x1f, 0x8b, 8, 0}, bytes.Repeat([]byte{0}, 4096)...) },
		"compressed (zip)":          func([]byte) []byte { return append([]byte("PK\x03\x04"), bytes.Repeat([]byte{0}, 4096)...) },
		"a tar file":                func([]byte) []byte { return append([]byte("../../etc/cron.d/x"), bytes.Repeat([]byte{0}, 10240)...) },
		"a plain database":          func([]byte) []byte { return append([]byte("SQLite format 3\x00"), bytes.Repeat([]byte{0}, 8192)...) },
	}
	archive := sample(t)
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			err := refused(t, change(bytes.Clone(archive)), backup.KeyOf(1))
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
		})
	}
	t.Run("another key", func(t *testing.T) {
		require.ErrorContains(t, refused(t, archive, backup.KeyOf(2)), "another key file")
	})
	t.Run("a passphrase", func(t *testing.T) {
		require.ErrorContains(t, refused(t, archive, backup.Cheap("a long passphrase")), "key file")
	})
}

func swap(a, b []byte) {
	c := bytes.Clone(a)
	copy(a, b)
	copy(b, c)
}

// sampleHeader answers the header of another archive of the same key.
func sampleHeader([]byte) []byte {
	other, err := backup.Seal(backup.KeyOf(1), []byte("x"))
	if err != nil {
		return nil
	}
	return bytes.Clone(other[:backup.HeaderSize])
}

func file(name string, content []byte) backup.File {
	sum := sha256.Sum256(content)
	return backup.File{Name: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

// Archives that somebody with the key has made by hand: the encryption is right, the contents are not.
//
// threat S1
func TestHostileContentsAreRefused(t *testing.T) {
	plain, err := backup.Unseal(sample(t), backup.KeyOf(1))
	require.NoError(t, err)
	list, rest, err := backup.Parts(plain)
	require.NoError(t, err)
	database := rest[:list.Files[0].Size]
	root := bytes.Repeat([]byte{7}, 32)
	with := func(name string) (backup.List, [][]byte) {
		l := list
		l.Files = []backup.File{file("guardhouse.db", database), file("secrets/root.key", root), file(name, []byte("x"))}
		return l, [][]byte{database, root, []byte("x")}
	}
	for _, name := range []string{
		"../x", "../../etc/cron.d/x", "/etc/passwd", "secrets/../../x", "secrets/../guardhouse.db", "./guardhouse.db", "guardhouse.db/x",
		"secrets", "secrets/", "secrets//root.key", "secrets/root.key/", "secrets/./root.key", "secrets/.new-1", "secrets/jwt-x.key", "Secrets/root.key",
		"secrets\\root.key", "tls/x.pem", "tls/ca.pem\x00", "tls/ca.pem\n", "models/guard.gguf", "run/x", "serve.lock", "use.lock", "guardhouse.db-wal",
		"guardhouse.db-journal", "guardhouse.yaml", "plan.json", "restore.pending/plan.json", "", ".", "..", "CON", "guardhouse.db ", "tls/ca.pem\u202e",
		strings.Repeat("a/", 5000) + "x",
	} {
		t.Run("name "+name[:min(len(name), 40)], func(t *testing.T) {
			l, parts := with(name)
			archive := sealed(t, l, parts...)
			require.ErrorContains(t, refused(t, archive, backup.KeyOf(1)), "a file that no backup holds")
		})
	}
	twist := func(change func(*backup.List)) backup.List {
		l := list
		l.Files = []backup.File{file("guardhouse.db", database)}
		change(&l)
		return l
	}
	cases := map[string]struct {
		list  any
		parts [][]byte
	}{
		"no files":    {twist(func(l *backup.List) { l.Files = nil }), nil},
		"no database": {twist(func(l *backup.List) { l.Files = []backup.File{file("secrets/root.key", root)} }), [][]byte{root}},
		"database not first": {twist(func(l *backup.List) {
			l.Files = []backup.File{file("secrets/root.key", root), file("guardhouse.db", database)}
		}), [][]byte{root, database}},
		"database twice":          {twist(func(l *backup.List) { l.Files = append(l.Files, l.Files[0]) }), [][]byte{database, database}},
		"keys without the root":   {twist(func(l *backup.List) { l.Files = append(l.Files, file("tls/ca.pem", root)) }), [][]byte{database, root}},
		"a key of megabytes":      {twist(func(l *backup.List) { l.Files = append(l.Files, file("secrets/root.key", make([]byte, 1<<20))) }), [][]byte{database, make([]byte, 1<<20)}},
		"sizes below zero":        {twist(func(l *backup.List) { l.Files[0].Size = -1 }), [][]byte{database}},
		"a size of zero":          {twist(func(l *backup.List) { l.Files[0].Size = 0 }), nil},
		"a size beyond itself":    {twist(func(l *backup.List) { l.Files[0].Size++ }), [][]byte{database}},
		"a size of exabytes":      {twist(func(l *backup.List) { l.Files[0].Size = 1 << 62 }), [][]byte{database}},
		"sizes that overflow":     {twist(func(l *backup.List) { l.Files[0].Size = 1<<63 - 1 }), [][]byte{database}},
		"bytes after the files":   {twist(func(*backup.List) {}), [][]byte{database, []byte("more")}},
		"another hash":            {twist(func(l *backup.List) { l.Files[0].SHA256 = strings.Repeat("0", 64) }), [][]byte{database}},
		"a hash in capitals":      {twist(func(l *backup.List) { l.Files[0].SHA256 = strings.ToUpper(l.Files[0].SHA256) }), [][]byte{database}},
		"a version of tomorrow":   {twist(func(l *backup.List) { l.Version = 2 }), [][]byte{database}},
		"a time that is none":     {twist(func(l *backup.List) { l.CreatedAt = "yesterday" }), [][]byte{database}},
		"a head that is none":     {twist(func(l *backup.List) { l.Head.Hash = "x" }), [][]byte{database}},
		"another head":            {twist(func(l *backup.List) { l.Head.Seq = 9 }), [][]byte{database}},
		"another schema version":  {twist(func(l *backup.List) { l.SchemaVersion = 1 }), [][]byte{database}},
		"models missing":          {twist(func(l *backup.List) { l.Models = nil }), [][]byte{database}},
		"a list of nothing":       {"", nil},
		"a list that is no JSON":  {"{", nil},
		"a list of null":          {"null", nil},
		"a list twice":            {"{}{}", nil},
		"a member twice":          {`{"version":1,"version":1}`, nil},
		"a list nested for ever":  {strings.Repeat("[", 100_000), nil},
		"a list of two megabytes": {strings.Repeat(" ", 2<<20), nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := refused(t, sealed(t, c.list, c.parts...), backup.KeyOf(1))
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
		})
	}
	t.Run("a length beyond the archive", func(t *testing.T) {
		archive, err := backup.Seal(backup.KeyOf(1), []byte{0xff, 0xff, 0xff, 0xff, 'x'})
		require.NoError(t, err)
		require.ErrorContains(t, refused(t, archive, backup.KeyOf(1)), "too long")
	})
	t.Run("nothing at all", func(t *testing.T) {
		archive, err := backup.Seal(backup.KeyOf(1), nil)
		require.NoError(t, err)
		require.Equal(t, fault.Invalid, fault.CodeOf(refused(t, archive, backup.KeyOf(1))))
	})
}

func sealed(t *testing.T, list any, parts ...[]byte) []byte {
	t.Helper()
	plain, err := backup.Contents(list, parts...)
	require.NoError(t, err)
	archive, err := backup.Seal(backup.KeyOf(1), plain)
	require.NoError(t, err)
	return archive
}

// threat S2
func TestHostileDatabasesAreRefused(t *testing.T) {
	chain := "UPDATE audit_events SET reason = 'forged' WHERE seq = 1"
	unguarded := func(statement string) []string {
		return []string{
			"CREATE TEMP TABLE kept AS SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name IN ('audit_events_no_update', 'audit_events_no_delete')",
			"DROP TRIGGER audit_events_no_update", "DROP TRIGGER audit_events_no_delete", statement,
			"PRAGMA writable_schema = ON",
			"INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) SELECT 'trigger', name, 'audit_events', 0, sql FROM kept ORDER BY name DESC",
			"PRAGMA writable_schema = RESET",
		}
	}
	cases := map[string]struct {
		statements []string
		says       string
	}{
		"a trigger":          {[]string{"CREATE TRIGGER t AFTER INSERT ON audit_events BEGIN DELETE FROM api_keys; END"}, `trigger "t"`},
		"a view":             {[]string{"CREATE VIEW v AS SELECT 1"}, `view "v"`},
		"a table":            {[]string{"CREATE TABLE extra (a)"}, `table "extra"`},
		"an index":           {[]string{"CREATE INDEX i ON users (language)"}, `index "i"`},
		"a weaker check":     {[]string{"PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET sql = replace(sql, '''service''', '''service'', ''root''') WHERE name = 'users'"}, `table "users"`},
		"a generated column": {[]string{"ALTER TABLE users ADD COLUMN g TEXT AS (lower(username)) VIRTUAL"}, `table "users"`},
		"a lost trigger":     {[]string{"DROP TRIGGER audit_events_no_delete"}, "audit_events_no_delete"},
		"a forged row":       {unguarded(chain), "does not verify: edited at row 1"},
		"a deleted row":      {unguarded("DELETE FROM audit_events WHERE seq = 1"), "does not verify: deleted"},
		"a broken rule":      {[]string{"PRAGMA ignore_check_constraints = ON", "UPDATE users SET status = 'root'", "INSERT INTO roles (name, builtin, created_at) VALUES ('x', 9, 0)"}, "damaged"},
		"a broken reference": {[]string{"PRAGMA foreign_keys = OFF", "INSERT INTO casbin_rules (ptype, v0, v1) VALUES ('p', 'nobody', 'x')"}, "damaged"},
		"a newer version":    {[]string{"INSERT INTO goose_db_version (version_id, is_applied) SELECT max(version_id) + 1, 1 FROM goose_db_version"}, "newer binary"},
		"nothing in it":      {[]string{"DROP TABLE IF EXISTS never"}, ""},
	}
	f := newFolder(t)
	for range 3 {
		f.row(t, "row")
	}
	s, err := f.db.Snapshot(t.Context())
	require.NoError(t, err)
	whole, err := os.ReadFile(s.Path)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	page, err := backup.Unseal(readFile(t, f.archive(t, backup.KeyOf(1), false)), backup.KeyOf(1))
	require.NoError(t, err)
	list, _, err := backup.Parts(page)
	require.NoError(t, err)
	list.Head.Seq, list.Head.Hash = 3, single(t, filepath.Join(f.dir, "guardhouse.db"), "SELECT hash FROM audit_events WHERE seq = 3")
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hostile.db")
			require.NoError(t, os.WriteFile(path, whole, 0o600))
			tamper(t, path, c.statements...)
			content := readFile(t, path)
			l := list
			l.Files = []backup.File{file("guardhouse.db", content)}
			archive := sealed(t, l, content)
			if c.says == "" {
				out := filepath.Join(t.TempDir(), "b.ghb")
				require.NoError(t, os.WriteFile(out, archive, 0o600))
				_, err := backup.Restore(t.Context(), system(), restoration(out, filepath.Join(t.TempDir(), "d"), backup.KeyOf(1)))
				require.NoError(t, err, "the same way, without the change, is a good archive")
				return
			}
			require.ErrorContains(t, refused(t, archive, backup.KeyOf(1)), c.says)
		})
	}
	t.Run("no database", func(t *testing.T) {
		content := bytes.Repeat([]byte("not a database "), 1000)
		l := list
		l.Files = []backup.File{file("guardhouse.db", content)}
		require.Equal(t, fault.Invalid, fault.CodeOf(refused(t, sealed(t, l, content), backup.KeyOf(1))))
	})
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}
