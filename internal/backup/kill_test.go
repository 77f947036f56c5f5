package backup_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/backup"
	"guardhouse/internal/db"
)

// oldFolder makes a data folder as a killed server leaves it: its last rows are in the log beside the database alone.
func oldFolder(t *testing.T) string {
	t.Helper()
	f := newFolder(t)
	mark(t, f, "old")
	dir := filepath.Join(t.TempDir(), "old")
	require.NoError(t, os.CopyFS(dir, os.DirFS(f.dir)))
	for _, name := range []string{"guardhouse.db-wal", "guardhouse.db-shm"} {
		require.FileExists(t, filepath.Join(dir, name))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets", "root.key"), []byte("the old root key of this folder!"), 0o600))
	return dir
}

func mark(t *testing.T, f *folder, value string) {
	t.Helper()
	require.NoError(t, f.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("INSERT INTO meta (key, value) VALUES ('mark', ?)", value)
		return err
	}))
	f.row(t, value)
}

// kill runs a child that dies before the step of that number, and answers whether it did.
func kill(t *testing.T, role, file, data string, step int) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "GUARDHOUSE_BACKUP_CHILD="+role, "GUARDHOUSE_BACKUP_FILE="+file, "GUARDHOUSE_BACKUP_DATA="+data, fmt.Sprint("GUARDHOUSE_BACKUP_STEP=", step))
	var said strings.Builder
	cmd.Stderr = &said
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
		return false
	}
	require.Equal(t, -1, exit.ExitCode(), "killed, not failed: %s", said.String())
	return true
}

// wholeState answers "old" or "new", and fails the test for anything between the two.
func wholeState(t *testing.T, data string) string {
	t.Helper()
	path := filepath.Join(data, "guardhouse.db")
	require.NoError(t, db.CheckFile(t.Context(), path))
	state := single(t, path, "SELECT value FROM meta WHERE key = 'mark'")
	f := openFolder(t, data)
	report, err := f.log.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, report.OK(), report.Detail)
	restored := single(t, path, "SELECT count(*) FROM audit_events WHERE json_extract(details, '$.change') = 'restore'")
	root, err := os.ReadFile(filepath.Join(data, "secrets", "root.key"))
	require.NoError(t, err)
	ca, err := os.ReadFile(filepath.Join(data, "tls", "ca.pem"))
	require.NoError(t, err)
	require.Equal(t, "certificate", string(ca))
	switch state {
	case "old":
		require.Equal(t, "the old root key of this folder!", string(root))
		require.Equal(t, "0", restored)
	case "new":
		require.Equal(t, strings.Repeat("\x07", 32), string(root))
		require.Equal(t, "1", restored, "no restored database without the row and the end of access that go with it")
	default:
		require.Fail(t, "neither old nor new", state)
	}
	for name := range tree(t, data) {
		require.False(t, strings.HasPrefix(name, "restore.pending") || strings.HasPrefix(name, filepath.Join("run", "restore-")), name)
	}
	return state
}

func TestAKillAtAnyMomentLeavesOldOrNewWhole(t *testing.T) {
	source := newFolder(t)
	mark(t, source, "new")
	file := source.archive(t, backup.KeyOf(1), true)
	template := oldFolder(t)
	states := map[string]int{}
	for step := 0; ; step++ {
		data := filepath.Join(t.TempDir(), "data")
		require.NoError(t, os.CopyFS(data, os.DirFS(template)))
		killed := kill(t, "restore", file, data, step)
		// The next start is killed as well, before each of its own first steps.
		if backup.Pending(data) {
			kill(t, "finish", "", data, step%3)
		}
		require.NoError(t, errors.Join(backup.Finish(data), backup.Sweep(data)))
		states[wholeState(t, data)]++
		if !killed {
			break
		}
		require.Less(t, step, 100)
	}
	require.Greater(t, states["old"], 5, "killed before the commit")
	require.Greater(t, states["new"], 5, "killed after the commit")
}

// An error at any step, such as a full disk, undoes everything up to the commit.
func TestAFailureAtAnyStepLeavesOldOrNewWhole(t *testing.T) {
	source := newFolder(t)
	mark(t, source, "new")
	file := source.archive(t, backup.KeyOf(1), true)
	template := oldFolder(t)
	full := errors.New("no space left")
	for at := 0; ; at++ {
		data := filepath.Join(t.TempDir(), "data")
		require.NoError(t, os.CopyFS(data, os.DirFS(template)))
		before, n := tree(t, data), 0
		r := restoration(file, data, backup.KeyOf(1)).WithStep(func(string) error {
			if n++; n > at {
				return full
			}
			return nil
		})
		r.Replace = true
		_, err := backup.Restore(t.Context(), system(), r)
		if err == nil {
			require.Equal(t, "new", wholeState(t, data))
			require.Greater(t, at, 10)
			break
		}
		require.ErrorIs(t, err, full)
		if !backup.Pending(data) {
			after := tree(t, data)
			delete(after, "run")
			delete(before, "run")
			require.Equal(t, before, after, "step %d", at)
			continue
		}
		require.NoError(t, backup.Finish(data))
		require.Equal(t, "new", wholeState(t, data))
	}
}

func TestFinishRefusesAPlanThatIsNotOurs(t *testing.T) {
	for name, plan := range map[string]string{
		"another item":   `{"version":1,"aside":"replaced-20261121T143012Z","items":["../x"]}`,
		"another folder": `{"version":1,"aside":"../replaced","items":["guardhouse.db"]}`,
		"no JSON":        `{`,
		"tomorrow's":     `{"version":2,"aside":"replaced-20261121T143012Z","items":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			require.NoError(t, os.Mkdir(filepath.Join(data, "restore.pending"), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(data, "restore.pending", "plan.json"), []byte(plan), 0o600))
			before := tree(t, data)
			require.Error(t, backup.Finish(data))
			require.Equal(t, before, tree(t, data))
		})
	}
	data := t.TempDir()
	require.NoError(t, os.Symlink(t.TempDir(), filepath.Join(data, "restore.pending")))
	require.Error(t, backup.Finish(data), "a link out of the folder is not followed")
	require.NoError(t, backup.Finish(filepath.Join(t.TempDir())), "nothing to finish")
	require.ErrorIs(t, backup.Finish(filepath.Join(t.TempDir(), "missing")), fs.ErrNotExist)
}
