package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestBackupAndRestoreFlags(t *testing.T) {
	data := folder(t)
	out := t.TempDir()
	file := filepath.Join(out, "b.ghb")
	good := func(stdin string, args ...string) result {
		t.Helper()
		r := guardhouse(t, stdin, args...)
		require.Equal(t, exitGood, r.code, r.err)
		require.Empty(t, r.err)
		return r
	}
	r := good("", "backup", file, "--data", data)
	require.Contains(t, r.out, "read back and whole")
	require.Contains(t, r.out, file+".key: keep it somewhere else")
	for _, name := range []string{file, file + ".key"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}

	// The key beside the archive is found by itself; a fresh folder needs no more.
	fresh := filepath.Join(t.TempDir(), "fresh")
	r = good("", "restore", file, "--data", fresh)
	require.Contains(t, r.out, "restored "+fresh)
	info, err := os.Stat(fresh)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.Contains(t, good("", "user", "list", "--data", fresh).out, "alice")
	good("", "audit", "verify", "--data", fresh)

	// What is there stays there.
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	r = guardhouse(t, "", "backup", file, "--data", data)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "--force")
	r = guardhouse(t, "", "restore", file, "--data", fresh)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "--replace")
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, before, after)

	good("", "backup", file, "--force", "--include-keys", "--data", data)
	r = good("", "restore", file, "--data", fresh, "--replace", "--json")
	var body struct {
		PutAside      string   `json:"put_aside"`
		Migrated      []string `json:"migrated"`
		ModelsToBring []any    `json:"models_to_bring"`
		Archive       struct {
			KeysIncluded bool `json:"keys_included"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &body), r.out)
	require.True(t, body.Archive.KeysIncluded)
	require.NotNil(t, body.Migrated)
	require.NotNil(t, body.ModelsToBring)
	require.True(t, exists(filepath.Join(body.PutAside, "guardhouse.db")))
	require.True(t, exists(filepath.Join(body.PutAside, "secrets", "root.key")))
	// The old folder can be asked itself.
	require.Contains(t, good("", "user", "list", "--data", body.PutAside).out, "alice")
}

func TestBackupWithGivenKeys(t *testing.T) {
	data := folder(t)
	out := t.TempDir()
	require.Equal(t, exitGood, guardhouse(t, "", "backup", filepath.Join(out, "first"), "--data", data).code)
	key := filepath.Join(out, "elsewhere.key")
	require.NoError(t, os.Rename(filepath.Join(out, "first.key"), key))

	second := filepath.Join(out, "second")
	r := guardhouse(t, "", "backup", second, "--key-file", key, "--json", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, `"key_file":null`)
	require.False(t, exists(second+".key"))
	fresh := filepath.Join(t.TempDir(), "fresh")
	r = guardhouse(t, "", "restore", second, "--data", fresh)
	require.Equal(t, exitUsage, r.code, "no key is beside it")
	require.NoDirExists(t, fresh)
	require.Equal(t, exitGood, guardhouse(t, "", "restore", second, "--key-file", key, "--data", fresh).code)

	third := filepath.Join(out, "third")
	phrase := "a passphrase of many words\n"
	require.Equal(t, exitGood, guardhouse(t, phrase, "backup", third, "--passphrase-stdin", "--data", data).code)
	require.False(t, exists(third+".key"))
	fresh = filepath.Join(t.TempDir(), "fresh")
	r = guardhouse(t, "not the passphrase of it\n", "restore", third, "--passphrase-stdin", "--data", fresh)
	require.Equal(t, exitFailed, r.code)
	require.NotContains(t, r.err, "not the passphrase")
	require.NoDirExists(t, fresh)
	require.Equal(t, exitGood, guardhouse(t, phrase, "restore", third, "--passphrase-stdin", "--data", fresh).code)

	require.NoError(t, os.Chmod(key, 0o640))
	r = guardhouse(t, "", "backup", filepath.Join(out, "fourth"), "--key-file", key, "--data", data)
	require.Equal(t, exitFailed, r.code, "a key that others can read is none")
	require.Contains(t, r.err, "chmod 600")
	require.False(t, exists(filepath.Join(out, "fourth")))
}

func TestABackupThatFailsLeavesNoKey(t *testing.T) {
	data := folder(t)
	out := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(data, "tls"), 0o700))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(data, "tls", "ca.pem")))
	r := guardhouse(t, "", "backup", filepath.Join(out, "b.ghb"), "--include-keys", "--data", data)
	require.Equal(t, exitFailed, r.code)
	require.Equal(t, 1, strings.Count(r.err, "\n"), r.err)
	entries, err := os.ReadDir(out)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestBackupWrongUsage(t *testing.T) {
	data := folder(t)
	for _, args := range [][]string{
		{"backup"},
		{"backup", "a", "b"},
		{"backup", "a", "--bogus"},
		{"backup", "a", "--key-file", "k", "--passphrase-stdin"},
		{"backup", "a", "--passphrase-stdin"},
		{"restore"},
		{"restore", "a", "b"},
		{"restore", "a", "--key-file", "k", "--passphrase-stdin"},
		{"restore", "a", "--force"},
		{"migrate", "extra"},
		{"migrate", "--bogus"},
	} {
		r := guardhouse(t, "", append(args, "--data", data)...)
		require.Equal(t, exitUsage, r.code, "%v: %s", args, r.err)
		require.Equal(t, 1, strings.Count(r.err, "\n"), "%v: %q", args, r.err)
	}
	for _, args := range [][]string{
		{"restore", filepath.Join(data, "missing.ghb")},
		{"backup", filepath.Join(t.TempDir(), "x"), "--data", filepath.Join(t.TempDir(), "typo")},
	} {
		r := guardhouse(t, "", append(args, "--data", filepath.Join(t.TempDir(), "typo"))...)
		require.Equal(t, exitFailed, r.code, "%v: %s", args, r.err)
	}
}

func TestMigrateDryRun(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := guardhouse(t, "", "migrate", "--dry-run", "--data", data)
	require.Equal(t, exitFailed, r.code)
	require.NoDirExists(t, data, "nothing is made")
	require.Equal(t, exitGood, guardhouse(t, "", "migrate", "--data", data).code)
	r = guardhouse(t, "", "migrate", "--dry-run", "--json", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	require.JSONEq(t, `{"dry_run":true,"migrations":[],"schema_ok":true}`, r.out)
	require.Contains(t, guardhouse(t, "", "migrate", "--dry-run", "--data", data).out, "nothing to do")
}

// threat S2
func TestAPlantedTriggerStopsEveryCommandWithOneLine(t *testing.T) {
	data := folder(t)
	plant(t, filepath.Join(data, "guardhouse.db"))
	keepEnvironment(t)
	for _, args := range [][]string{{"serve", "--no-supervisor"}, {"user", "list"}, {"audit", "verify"}, {"migrate"}, {"backup", filepath.Join(t.TempDir(), "b.ghb")}} {
		r := guardhouse(t, "", append(args, "--data", data)...)
		require.Equal(t, exitFailed, r.code, "%v", args)
		require.Contains(t, r.err, `trigger "planted"`, "%v", args)
		said := strings.Split(strings.TrimSpace(r.err), "\n")
		require.Len(t, slices.DeleteFunc(said, func(line string) bool { return strings.HasPrefix(line, "{") }), 1, "%v beside the server's log: %s", args, r.err)
	}
}
