package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/models"
)

type result struct {
	code     int
	out, err string
}

func guardhouse(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errOut bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &out, &errOut)
	return result{code: code, out: out.String(), err: errOut.String()}
}

const password = "a long sentence for tests\n"

func folder(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	r := guardhouse(t, password, "user", "create", "alice", "--role", "admin", "--password-stdin", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	return data
}

func TestWrongUsageExitsTwo(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for _, args := range [][]string{
		{},
		{"bogus"},
		{"user"},
		{"serve", "--bogus"},
		{"serve", "extra"},
		{"key", "create"},
		{"moderate"},
		{"moderate", "a", "b"},
		{"moderate", "a", "--jsonl", "-"},
		{"moderate", "--jsonl", "-", "--response", "x"},
		{"user", "create", "bob", "--role", "guest"},
		{"model", "import"},
		{"doctor", "extra"},
		{"model", "import", "x.gguf", "--mmproj", "y.gguf"},
		{"model", "import", "x.gguf", "--kind", "vision"},
		{"key", "create", "--user", "a", "--label", "b", "--rate-limit", "often"},
		{"key", "create", "--user", "a", "--label", "b", "--ip", "10.1.2.3/8"},
		{"key", "create", "--user", "a", "--label", "b", "--expires", "soon"},
		{"serve", "--config", "/nonexistent.yaml"},
	} {
		r := guardhouse(t, "", append(args, "--data", data)...)
		require.Equal(t, exitUsage, r.code, "%v: %s", args, r.err)
		require.Equal(t, 1, strings.Count(r.err, "\n"), "%v: one line on stderr, not %q", args, r.err)
		require.NoFileExists(t, filepath.Join(data, "guardhouse.db"), "%v", args)
	}
	for line, args := range map[string][]string{
		"unknown command \"bogus\" for \"guardhouse user\": see guardhouse user --help": {"user", "bogus"},
		"accepts 1 arg(s), received 0: see guardhouse user disable --help":              {"user", "disable"},
		"unknown flag: --bogus: see guardhouse serve --help":                            {"serve", "--bogus"},
	} {
		require.Equal(t, "guardhouse: "+line+"\n", guardhouse(t, "", args...).err, "the line says what to do")
	}
}

// threat A2
func TestKnownSecretRefusesStart(t *testing.T) {
	for _, secret := range []string{"tiny-value", "changeme-changeme-changeme-changeme", "your-256-bit-secret-your-256-bit-secret"} {
		t.Setenv("GUARDHOUSE_AUTH_JWT_SECRET", secret)
		r := guardhouse(t, "", "serve", "--data", filepath.Join(t.TempDir(), "data"))
		require.Equal(t, exitUsage, r.code, r.err)
		require.NotContains(t, r.err, secret)
	}
}

func TestUsersAndKeys(t *testing.T) {
	data := folder(t)
	r := guardhouse(t, password, "user", "create", "Alice", "--role", "guest", "--password-stdin", "--data", data)
	require.Equal(t, exitFailed, r.code, "the name is taken, whatever its case")
	r = guardhouse(t, "", "user", "list", "--json", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, `"username":"alice"`)
	require.NotContains(t, r.out, "argon2")

	r = guardhouse(t, "", "key", "create", "--user", "alice", "--label", "ci", "--model", "guard-nano", "--operation", "infer", "--expires", "2099-01-01", "--json", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	var key struct{ ID, Key, Prefix string }
	require.NoError(t, json.Unmarshal([]byte(r.out), &key))
	require.True(t, strings.HasPrefix(key.Key, "gh_"), key.Key)
	r = guardhouse(t, "", "key", "list", "--data", data)
	require.Contains(t, r.out, key.ID)
	require.NotContains(t, r.out, key.Key, "the secret is shown once")
	require.Equal(t, exitGood, guardhouse(t, "", "key", "revoke", key.ID, "--data", data).code)
	require.Equal(t, exitFailed, guardhouse(t, "", "key", "revoke", "key_none", "--data", data).code)
}

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	data := folder(t)
	r := guardhouse(t, "", "audit", "verify", "--json", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	var report struct {
		OK   bool  `json:"ok"`
		Rows int64 `json:"rows"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &report))
	require.True(t, report.OK)
	require.EqualValues(t, 1, report.Rows, "the creation of alice")
}

func TestMistypedFolderIsNotAnEmptyOne(t *testing.T) {
	data := filepath.Join(t.TempDir(), "typo")
	for _, args := range [][]string{{"audit", "verify"}, {"key", "list"}, {"key", "revoke", "key_x"}, {"user", "list"}, {"model", "list"}} {
		r := guardhouse(t, "", append(args, "--data", data)...)
		require.Equal(t, exitFailed, r.code, "%v", args)
		require.NoDirExists(t, data)
	}
}

// Ctrl-C is told as what it is, whatever the services call it.
func TestACommandThatIsStoppedSaysSo(t *testing.T) {
	data := folder(t)
	path := filepath.Join(t.TempDir(), "g.gguf")
	require.NoError(t, os.WriteFile(path, models.GuardNano, 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errOut bytes.Buffer
	require.Equal(t, exitFailed, run(ctx, []string{"model", "import", path, "--data", data}, strings.NewReader(""), &out, &errOut))
	require.Equal(t, "guardhouse: stopped before it was done\n", errOut.String())
}

func TestMigrateAndVersion(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := guardhouse(t, "", "migrate", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, "applied")
	require.Contains(t, guardhouse(t, "", "migrate", "--data", data).out, "nothing to do")
	info, err := os.Stat(filepath.Join(data, "guardhouse.db"))
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077, "the database is its owner's alone")
	stamped := guardhouse(t, "", "version", "--json").out
	for _, key := range []string{`"engine"`, `"target"`, `"processor"`, `"kernels"`} {
		require.Contains(t, stamped, key)
	}
}

// threat W3
func TestHostileNamesDoNotReachTheTerminal(t *testing.T) {
	r := guardhouse(t, "", "model", "import", "\x1b]0;title\a\u202egguf", "--data", filepath.Join(t.TempDir(), "data"))
	require.Equal(t, exitFailed, r.code)
	require.NotContains(t, r.err, "\x1b")
	require.NotContains(t, r.err, "\u202e")
}
