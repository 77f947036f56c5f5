package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSettingsOnTheCommandLine(t *testing.T) {
	data := t.TempDir()
	do := func(args ...string) result { return guardhouse(t, "", append(args, "--data", data)...) }
	r := do("settings", "list")
	require.Equal(t, exitFailed, r.code, "a mistyped folder is no empty one")
	require.Contains(t, r.err, "no guardhouse database")
	require.Equal(t, exitGood, do("migrate").code)

	r = do("settings", "set", "moderation.mode=loose", "engine.slots=2")
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, "moderation.mode is loose (console), in force now")
	require.Contains(t, r.out, "engine.slots is 2 (console), in force from the server's next start on")
	var line string
	for l := range strings.Lines(do("settings", "list").out) {
		if strings.HasPrefix(l, "moderation.mode") {
			line = l
		}
	}
	for _, part := range []string{"loose", "console", "cli:"} {
		require.Contains(t, line, part)
	}
	for bad, says := range map[string]string{
		"engine.warp=1": "engine.warp", "tls.key=/x": "tls.key", "engine.queue=0": "from 1 to 100000", "models.default=nobody": "no guard",
	} {
		r = do("settings", "set", bad)
		require.Equal(t, exitFailed, r.code, bad)
		require.Contains(t, r.err, says)
	}
	require.Equal(t, exitUsage, do("settings", "set", "moderation.mode").code)
	r = do("settings", "reset", "moderation.mode")
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, "moderation.mode is strict (default), in force now")
}

// What another release stored stops nothing: the doctor names it, and it can be taken back.
func TestStoredSettingsThatAreNotInForce(t *testing.T) {
	data := t.TempDir()
	do := func(args ...string) result { return guardhouse(t, "", append(args, "--data", data)...) }
	require.Equal(t, exitGood, do("migrate").code)
	require.Equal(t, exitGood, do("settings", "set", "auth.session_idle=2h").code)
	t.Setenv("GUARDHOUSE_AUTH_SESSION_MAX", "1h")

	r := do("settings", "list")
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.err, "not in force: auth.session_idle")
	r = do("doctor")
	require.Contains(t, r.out, "auth.session_idle was stored in the console and is not in force")
	require.Contains(t, r.out, "guardhouse settings reset auth.session_idle")
	require.Equal(t, exitGood, do("settings", "reset", "auth.session_idle").code)
	require.NotContains(t, do("doctor").out, "is not in force")
}
