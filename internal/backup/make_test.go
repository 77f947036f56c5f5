package backup_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/backup"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

func TestABackupRestores(t *testing.T) {
	f := newFolder(t)
	for i := range 5 {
		f.row(t, fmt.Sprint("row ", i))
	}
	for _, keys := range []bool{false, true} {
		path := f.archive(t, backup.KeyOf(1), keys)
		a, err := backup.Describe(t.Context(), path, backup.KeyOf(1))
		require.NoError(t, err)
		require.Equal(t, keys, a.Keys)
		require.Equal(t, now(), a.CreatedAt)
		require.EqualValues(t, len(apptest.Migrations(t, 0)), a.SchemaVersion)
		want := "guardhouse.db"
		if keys {
			want += " secrets/jwt-01jx8q4t2m01jx8q4t2m01jx8q.key secrets/root.key tls/ca.key tls/ca.pem tls/leaf.key"
		}
		require.Equal(t, want, names(a.Files))

		data := filepath.Join(t.TempDir(), "fresh")
		out, err := backup.Restore(t.Context(), system(), restoration(path, data, backup.KeyOf(1)))
		require.NoError(t, err)
		require.Equal(t, a.Head.Seq+1, out.Head.Seq)
		require.Empty(t, out.Aside)
		restored := openFolder(t, data)
		report, err := restored.log.Verify(t.Context(), audit.Anchor{Seq: a.Head.Seq, Hash: a.Head.Hash}, audit.Anchor{Seq: out.Head.Seq, Hash: out.Head.Hash})
		require.NoError(t, err)
		require.True(t, report.OK(), report.Detail)
		require.Equal(t, out.Head.Seq, report.Last, "the chain goes on from the restored head, by the restore's own row")
		restored.row(t, "afterwards")
	}
}

// What was acknowledged before the backup began is in it, whoever writes meanwhile, and the writers do not wait for it.
func TestABackupUnderLoad(t *testing.T) {
	f := newFolder(t)
	var acknowledged, stop atomic.Int64
	var writers sync.WaitGroup
	for w := range 16 {
		writers.Go(func() {
			for stop.Load() == 0 {
				ev, err := f.log.Record(audit.Entry{Actor: audit.Actor{Type: "system", Name: fmt.Sprint("writer ", w)}, Action: "example.read", Decision: audit.Allow})
				if err != nil {
					t.Error(err)
					return
				}
				for seq := acknowledged.Load(); ev.Seq > seq && !acknowledged.CompareAndSwap(seq, ev.Seq); seq = acknowledged.Load() {
				}
			}
		})
	}
	for range 3 {
		before := acknowledged.Load()
		path := f.archive(t, backup.KeyOf(1), false)
		require.Greater(t, acknowledged.Load(), before, "the writers went on")
		data := filepath.Join(t.TempDir(), "fresh")
		out, err := backup.Restore(t.Context(), system(), restoration(path, data, backup.KeyOf(1)))
		require.NoError(t, err)
		require.GreaterOrEqual(t, out.Archive.Head.Seq, before)
		require.Equal(t, fmt.Sprint(out.Head.Seq), single(t, filepath.Join(data, "guardhouse.db"), "SELECT count(*) FROM audit_events"))
	}
	stop.Store(1)
	writers.Wait()
}

func TestABackupLeavesOneRowAndNothingElse(t *testing.T) {
	f := newFolder(t)
	out := t.TempDir()
	path := filepath.Join(out, "b.ghb")
	apptest.RequireRows(t, f.db, 1, func() {
		a, err := backup.Make(t.Context(), system(), f.source, backup.Request{File: path, Key: backup.KeyOf(1)})
		require.NoError(t, err)
		require.Len(t, a.ID, 16)
	})
	page, err := f.log.List(t.Context(), audit.Filter{Limit: 1})
	require.NoError(t, err)
	ev := page.Items[0]
	require.Equal(t, string(access.SettingsManage), ev.Action)
	require.Equal(t, audit.Allow, ev.Decision)
	require.Equal(t, "backup", ev.Details["change"])
	entries, err := os.ReadDir(out)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no unfinished file")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	entries, err = os.ReadDir(filepath.Join(f.dir, "run"))
	require.NoError(t, err)
	require.Empty(t, entries, "no copy")
}

