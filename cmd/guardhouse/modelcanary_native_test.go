//go:build !nollama

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModelCanary(t *testing.T) {
	data := folder(t)
	r := guardhouse(t, "", "model", "canary", "--record", "guard-nano", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, "What guard-nano (sha256 ")
	r = guardhouse(t, "", "audit", "export", "--format", "jsonl", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, `"canaries":"recorded"`)
	require.Contains(t, r.out, `"action":"model.manage"`)
	require.Equal(t, exitFailed, guardhouse(t, "", "model", "canary", "--record", "nobody", "--data", data).code)
	require.Equal(t, exitUsage, guardhouse(t, "", "model", "canary", "guard-nano", "--data", data).code)
}
