package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVerifyTakesWhatItIsGiven(t *testing.T) {
	data := folder(t)
	odd := filepath.Join(t.TempDir(), "odd")
	require.NoError(t, os.WriteFile(odd, []byte("\x1b[31m\n"), 0o600))
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"an export without keys":     {[]string{"--export", odd}, exitUsage, "--public-key"},
		"keys that are none":         {[]string{"--public-key", odd}, exitFailed, "public key"},
		"an anchor for an export":    {[]string{"--export", odd, "--public-key", odd, "--anchor", data}, exitFailed, "public key"},
		"an anchor that isn't there": {[]string{"--anchor", filepath.Join(data, "none")}, exitFailed, "anchor folder"},
		"an anchor with no copies":   {[]string{"--anchor", t.TempDir()}, exitUsage, "nothing to compare"},
		"keys that are not there":    {[]string{"--public-key", odd + "x"}, exitFailed, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			r := guardhouse(t, "", append([]string{"audit", "verify", "--data", data}, c.args...)...)
			require.Equal(t, c.code, r.code, r.err)
			require.Contains(t, r.err, c.says)
			require.NotContains(t, r.err, "\x1b")
		})
	}
	r := guardhouse(t, "", "audit", "verify", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, "checkpoints  ")
	require.Contains(t, r.out, "not provable: restored-old: ")
}

// threat U1: whoever edits a row takes its guards away first; the edit is named all the same.
func TestALogWithoutItsGuardsIsStillWalked(t *testing.T) {
	data := t.TempDir()
	on(t, data, exitGood, "a long and private sentence\n", "user", "create", "ada", "--role", "admin", "--password-stdin")
	on(t, data, exitGood, "a long and private sentence\n", "user", "create", "bo", "--role", "guest", "--password-stdin")
	verify := func() result {
		r := guardhouse(t, "", "audit", "verify", "--data", data)
		require.Equal(t, exitFailed, r.code, r.err)
		return r
	}
	change := func(statements ...string) {
		pool := sql.OpenDB(anybody(filepath.Join(data, "guardhouse.db")))
		for _, statement := range statements {
			_, err := pool.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
		require.NoError(t, pool.Close())
	}
	change("DROP TRIGGER audit_events_no_update")
	require.Contains(t, verify().err, "edited: the database's trigger")
	change("UPDATE audit_events SET actor_name = 'mallory' WHERE seq = 2")
	require.Contains(t, verify().err, "edited at row 2")
	change("CREATE VIEW v AS SELECT 1")
	require.Contains(t, verify().err, "must not be used", "what could lie to a reader is not read")
}
