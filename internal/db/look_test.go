package db_test

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// footprint is every file of a folder with its bytes' hash.
func footprint(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out[path] = sha256.Sum256(data)
		return err
	}))
	return out
}

func TestLookChangesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "guardhouse.db")
	d, err := db.Open(t.Context(), db.Options{Path: path})
	require.NoError(t, err)
	_, err = d.Migrate(t.Context())
	require.NoError(t, err)

	examine := func(how db.Still) db.Examination {
		l, err := db.Look(t.Context(), path, how)
		require.NoError(t, err)
		e, err := l.Examine(t.Context())
		require.NoError(t, err)
		require.Equal(t, fault.NotAvailable, fault.CodeOf(l.Write(func(*db.Tx) error { return errors.New("ran") })))
		require.Zero(t, l.CommitsFailed())
		require.Zero(t, l.Stats().Waiting)
		require.False(t, l.Now().IsZero())
		_, err = l.ReadSQL().ExecContext(t.Context(), "DELETE FROM users")
		require.Error(t, err)
		require.NoError(t, l.Close())
		return e
	}
	before := footprint(t, dir)
	e := examine(db.InUse)
	require.NoError(t, e.SchemaError)
	require.Empty(t, e.Damage)
	require.Equal(t, e.Known, e.Version)
	require.Equal(t, "wal", e.JournalMode)
	require.Equal(t, before, footprint(t, dir), "beside a process that has it open")
	require.NoError(t, d.Close())

	before = footprint(t, dir)
	require.Len(t, before, 1, "at rest there is one file")
	e = examine(db.AtRest)
	require.NoError(t, e.SchemaError)
	require.Empty(t, e.Damage)
	require.Equal(t, before, footprint(t, dir), "no log is made beside it")
}

func TestLookSaysWhatIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	require.NoError(t, os.WriteFile(path, []byte("this is no database, however long it is made to be ............................................................................"), 0o600))
	l, err := db.Look(t.Context(), path, db.AtRest)
	if err == nil {
		_, err = l.Examine(t.Context())
		require.NoError(t, l.Close())
	}
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	_, err = db.Look(t.Context(), filepath.Join(t.TempDir(), "absent.db"), db.AtRest)
	require.Error(t, err)
}