func TestANameThatIsTakenIsKept(t *testing.T) {
	f := newFolder(t)
	path := filepath.Join(t.TempDir(), "b.ghb")
	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	r := backup.Request{File: path, Key: backup.KeyOf(1)}
	apptest.RequireRows(t, f.db, 1, func() {
		_, err := backup.Make(t.Context(), system(), f.source, r)
		require.ErrorIs(t, err, fs.ErrExist)
	})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "mine", string(data))
	r.Overwrite = true
	empty := filepath.Join(f.dir, "serve.lock")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, taken := range []string{path, filepath.Join(f.dir, "guardhouse.db"), filepath.Join(f.dir, "guardhouse.db-wal"), empty} {
		before, err := os.Lstat(taken) // reading the database here would take SQLite's locks from it
		require.NoError(t, err)
		r.File = taken
		_, err = backup.Make(t.Context(), system(), f.source, r)
		require.Equal(t, fault.Conflict, fault.CodeOf(err), "%s: %v", taken, err)
		after, err := os.Lstat(taken)
		require.NoError(t, err)
		require.True(t, os.SameFile(before, after), "only a backup is replaced, never the database that it is made of")
	}
	r.File = path
	require.NoError(t, os.Remove(path))
	_, err = backup.Make(t.Context(), system(), f.source, r)
	require.NoError(t, err)
	_, err = backup.Make(t.Context(), system(), f.source, r)
	require.NoError(t, err, "a backup is")
	_, err = backup.Describe(t.Context(), path, backup.KeyOf(1))
	require.NoError(t, err)
	r.File = filepath.Dir(path)
	_, err = backup.Make(t.Context(), system(), f.source, r)
	require.ErrorIs(t, err, fs.ErrExist, "a folder is never overwritten")
}

func TestABackupThatCannotBeMade(t *testing.T) {
	cases := map[string]func(t *testing.T, f *folder, r *backup.Request) context.Context{
		"nowhere": func(t *testing.T, _ *folder, r *backup.Request) context.Context {
			r.File = filepath.Join(r.File, "missing", "b.ghb")
			return t.Context()
		},
		"canceled": func(t *testing.T, _ *folder, _ *backup.Request) context.Context {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx
		},
		"a key that is a link": func(t *testing.T, f *folder, r *backup.Request) context.Context {
			require.NoError(t, os.Remove(filepath.Join(f.dir, "tls/ca.pem")))
			require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(f.dir, "tls/ca.pem")))
			r.IncludeKeys = true
			return t.Context()
		},
		"a key that is too large": func(t *testing.T, f *folder, r *backup.Request) context.Context {
			require.NoError(t, os.WriteFile(filepath.Join(f.dir, "tls/ca.pem"), make([]byte, 1<<20), 0o600))
			r.IncludeKeys = true
			return t.Context()
		},
		"a chain that is broken": func(t *testing.T, f *folder, _ *backup.Request) context.Context {
			require.NoError(t, f.db.Write(func(tx *db.Tx) error {
				_, err := tx.Exec(`INSERT INTO audit_events SELECT 99, 'evt_forged', v, at, actor_type, actor_id, 'forged', key_id, roles, groups, purpose,
					operation, ip, user_agent, action, resource, model, model_sha256, decision, reason, rule_id, policy_version, request_id,
					content_hash, duration_us, details, 'x', 'y' FROM audit_events LIMIT 1`)
				return err
			}))
			return t.Context()
		},
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t)
			f.row(t, "one")
			out := t.TempDir()
			r := backup.Request{File: filepath.Join(out, "b.ghb"), Key: backup.KeyOf(1)}
			ctx := prepare(t, f, &r)
			_, err := backup.Make(ctx, system(), f.source, r)
			require.Error(t, err)
			entries, err := os.ReadDir(out)
			require.NoError(t, err)
			require.Empty(t, entries)
			if run, err := os.ReadDir(filepath.Join(f.dir, "run")); err == nil {
				require.Empty(t, run)
			}
		})
	}
}

func TestOnlyHoldersOfSettingsManageMakeBackups(t *testing.T) {
	f := newFolder(t)
	path := filepath.Join(t.TempDir(), "b.ghb")
	p := access.Principal{Kind: access.KindUser, UserID: "usr_1", Name: "rita", Role: "reviewer"}
	apptest.RequireRows(t, f.db, 1, func() {
		_, err := backup.Make(t.Context(), p, f.source, backup.Request{File: path, Key: backup.KeyOf(1)})
		require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	})
	require.NoFileExists(t, path)
}
