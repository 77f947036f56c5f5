package db_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

func TestPragmasOnEveryPool(t *testing.T) {
	d := apptest.OpenDB(t)
	for name, want := range db.Pragmas() {
		var got string
		require.NoError(t, d.WriterConn().QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got))
		require.Equal(t, want, got, "writer: %s", name)
	}
	// Hold every connection of the read pool at once, so that each is asked.
	for range 7 { // eight, less the pinned one
		conn, err := d.ReadSQL().Conn(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		for name, want := range db.Pragmas() {
			var got string
			require.NoError(t, conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got))
			require.Equal(t, want, got, "reader: %s", name)
		}
		var only int
		require.NoError(t, conn.QueryRowContext(t.Context(), "PRAGMA query_only").Scan(&only))
		require.Equal(t, 1, only)
	}
}

func TestFilesArePrivateAndPathsAreLiteral(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd ?name#with %41 in it")
	require.NoError(t, os.Mkdir(dir, 0o755))
	path := filepath.Join(dir, "g.db")
	d, err := db.Open(t.Context(), db.Options{Path: path})
	require.NoError(t, err)
	_, err = d.Migrate(t.Context())
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), e.Name())
		names = append(names, e.Name())
	}
	require.ElementsMatch(t, []string{"g.db", "g.db-shm", "g.db-wal"}, names)
	require.NoError(t, d.Close())
}

func TestReadPoolRefusesWrites(t *testing.T) {
	d := apptest.OpenDB(t)
	_, err := d.ReadSQL().ExecContext(t.Context(), "DELETE FROM roles")
	require.Error(t, err)
	require.Error(t, d.Read(t.Context()).Exec("DELETE FROM roles").Error)
}

func TestPendingOnANewFile(t *testing.T) {
	d := apptest.OpenDBAt(t, filepath.Join(t.TempDir(), "g.db"), time.Now)
	pending, err := d.Pending(t.Context())
	require.NoError(t, err)
	require.Equal(t, apptest.Migrations(t, 0), pending)
	applied, err := d.Migrate(t.Context())
	require.NoError(t, err)
	require.Equal(t, pending, applied)
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	d := apptest.OpenDB(t)
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
		return err
	}))
	_, err := d.Migrate(t.Context())
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.Contains(t, err.Error(), "newer binary")
	_, err = d.Pending(t.Context())
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
}

func TestDataVersionSeesOthers(t *testing.T) {
	path := apptest.DBPath(t)
	ours := apptest.OpenDBAt(t, path, time.Now)
	theirs := apptest.OpenDBAt(t, path, time.Now)
	before, err := ours.DataVersion(t.Context())
	require.NoError(t, err)
	same, err := ours.DataVersion(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, same)
	require.NoError(t, theirs.Write(put("a")))
	after, err := ours.DataVersion(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, before, after)
}

func TestFreeShare(t *testing.T) {
	share, err := apptest.OpenDB(t).FreeShare()
	require.NoError(t, err)
	require.Greater(t, share, 0.0)
	require.LessOrEqual(t, share, 1.0)
}

func TestOpenRefusesAFileThatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g.db")
	require.NoError(t, os.WriteFile(path, []byte("this is certainly not a database file, and it is long enough to be one"), 0o600))
	_, err := db.Open(t.Context(), db.Options{Path: path})
	require.Error(t, err)
}
