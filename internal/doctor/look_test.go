package doctor_test

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/doctor"
	"guardhouse/internal/fault"
	"guardhouse/internal/verify"
)

// footprintOf is every file of a folder with its bytes' hash and its time.
func footprintOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		sum := sha256.Sum256(data)
		out[path] = info.ModTime().String() + string(sum[:])
		return err
	}))
	return out
}

// A copy that was taken while somebody wrote, or after a kill, has rows in its log alone. They are read, and the copy stays as
// it is: no file more, none changed.
func TestACopyIsReadAndNotTouched(t *testing.T) {
	path := apptest.DBPath(t)
	d, err := db.Open(t.Context(), db.Options{Path: path})
	require.NoError(t, err)
	log := audit.New(d, []byte("key"))
	for range 30 {
		_, err := log.Record(audit.Entry{Actor: audit.Actor{Type: "system"}, Action: "x", Decision: audit.Allow})
		require.NoError(t, err)
	}
	dir := t.TempDir()
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NotEmpty(t, data)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "guardhouse.db"+suffix), data, 0o400))
	}
	require.NoError(t, d.Close())
	before := footprintOf(t, dir)
	rows := func() int64 {
		look, done, err := doctor.LookAt(t.Context(), dir)
		require.NoError(t, err)
		defer done()
		r, err := verify.Database(t.Context(), audit.New(look, nil), verify.Options{})
		require.NoError(t, err)
		require.True(t, r.OK(), r.Detail)
		return r.Rows
	}
	require.EqualValues(t, 30, rows())
	require.Equal(t, before, footprintOf(t, dir))
	require.NoError(t, os.Remove(filepath.Join(dir, "guardhouse.db-wal")))
	before = footprintOf(t, dir)
	require.Zero(t, rows(), "without its log the copy ends before them")
	require.Equal(t, before, footprintOf(t, dir))
}

func TestWhatIsNoDatabaseIsNotLookedAt(t *testing.T) {
	dir := t.TempDir()
	_, _, err := doctor.LookAt(t.Context(), dir)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "guardhouse.db"), nil, 0o600))
	_, _, err = doctor.LookAt(t.Context(), dir)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "guardhouse.db"), make([]byte, 1<<20), 0o600))
	_, _, err = doctor.LookAt(t.Context(), dir)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}
