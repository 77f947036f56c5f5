package gpu

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// build lays a library out as scripts/build-cuda.sh does, of files that hold their own names.
func build(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	text := form + "\nengine " + EngineVersion + "\ntoolkit 13.0.88\narchitectures 86-real\n"
	for _, name := range []string{"libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libggml-base.so.0", backend} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
		sum := sha256.Sum256([]byte(name))
		text += hex.EncodeToString(sum[:]) + "  " + name + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, manifestName), []byte(text), 0o600))
}

// lastLine answers the last line of a text that ends with a newline.
func lastLine(s string) string { return s[strings.LastIndex(s[:len(s)-1], "\n")+1:] }

// real answers a folder for a test, without links on the way to it.
func real(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return filepath.Join(dir, "gpu")
}

func TestOpen(t *testing.T) {
	dir := real(t)
	build(t, dir)
	l, err := Open(dir, "")
	require.NoError(t, err)
	require.Equal(t, "86-real", l.Architectures)
	require.Equal(t, "13.0.88", l.Toolkit)
	require.Len(t, l.Files, 5)
	require.Equal(t, filepath.Join(dir, backend), l.Files[4].Name())
	pinned, err := Open(dir, l.SHA256)
	require.NoError(t, err)
	require.NoError(t, pinned.Close())
	require.NoError(t, l.Close())
	_, err = Open(dir, strings.Repeat("0", 64))
	require.ErrorContains(t, err, "engine.gpu_library_sha256 wants")
}

func TestOpenAbsent(t *testing.T) {
	dir := real(t)
	_, err := Open(dir, "")
	require.ErrorIs(t, err, ErrAbsent)
	require.NoError(t, os.MkdirAll(dir, 0o700))
	_, err = Open(dir, "")
	require.ErrorIs(t, err, ErrAbsent)
}

// threat M6: a library is loaded from no place that others can write to, and never other bytes than the manifest's.
func TestOpenRefuses(t *testing.T) {
	write := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
	}
	mode := func(name string, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) { require.NoError(t, os.Chmod(filepath.Join(dir, name), mode)) }
	}
	manifest := func(change func(string) string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			text, err := os.ReadFile(filepath.Join(dir, manifestName))
			require.NoError(t, err)
			write(manifestName, change(string(text)))(t, dir)
		}
	}
	swap := func(old, now string) func(*testing.T, string) {
		return manifest(func(s string) string { return strings.Replace(s, old, now, 1) })
	}
	for name, c := range map[string]struct {
		change func(*testing.T, string)
		says   string
		unsafe bool
	}{
		"folder 0777":   {mode("", 0o777), "can be written to by others (mode 0777", true},
		"folder sticky": {mode("", 0o777|os.ModeSticky), "can be written to by others", true},
		"parent 0777":   {mode("..", 0o777), "can be written to by others", true},
		"library 0666":  {mode(backend, 0o666), "can be written to by others", true},
		"manifest 0666": {mode(manifestName, 0o666), "can be written to by others", true},
		"other bytes":   {write(backend, "planted"), "its manifest says", false},
		"other engine":  {swap(EngineVersion, "v0.23.0"), "this release has", false},
		"rpc":           {swap(backend, "libggml-rpc.so"), "never loaded", false},
		"a path":        {swap(backend, "../libggml-cuda.so"), "never loaded", false},
		"twice":         {manifest(func(s string) string { return s + strings.SplitAfter(s, "\n")[8] }), "twice", false},
		"two of a kind": {manifest(func(s string) string {
			return strings.TrimSuffix(s, lastLine(s)) + strings.Repeat("0", 64) + "  libcudart.so.12\n" + lastLine(s)
		}), "lists libcudart 2 times", false},
		"one is missing":   {manifest(func(s string) string { return strings.Replace(s, strings.SplitAfter(s, "\n")[5], "", 1) }), "lists libcublasLt 0 times", false},
		"not last":         {manifest(func(s string) string { return s[:strings.LastIndex(s[:len(s)-1], "\n")+1] }), "does not end with", false},
		"no form":          {write(manifestName, "hello\n"), "not one of", false},
		"no hash":          {manifest(func(s string) string { return s + "feed  libcudart.so.12\n" }), "none of its form", false},
		"too long":         {manifest(func(s string) string { return s + strings.Repeat("x", maxManifest) }), "longer than", false},
		"a file is gone":   {func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, backend))) }, "file does not exist", false},
		"a file is a link": {link(backend), "is a link", true},
		"a pipe or folder": {func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, backend)))
			require.NoError(t, os.Mkdir(filepath.Join(dir, backend), 0o700))
		}, "is no plain file", true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(real(t), "below")
			build(t, dir)
			c.change(t, dir)
			_, err := Open(dir, "")
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "\n")
			var loose *UnsafeError
			require.Equal(t, c.unsafe, errors.As(err, &loose))
		})
	}
}

// link puts a link to the very same bytes in a file's place.
func link(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		other := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.Rename(filepath.Join(dir, name), other))
		require.NoError(t, os.Symlink(other, filepath.Join(dir, name)))
	}
}

func TestOpenFollowsNoLink(t *testing.T) {
	dir := real(t)
	build(t, dir)
	there := filepath.Join(filepath.Dir(dir), "link")
	require.NoError(t, os.Symlink(dir, there))
	for _, path := range []string{there, filepath.Join(there, "."), "gpu", filepath.Dir(dir) + "/x/../gpu"} {
		_, err := Open(path, "")
		var loose *UnsafeError
		require.ErrorAs(t, err, &loose, path)
	}
}

// A folder of somebody else is refused even where its mode is right.
func TestOpenRefusesOthersFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run: only root can give a folder away")
	}
	dir := real(t)
	build(t, dir)
	require.NoError(t, os.Chown(dir, 12345, 0))
	_, err := Open(dir, "")
	require.ErrorContains(t, err, "belongs to user 12345")
}

// A group's members are others, whatever the group's number.
func TestOpenRefusesAGroupThatWrites(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run: only root can give a folder to group 0")
	}
	for _, name := range []string{"..", "", backend} {
		dir := filepath.Join(real(t), "below")
		build(t, dir)
		require.NoError(t, os.Chown(filepath.Join(dir, name), -1, 0))
		require.NoError(t, os.Chmod(filepath.Join(dir, name), 0o770))
		_, err := Open(dir, "")
		var loose *UnsafeError
		require.ErrorAs(t, err, &loose, name)
		require.ErrorContains(t, err, "can be written to by others (mode 0770")
	}
}

// The version stands in go.mod, in the script and here: one changed alone would load a library that misreads our structs.
func TestEngineVersion(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^\tgithub\.com/ollama/ollama (v\S+)`).FindStringSubmatch(string(text))
	require.Len(t, found, 2)
	require.Equal(t, EngineVersion, found[1])
}
