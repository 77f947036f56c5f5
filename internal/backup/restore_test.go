package backup_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/backup"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

func TestARestoreNeedsReplaceWhereSomethingIs(t *testing.T) {
	f := newFolder(t)
	small, large := f.archive(t, backup.KeyOf(1), false), f.archive(t, backup.KeyOf(1), true)
	used := makeFolder(t)
	before := tree(t, used)
	_, err := backup.Restore(t.Context(), system(), restoration(small, used, backup.KeyOf(1)))
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.Equal(t, before, tree(t, used))

	require.NoError(t, os.Remove(filepath.Join(used, "guardhouse.db")))
	_, err = backup.Restore(t.Context(), system(), restoration(large, used, backup.KeyOf(1)))
	require.Equal(t, fault.Conflict, fault.CodeOf(err), "its keys would be put aside")
	_, err = backup.Restore(t.Context(), system(), restoration(small, used, backup.KeyOf(1)))
	require.NoError(t, err, "an archive without keys leaves those of the folder alone")
	root, err := os.ReadFile(filepath.Join(used, "secrets", "root.key"))
	require.NoError(t, err)
	require.Len(t, root, 32)
}

func TestWhatWasThereIsPutAsideWhole(t *testing.T) {
	f := newFolder(t)
	mark(t, f, "new")
	file := f.archive(t, backup.KeyOf(1), true)
	data := oldFolder(t)
	require.NoError(t, os.Mkdir(filepath.Join(data, "models"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(data, "models", "m.gguf"), []byte("weights"), 0o400))
	for range 3 { // three in the same second
		r := restoration(file, data, backup.KeyOf(1))
		r.Replace = true
		out, err := backup.Restore(t.Context(), system(), r)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(out.Aside, "replaced-20261121T143012Z"), out.Aside)
		require.FileExists(t, filepath.Join(data, out.Aside, "guardhouse.db"))
	}
	require.FileExists(t, filepath.Join(data, "models", "m.gguf"), "models stay where they are")
	aside := filepath.Join(data, "replaced-20261121T143012Z")
	require.Equal(t, "old", wholeState(t, aside), "the side files went along")
	require.FileExists(t, filepath.Join(data, "replaced-20261121T143012Z-2", "guardhouse.db"))
}

func TestRestoredFilesArePrivate(t *testing.T) {
	f := newFolder(t)
	data := filepath.Join(t.TempDir(), "fresh")
	_, err := backup.Restore(t.Context(), system(), restoration(f.archive(t, backup.KeyOf(1), true), data, backup.KeyOf(1)))
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		want := os.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		require.Equal(t, want, info.Mode().Perm(), path)
		return nil
	}))
}

// A restore that root makes must not lock the server's user out of its own folder.
func TestRootRestoresForTheFoldersOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const uid, gid = 34567, 45678
	f := newFolder(t)
	file := f.archive(t, backup.KeyOf(1), true)
	data := oldFolder(t)
	require.NoError(t, os.Chown(data, uid, gid))
	r := restoration(file, data, backup.KeyOf(1))
	r.Replace = true
	out, err := backup.Restore(t.Context(), system(), r)
	require.NoError(t, err)
	for _, name := range []string{"guardhouse.db", "secrets", "secrets/root.key", "tls", "tls/ca.pem", "run", out.Aside} {
		info, err := os.Lstat(filepath.Join(data, name))
		require.NoError(t, err)
		owner, ok := info.Sys().(*syscall.Stat_t)
		require.True(t, ok)
		require.Equal(t, [2]uint32{uid, gid}, [2]uint32{owner.Uid, owner.Gid}, name)
	}
}

