package main

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A good log is called whole, and what was not looked at is said; a bad one says what to do next.
func TestAuditVerifySaysInWordsHowItIs(t *testing.T) {
	data := folder(t)
	on(t, data, exitGood, "", "audit", "checkpoint")
	r := on(t, data, exitGood, "", "audit", "verify")
	require.Regexp(t, `(?m)^whole: rows 1 to \d+, nothing wrong found\nnot provable: `, r.out)
	require.Regexp(t, `(?m)^not checked: accounts, roles, rules`, r.out)
	var body struct {
		OK         bool
		NotChecked string `json:"not_checked"`
		Problem    string
		Finding    *struct{ Kind, Next string }
	}
	require.NoError(t, json.Unmarshal([]byte(on(t, data, exitGood, "", "audit", "verify", "--json").out), &body))
	require.True(t, body.OK)
	require.Contains(t, body.NotChecked, "roles")

	lines, keys := filepath.Join(t.TempDir(), "all.jsonl"), filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(keys, []byte(on(t, data, exitGood, "", "audit", "key").out), 0o600))
	on(t, data, exitGood, "", "audit", "export", "--out", lines)
	r = guardhouse(t, "", "audit", "verify", "--export", lines, "--public-key", keys)
	require.Regexp(t, `(?m)^whole: rows 1 to \d+, nothing wrong found$`, r.out)
	require.NotContains(t, r.out, "not checked")

	pool := sql.OpenDB(anybody(filepath.Join(data, "guardhouse.db")))
	_, err := pool.ExecContext(t.Context(), "DROP TRIGGER audit_events_no_update; UPDATE audit_events SET actor_name = 'mallory' WHERE seq = 2")
	require.NoError(t, err)
	require.NoError(t, pool.Close())
	r = guardhouse(t, "", "audit", "verify", "--data", data)
	require.Equal(t, exitFailed, r.code)
	require.Regexp(t, `^guardhouse: edited at row 2: .*\nnext: keep what you checked .*\n$`, r.err)
	require.NotContains(t, r.out, "whole: ")
	require.NoError(t, json.Unmarshal([]byte(guardhouse(t, "", "audit", "verify", "--data", data, "--json").out), &body))
	require.False(t, body.OK)
	require.Equal(t, "edited", body.Finding.Kind)
	require.Contains(t, body.Finding.Next, "keep what you checked")
}

// Whoever unmounts the anchor of the settings does not make it look as if there had been none.
func TestAuditVerifyNamesTheAnchorThatIsMissing(t *testing.T) {
	data, gone := folder(t), filepath.Join(t.TempDir(), "gone")
	require.NotContains(t, on(t, data, exitGood, "", "audit", "verify").out, "is missing")
	t.Setenv("GUARDHOUSE_AUDIT_ANCHOR", gone)
	require.Contains(t, on(t, data, exitGood, "", "audit", "verify").out, "not provable: the anchor folder "+gone+" is missing")
}

// A copy of which the parts are of different moments is called one, and not a log that could not be written; programs get JSON.
func TestATornCopyOfTheDatabaseIsCalledOne(t *testing.T) {
	data := folder(t)
	on(t, data, exitGood, "", "audit", "checkpoint")
	whole, err := os.ReadFile(filepath.Join(data, "guardhouse.db"))
	require.NoError(t, err)
	const page = 4096
	for name, torn := range map[string][]byte{
		"cut short":               whole[:len(whole)/2/page*page],
		"pages of another time":   append(append([]byte{}, whole[:2*page]...), make([]byte, len(whole)-2*page)...),
		"a header of other pages": append([]byte(strings.Repeat("x", page)), whole[page:]...),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "guardhouse.db"), torn, 0o600))
			r := on(t, dir, exitFailed, "", "audit", "verify")
			require.Contains(t, r.err, "this copy cannot be read as a database: it was probably copied while the server wrote")
			var body struct {
				OK      *bool
				Problem string
			}
			said := guardhouse(t, "", "audit", "verify", "--json", "--data", dir)
			require.Equal(t, exitFailed, said.code)
			require.NoError(t, json.Unmarshal([]byte(said.out), &body), said.out)
			require.False(t, *body.OK)
			require.Contains(t, body.Problem, "copy again")
		})
	}
}

// threat U1: what is signed over a log that the server knows to be broken is not signed without a word.
func TestExportsOfABrokenLogWarn(t *testing.T) {
	data, out := folder(t), t.TempDir()
	require.Empty(t, on(t, data, exitGood, "", "audit", "export").err)
	alert := func(statement string) {
		pool := sql.OpenDB(anybody(filepath.Join(data, "guardhouse.db")))
		_, err := pool.ExecContext(t.Context(), statement)
		require.NoError(t, err)
		require.NoError(t, pool.Close())
	}
	alert(`INSERT INTO alerts VALUES ('disk_low', '', 1, NULL, '{}', 'evt_1')`)
	require.Empty(t, on(t, data, exitGood, "", "audit", "export").err, "another alert is none of the log's")
	alert(`INSERT INTO alerts VALUES ('chain_broken', '', 1795000000000, NULL, '{"finding":"edited","row":2}', 'evt_2')`)
	for _, args := range [][]string{
		{"audit", "export"}, {"audit", "evidence", "--out", filepath.Join(out, "pack.zip")},
	} {
		r := on(t, data, exitGood, "", args...)
		require.Regexp(t, `^warning: since 2026-11-18 [0-9:]+Z .* something wrong \(edited\): guardhouse audit verify says what.*\n$`, r.err)
	}
	alert(`UPDATE alerts SET cleared_at = 2 WHERE kind = 'chain_broken'`)
	require.Empty(t, on(t, data, exitGood, "", "audit", "export").err)
}
