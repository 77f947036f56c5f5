package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRetentionOnTheCommandLine(t *testing.T) {
	data := t.TempDir()
	do := func(args ...string) result { return guardhouse(t, "", append(args, "--data", data)...) }
	require.Equal(t, exitGood, do("migrate").code)
	r := do("audit", "retention")
	require.Equal(t, exitGood, r.code, r.err)
	require.Equal(t, "audit     for ever\nverdicts  for ever\nsessions  30 days\n", r.out)
	for _, few := range []string{"179", "90", "-1", "x"} {
		require.Equal(t, exitUsage, do("audit", "retention", "--audit", few).code, few)
	}
	require.Equal(t, exitFailed, do("settings", "set", "retention.audit=179").code, "no other way around")
	require.Equal(t, exitFailed, do("audit", "retention", "--audit", "365", "--verdicts", "366").code)
	require.Equal(t, exitGood, do("audit", "retention", "--audit", "365", "--verdicts", "90").code)
	require.Contains(t, do("audit", "retention").out, "audit     365 days\nverdicts  90 days\n")

	r = do("audit", "prune", "--dry-run", "--json")
	require.Equal(t, exitGood, r.code, r.err)
	var plan map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.out), &plan))
	require.Equal(t, "young", plan["stopped"])
	r = do("audit", "prune")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "No signed checkpoint is old enough")
	require.Equal(t, exitGood, do("audit", "verify").code)
	require.Contains(t, do("audit", "clock").out, "nothing is asked")

	t.Setenv("GUARDHOUSE_RETENTION_AUDIT", "90")
	require.Equal(t, exitUsage, do("audit", "prune", "--dry-run").code, "nor the environment")
}

func TestHoldsOnTheCommandLine(t *testing.T) {
	data := t.TempDir()
	do := func(args ...string) result { return guardhouse(t, "", append(args, "--data", data)...) }
	require.Equal(t, exitGood, do("migrate").code)
	require.Equal(t, exitUsage, do("audit", "hold", "add", "--from", "yesterday", "--reason", "x").code)
	require.Equal(t, exitFailed, do("audit", "hold", "add", "--from", "2026-01-01").code, "a hold has a reason")
	r := do("audit", "hold", "add", "--from", "2026-01-01", "--to", "2026-07-01", "--reason", "case 17")
	require.Equal(t, exitGood, r.code, r.err)
	id, _, _ := strings.Cut(r.out, " ")
	list := do("audit", "hold", "list").out
	require.Contains(t, list, id)
	require.Contains(t, list, "2026-07-01 00:00:00Z")
	require.Equal(t, exitFailed, do("audit", "hold", "release", id).code)
	require.Equal(t, exitGood, do("audit", "hold", "release", id, "--reason", "closed").code)
	require.NotContains(t, do("audit", "hold", "list").out, id)
	require.Contains(t, do("audit", "hold", "list", "--all").out, "case 17")
}
