package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// threat P1: a range that is wrong refuses the start, and says which.
func TestBadRangesExitTwo(t *testing.T) {
	for line, says := range map[string]string{
		"http: {trusted_proxies: ['0.0.0.0/0']}":   "http.trusted_proxies",
		"http: {trusted_proxies: [10.0.0.1/8]}":    "10.0.0.0/8 instead",
		"http: {allow_from: [nurses]}":             "http.allow_from",
		"api: {allow_from: [10.0.0.0/8]}":          "api.listen",
		"api: {listen: nowhere}":                   "host:port",
		"http: {trusted_hosts: ['https://guard']}": "http.trusted_hosts",
	} {
		file := filepath.Join(t.TempDir(), "guardhouse.yaml")
		require.NoError(t, os.WriteFile(file, []byte(line), 0o600))
		data := filepath.Join(t.TempDir(), "data")
		r := guardhouse(t, "", "serve", "--config", file, "--data", data)
		require.Equal(t, exitUsage, r.code, line)
		require.Contains(t, r.err, says)
		require.Equal(t, 1, strings.Count(r.err, "\n"), "one line")
		require.NoDirExists(t, data)
	}
}
