package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// threat U1: an auditor with the pack and the keys alone checks all of it, on another machine and in either language.
func TestAuditEvidenceOnTheCommandLine(t *testing.T) {
	data, out := folder(t), t.TempDir()
	on(t, data, exitGood, "", "audit", "checkpoint")
	keys, pack := filepath.Join(out, "keys"), filepath.Join(out, "pack.zip")
	require.NoError(t, os.WriteFile(keys, []byte(on(t, data, exitGood, "", "audit", "key").out), 0o600))
	said := on(t, data, exitGood, "", "audit", "evidence", "--from", "2020-01-01", "--out", pack).out
	require.Contains(t, said, "wrote    "+pack)
	info, err := os.Stat(pack)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	require.NoFileExists(t, pack+".part")

	r := guardhouse(t, "", "audit", "verify", "--evidence", pack, "--public-key", keys)
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, "one of --public-key")
	require.Contains(t, r.out, "period       2020-01-01 00:00:00Z to the pack's own row")
	r = guardhouse(t, "", "audit", "verify", "--evidence", pack)
	require.Equal(t, exitUsage, r.code, "anybody can make one that is whole by its own keys")
	require.Contains(t, r.err, "nobody outside vouches")
	require.Contains(t, r.out, "believed on the pack's own word")
	require.Contains(t, r.out, "not provable: the keys are the pack's own word")
	var body struct {
		OK       *bool  `json:"ok"`
		KeysFrom string `json:"keys_from"`
		Evidence struct{ Key, By string }
	}
	require.NoError(t, json.Unmarshal([]byte(guardhouse(t, "", "audit", "verify", "--evidence", pack, "--json").out), &body))
	require.Nil(t, body.OK)
	require.Equal(t, exitGood, guardhouse(t, "", "audit", "verify", "--evidence", pack, "--trust-own-keys").code)
	require.Equal(t, "pack", body.KeysFrom)
	require.True(t, strings.HasPrefix(body.Evidence.Key, "ak"))
	words, err := exec.CommandContext(t.Context(), "python3", "../../docs/verify.py", pack, keys).CombinedOutput()
	require.NoError(t, err, string(words))

	raw, err := os.ReadFile(pack)
	require.NoError(t, err)
	raw[len(raw)/2] ^= 1
	require.NoError(t, os.WriteFile(pack+".changed", raw, 0o600))
	r = guardhouse(t, "", "audit", "verify", "--evidence", pack+".changed", "--public-key", keys)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "edited")
	require.NotContains(t, r.out, "believed")

	rows := on(t, data, exitGood, "", "audit", "export", "--action", "audit.export").out
	require.Equal(t, 1, strings.Count(rows, `"format":"evidence"`), "its rows are in the log")
}

// A file that is there is replaced when it is said, and by nothing that is not whole; nothing is left behind.
func TestAuditEvidenceReplacesNothing(t *testing.T) {
	data, out := folder(t), t.TempDir()
	pack := filepath.Join(out, "pack.zip")
	require.NoError(t, os.WriteFile(pack, []byte("mine"), 0o644))
	require.Contains(t, on(t, data, exitFailed, "", "audit", "evidence", "--out", pack).err, "is there already")
	text, err := os.ReadFile(pack)
	require.NoError(t, err)
	require.Equal(t, "mine", string(text))
	before := on(t, data, exitGood, "", "audit", "export", "--action", "audit.export").out
	left := filepath.Join(out, "left.zip")
	require.NoError(t, os.WriteFile(left+".part", nil, 0o600))
	r := on(t, data, exitFailed, "", "audit", "evidence", "--out", left, "--force")
	require.Contains(t, r.err, "remove it and try again")
	require.NoError(t, os.Remove(left+".part"))
	after := on(t, data, exitGood, "", "audit", "export", "--action", "audit.export").out
	require.Equal(t, strings.Count(before, `"change":"begin"`)+1, strings.Count(after, `"change":"begin"`), "the name is looked at before the log has a row")
	on(t, data, exitGood, "", "audit", "evidence", "--out", pack, "--force")
	info, err := os.Stat(pack)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())

	link := filepath.Join(out, "link")
	require.NoError(t, os.Symlink(pack, link))
	on(t, data, exitFailed, "", "audit", "evidence", "--out", link, "--force")
	on(t, data, exitFailed, "", "audit", "evidence", "--out", filepath.Join(out, "none", "pack.zip"))
	on(t, data, exitFailed, "", "audit", "evidence", "--from", "2026-11-22", "--to", "2026-11-21", "--out", filepath.Join(out, "x"))
	on(t, data, exitUsage, "", "audit", "evidence", "--from", "yesterday", "--out", filepath.Join(out, "x"))
	on(t, data, exitUsage, "", "audit", "evidence")
	there, err := filepath.Glob(filepath.Join(out, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{link, pack}, there)
}

// What is no pack is refused at once, whatever it is: nothing waits for a pipe, and no byte of it reaches a terminal.
func TestAuditVerifyRefusesWhatIsNoPack(t *testing.T) {
	out := t.TempDir()
	pipe, odd := filepath.Join(out, "pipe"), filepath.Join(out, "odd")
	require.NoError(t, unix.Mkfifo(pipe, 0o600))
	require.NoError(t, os.WriteFile(odd, []byte(strings.Repeat("\x1b[31m", 100)), 0o600))
	for _, name := range []string{pipe, odd, out, filepath.Join(out, "absent"), "/dev/zero"} {
		r := guardhouse(t, "", "audit", "verify", "--evidence", name)
		require.Equal(t, exitFailed, r.code, name)
		require.NotContains(t, r.err+r.out, "\x1b")
	}
	for _, more := range [][]string{{"--export", odd}, {"--anchor", out}} {
		require.Equal(t, exitUsage, guardhouse(t, "", append([]string{"audit", "verify", "--evidence", odd}, more...)...).code)
	}
}

// threat W3: what a pack says of who made it obeys nobody on a terminal, and shows that there is something.
func TestWordsOfAPackAreWrittenOut(t *testing.T) {
	require.Equal(t, `王伟 \u202eeve\x1b[31m\u2066`, escaped("王伟 \u202eeve\x1b[31m\u2066"))
}
