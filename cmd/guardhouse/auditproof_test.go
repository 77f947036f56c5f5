package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// threat U1: with an export and the public keys alone, on another machine, whatever was changed is named; and an older copy of
// the whole folder is one as soon as somebody holds newer checkpoints.
func TestAnOutsiderChecksTheLog(t *testing.T) {
	data, out := folder(t), t.TempDir()
	on(t, data, exitGood, "", "audit", "checkpoint")
	old := filepath.Join(out, "old")
	require.NoError(t, os.CopyFS(old, os.DirFS(data)))
	keys := filepath.Join(out, "keys")
	require.NoError(t, os.WriteFile(keys, []byte(on(t, data, exitGood, "", "audit", "key").out), 0o600))
	lines, table := filepath.Join(out, "export.jsonl"), filepath.Join(out, "export.csv")
	on(t, data, exitGood, "", "audit", "export", "--out", lines)
	on(t, data, exitGood, "", "audit", "export", "--format", "csv", "--out", table)
	on(t, data, exitGood, "", "audit", "checkpoint") // over the rows of the exports

	for _, file := range []string{lines, table} {
		r := guardhouse(t, "", "audit", "verify", "--export", file, "--public-key", keys)
		require.Equal(t, exitGood, r.code, r.err)
		require.Contains(t, r.out, "not provable: tail-cut: ")
	}
	python := exec.CommandContext(t.Context(), "python3", "../../docs/verify.py", lines, keys)
	said, err := python.CombinedOutput()
	require.NoError(t, err, string(said))
	require.Contains(t, string(said), "nothing is wrong")

	text, err := os.ReadFile(lines)
	require.NoError(t, err)
	for name, changed := range map[string]string{
		"edited":  strings.Replace(string(text), `"decision":"allow"`, `"decision":"error"`, 1),
		"deleted": string(text[strings.IndexByte(string(text), '\n')+1:]),
	} {
		require.NoError(t, os.WriteFile(lines, []byte(changed), 0o600))
		r := guardhouse(t, "", "audit", "verify", "--export", lines, "--public-key", keys)
		require.Equal(t, exitFailed, r.code)
		require.Contains(t, r.err, name)
	}

	require.NoError(t, os.RemoveAll(filepath.Join(old, "anchor")))
	r := guardhouse(t, "", "audit", "verify", "--data", old)
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, "not provable: restored-old: ")
	r = guardhouse(t, "", "audit", "verify", "--data", old, "--anchor", filepath.Join(data, "anchor"))
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "restored-old")
	r = guardhouse(t, "", "audit", "verify", "--data", data, "--anchor", filepath.Join(data, "anchor"), "--public-key", keys)
	require.Equal(t, exitGood, r.code, r.err)
}
