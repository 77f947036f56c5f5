package db_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

func TestASnapshotUnderLoadHasWhatWasAcknowledged(t *testing.T) {
	path := apptest.DBPath(t)
	d := apptest.OpenDBAt(t, path, time.Now)
	var stop atomic.Bool
	var acknowledged [8]atomic.Int64
	var writers sync.WaitGroup
	for w := range acknowledged {
		writers.Go(func() {
			for i := int64(1); !stop.Load(); i++ {
				if err := d.Write(put(fmt.Sprintf("%d/%06d", w, i))); err != nil {
					t.Error(err)
					return
				}
				acknowledged[w].Store(i)
			}
		})
	}
	for range 5 {
		var before [len(acknowledged)]int64
		for w := range before {
			before[w] = acknowledged[w].Load()
		}
		s, err := d.Snapshot(t.Context())
		require.NoError(t, err)
		require.NoError(t, db.CheckFile(t.Context(), s.Path))
		copied := apptest.OpenDBAt(t, s.Path, time.Now)
		there := map[string]bool{}
		for _, k := range keys(t, copied) {
			there[k] = true
		}
		for w := range before {
			for i := int64(1); i <= before[w]; i++ {
				require.True(t, there[fmt.Sprintf("%d/%06d", w, i)])
			}
		}
		require.NoError(t, s.Close())
		require.NoFileExists(t, s.Path)
	}
	stop.Store(true)
	writers.Wait()
}

func TestASnapshotIsPrivateAndLeavesNothing(t *testing.T) {
	path := apptest.DBPath(t)
	d := apptest.OpenDBAt(t, path, time.Now)
	s, err := d.Snapshot(t.Context())
	require.NoError(t, err)
	for name, want := range map[string]os.FileMode{s.Path: 0o600, filepath.Dir(s.Path): 0o700, filepath.Join(filepath.Dir(path), "run"): 0o700} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), name)
	}
	// Another process that starts now does not sweep what is in use.
	apptest.OpenDBAt(t, path, time.Now)
	require.FileExists(t, s.Path)
	require.NoError(t, s.Close())
	entries, err := os.ReadDir(filepath.Join(filepath.Dir(path), "run"))
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestACopyOfAKilledProcessIsSwept(t *testing.T) {
	path := apptest.DBPath(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "GUARDHOUSE_DB_CHILD=snapshot", "GUARDHOUSE_DB_PATH="+path)
	cmd.Stderr = os.Stderr
	_, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	copied := lines.Text()
	require.FileExists(t, copied)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.FileExists(t, copied, "nobody has cleaned up yet")

	unborn := filepath.Join(filepath.Dir(path), "run", "snapshot-unborn")
	other := filepath.Join(filepath.Dir(path), "run", "other")
	require.NoError(t, os.Mkdir(unborn, 0o700))
	require.NoError(t, os.Mkdir(other, 0o700))
	apptest.OpenDBAt(t, path, time.Now)
	require.NoDirExists(t, filepath.Dir(copied))
	require.NoDirExists(t, unborn)
	require.DirExists(t, other, "what is not ours stays")
}

func TestAFailedSnapshotSaysSoAndLeavesNothing(t *testing.T) {
	path := apptest.DBPath(t)
	d := apptest.OpenDBAt(t, path, time.Now)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "run"), nil, 0o600))
	_, err := d.Snapshot(t.Context())
	require.Equal(t, fault.Internal, fault.CodeOf(err))
}

// threat S4
func TestDeletedTextIsInNoFile(t *testing.T) {
	path := apptest.DBPath(t)
	d, err := db.Open(t.Context(), db.Options{Path: path})
	require.NoError(t, err)
	const planted = "Patient-Name-7c1f"
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("INSERT INTO meta (key, value) VALUES ('a', ?)", strings.Repeat(planted, 2000))
		return err
	}))
	require.NotEmpty(t, holding(t, filepath.Dir(path), planted), "the search finds what is there")
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("DELETE FROM meta WHERE key = 'a'")
		return err
	}))
	s, err := d.Snapshot(t.Context())
	require.NoError(t, err)
	require.Empty(t, holding(t, filepath.Dir(s.Path), planted), "a copy holds living rows only")
	require.NoError(t, s.Close())
	require.NoError(t, d.Close()) // the last one to close writes the log back and removes it
	require.Empty(t, holding(t, filepath.Dir(path), planted))
}

// holding lists the files below dir that hold text.
func holding(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			found = append(found, path)
		}
		return err
	}))
	return found
}
