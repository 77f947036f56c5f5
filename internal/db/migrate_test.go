package db_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

func TestMigrateTwiceAndTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g.db")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	applied := make([][]string, len(errs))
	for i := range errs {
		wg.Go(func() {
			d, err := db.Open(context.Background(), db.Options{Path: path})
			if err == nil {
				applied[i], err = d.Migrate(context.Background())
				if cerr := d.Close(); err == nil {
					err = cerr
				}
			}
			errs[i] = err
		})
	}
	wg.Wait()
	ran := 0
	for i := range errs {
		require.NoError(t, errs[i])
		ran += len(applied[i])
	}
	require.Equal(t, len(apptest.Migrations(t, 0)), ran, "each migration ran once")
	d := apptest.OpenDBAt(t, path, time.Now)
	pending, err := d.Pending(t.Context())
	require.NoError(t, err)
	require.Empty(t, pending)
}

// Several files are pending and several processes start at once, on a new file and on one of an older release.
func TestProcessesMigrateTogether(t *testing.T) {
	for name, from := range map[string]int64{"new file": 0, "older release": 1} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "g.db")
			if from > 0 {
				d := apptest.OpenDBAt(t, path, time.Now)
				require.NoError(t, d.MigrateTo(t.Context(), from))
			}
			const processes = 6
			var starts []io.Closer
			var outs [processes]bytes.Buffer
			var commands []*exec.Cmd
			for i := range processes {
				cmd := exec.CommandContext(t.Context(), os.Args[0])
				cmd.Env = append(os.Environ(), "GUARDHOUSE_DB_CHILD=migrate", "GUARDHOUSE_DB_PATH="+path)
				cmd.Stdout, cmd.Stderr = &outs[i], os.Stderr
				in, err := cmd.StdinPipe()
				require.NoError(t, err)
				require.NoError(t, cmd.Start())
				starts, commands = append(starts, in), append(commands, cmd)
			}
			for _, in := range starts {
				require.NoError(t, in.Close())
			}
			var ran []string
			for i, cmd := range commands {
				require.NoError(t, cmd.Wait())
				ran = append(ran, strings.Fields(outs[i].String())...)
			}
			require.Equal(t, apptest.Migrations(t, int(from)), ran, "each ran once, in one process, in order")
			require.NoError(t, db.CheckFile(t.Context(), path))
		})
	}
}

func TestMigrateWaitsOnlyAsLongAsItsCaller(t *testing.T) {
	path := apptest.DBPath(t)
	d := apptest.OpenDBAt(t, path, time.Now)
	release, err := db.LockMigration(t.Context(), path)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = d.Migrate(ctx)
	require.Equal(t, fault.Timeout, fault.CodeOf(err))
	require.NoError(t, release())
	_, err = d.Migrate(t.Context())
	require.NoError(t, err)
}

// older answers the path of a database as the first release left it.
func older(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "g.db")
	d, err := db.Open(t.Context(), db.Options{Path: path})
	require.NoError(t, err)
	require.NoError(t, d.MigrateTo(t.Context(), 1))
	require.NoError(t, d.Close())
	return path
}

func TestDryRunChangesNothing(t *testing.T) {
	path := older(t)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	d, err := db.Open(t.Context(), db.Options{Path: path})
	require.NoError(t, err)
	for range 2 {
		would, err := d.DryRun(t.Context())
		require.NoError(t, err)
		require.Equal(t, apptest.Migrations(t, 1), would)
	}
	require.NoError(t, d.Close())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, after), "the file is as it was")
	entries, err := os.ReadDir(filepath.Join(filepath.Dir(path), "run"))
	require.NoError(t, err)
	require.Empty(t, entries, "the copy is gone")

	d = apptest.OpenDBAt(t, path, time.Now)
	applied, err := d.Migrate(t.Context())
	require.NoError(t, err)
	require.Equal(t, apptest.Migrations(t, 1), applied)
	would, err := d.DryRun(t.Context())
	require.NoError(t, err)
	require.Empty(t, would)
}

func TestDryRunRefusesANewerDatabase(t *testing.T) {
	d := apptest.OpenDB(t)
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("INSERT INTO goose_db_version (version_id, is_applied) SELECT max(version_id) + 1, 1 FROM goose_db_version")
		return err
	}))
	_, err := d.DryRun(t.Context())
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.Contains(t, err.Error(), "newer binary")
}
