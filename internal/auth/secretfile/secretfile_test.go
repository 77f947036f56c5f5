package secretfile

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

const size = 32

func TestASecretThatIsWrongIsRefused(t *testing.T) {
	good := bytes.Repeat([]byte{1}, size)
	cases := map[string]func(t *testing.T, path string){
		"group may read":  func(t *testing.T, p string) { put(t, p, good, 0o640) },
		"all may read":    func(t *testing.T, p string) { put(t, p, good, 0o604) },
		"group may write": func(t *testing.T, p string) { put(t, p, good, 0o620) },
		"too short":       func(t *testing.T, p string) { put(t, p, good[1:], 0o600) },
		"too long":        func(t *testing.T, p string) { put(t, p, append(good, 1), 0o600) },
		"empty":           func(t *testing.T, p string) { put(t, p, nil, 0o600) },
		"a folder":        func(t *testing.T, p string) { require.NoError(t, os.Mkdir(p, 0o700)) },
		"a link elsewhere": func(t *testing.T, p string) {
			put(t, p+".real", good, 0o600)
			require.NoError(t, os.Symlink(p+".real", p))
		},
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.Mkdir(filepath.Join(dir, Folder), 0o700))
			path := filepath.Join(dir, Folder, "root.key")
			prepare(t, path)
			_, err := ReadOrMake(path, size)
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
			require.NotContains(t, fault.From(err).Message, dir, "a message names no path of the machine")
		})
	}
}

func put(t *testing.T, path string, content []byte, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, content, mode))
	require.NoError(t, os.Chmod(path, mode)) // whatever the umask
}

func TestAStagedSecretIsNobodysUntilItHasAName(t *testing.T) {
	dir, err := OpenFolder(t.TempDir())
	require.NoError(t, err)
	path := filepath.Join(dir, "x.key")
	first, second := bytes.Repeat([]byte{1}, size), bytes.Repeat([]byte{2}, size)
	staged, err := Stage(dir, first)
	require.NoError(t, err)
	_, err = Read(path, size)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, Name(staged, path))
	require.NoFileExists(t, staged)

	other, err := Stage(dir, second)
	require.NoError(t, err)
	require.ErrorIs(t, Name(other, path), fs.ErrExist, "a name that is taken stays with what it names")
	require.NoError(t, Remove(other))
	require.NoError(t, Remove(other), "what is gone is gone")
	got, err := ReadOrMake(path, size)
	require.NoError(t, err)
	require.Equal(t, first, got)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, fileMode, info.Mode().Perm())
}