// threat S3
func TestARestoreEndsAllAccess(t *testing.T) {
	f := newFolder(t)
	require.NoError(t, f.db.Write(func(tx *db.Tx) error {
		for _, q := range []string{
			`INSERT INTO users (id, kind, username, username_key, role, status, epoch, created_at, updated_at) VALUES ('usr_1', 'person', 'rita', 'rita', 'admin', 'active', 4, 0, 0)`,
			`INSERT INTO sessions (id, user_id, kind, token_hash, epoch, ip, last_ip, user_agent, created_at, last_used_at, expires_at) VALUES ('ses_1', 'usr_1', 'browser', 'h', 4, '', '', '', 0, 0, 9e15)`,
			`INSERT INTO refresh_tokens (token_hash, session_id, created_at, expires_at) VALUES ('r', 'ses_1', 0, 9e15)`,
			`INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, created_by, created_at) VALUES ('key_1', 'usr_1', 'l', 'p', 's', 'usr_1', 0)`,
			`INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, created_by, created_at, revoked_at) VALUES ('key_2', 'usr_1', 'l', 'p', 's', 'usr_1', 0, 1)`,
		} {
			if _, err := tx.Exec(q); err != nil {
				return err
			}
		}
		return nil
	}))
	data := filepath.Join(t.TempDir(), "fresh")
	out, err := backup.Restore(t.Context(), system(), restoration(f.archive(t, backup.KeyOf(1), false), data, backup.KeyOf(1)))
	require.NoError(t, err)
	require.EqualValues(t, 1, out.Sessions)
	require.EqualValues(t, 1, out.APIKeys)
	path := filepath.Join(data, "guardhouse.db")
	for query, want := range map[string]string{
		"SELECT epoch FROM users":                                                "5",
		"SELECT count(*) FROM sessions WHERE revoked_at IS NULL":                 "0",
		"SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL":              "0",
		"SELECT suspended_at FROM api_keys WHERE id = 'key_1'":                   "1795271412345",
		"SELECT suspended_at IS NULL FROM api_keys WHERE id = 'key_2'":           "1",
		"SELECT count(*) FROM meta WHERE key = 'setup.closed_at'":                "1",
		"SELECT count(*) FROM sqlite_schema WHERE name = 'audit_events'":         "1",
		"SELECT count(*) FROM audit_events WHERE action = 'settings.manage'":     "1",
		"SELECT actor_type || ' ' || actor_name FROM audit_events WHERE seq = 1": "system cli:tester",
	} {
		require.Equal(t, want, single(t, path, query), query)
	}
	page, err := openFolder(t, data).log.List(t.Context(), audit.Filter{Limit: 1})
	require.NoError(t, err)
	ev := page.Items[0]
	require.Equal(t, "backup:"+out.Archive.ID, ev.Resource)
	require.Equal(t, "restore", ev.Details["change"])
	require.Equal(t, out.Archive.Head.Hash, ev.Details["archive_head_hash"])
	require.Equal(t, "2026-11-21T14:30:12Z", ev.Details["archive_created_at"])
	require.Equal(t, []any{"guardhouse.db"}, ev.Details["files"])
}

// Only the command line restores; the gate would refuse others, and then nothing happens.
func TestOthersMayNotRestore(t *testing.T) {
	f := newFolder(t)
	file := f.archive(t, backup.KeyOf(1), false)
	above := t.TempDir()
	p := access.Principal{Kind: access.KindUser, UserID: "usr_1", Name: "rita", Role: "reviewer"}
	_, err := backup.Restore(t.Context(), p, restoration(file, filepath.Join(above, "d"), backup.KeyOf(1)))
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	require.Empty(t, tree(t, filepath.Join(above, "d")))
}

func TestAnOlderArchiveIsMigrated(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "guardhouse.db")
	d, err := db.Open(t.Context(), db.Options{Path: path})
	require.NoError(t, err)
	require.NoError(t, d.Close())
	older(t, path)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	list := backup.List{
		Version: 1, CreatedAt: now().Format(time.RFC3339Nano), SchemaVersion: 1, Head: backup.Head{Hash: audit.Genesis},
		Files: []backup.File{file("guardhouse.db", content)}, Models: []backup.Model{},
	}
	out := filepath.Join(dir, "b.ghb")
	require.NoError(t, os.WriteFile(out, sealed(t, list, content), 0o600))
	data := filepath.Join(t.TempDir(), "fresh")
	restored, err := backup.Restore(t.Context(), system(), restoration(out, data, backup.KeyOf(1)))
	require.NoError(t, err)
	require.Equal(t, apptest.Migrations(t, 1), restored.Migrated)
	require.NoError(t, db.CheckFile(t.Context(), filepath.Join(data, "guardhouse.db")))
}
