package main

import (
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// freePort answers a port that was free a moment ago, for a server whose settings name it.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func TestHealthAsksTheFoldersServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	file := configFile(t, "listen: "+freePort(t)+"\nlog: {file: "+filepath.Join(t.TempDir(), "log")+"}\n")
	ask := func(args ...string) result {
		return guardhouse(t, "", append([]string{"health", "--data", data, "--config", file}, args...)...)
	}
	before := ask()
	require.Equal(t, exitFailed, before.code)
	require.Contains(t, before.err, "no server has started on this folder")
	require.NoDirExists(t, data, "asking makes nothing")

	stop := serving(t, "--data", data, "--config", file)
	alive := ask("--alive")
	require.Equal(t, exitGood, alive.code, alive.err)
	require.Equal(t, "good\n", alive.out)
	require.Empty(t, alive.err)

	r := ask()
	require.Equal(t, exitFailed, r.code, "nobody is admin yet")
	require.Contains(t, r.err, "not ready: setup_required")
	require.Equal(t, 1, strings.Count(r.err, "\n"))
	require.Empty(t, r.out)

	r = ask("--json")
	require.Equal(t, exitFailed, r.code)
	var report struct {
		Good    bool
		Status  int
		Reasons []struct{ Code string }
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &report), r.out)
	require.Equal(t, 503, report.Status)
	require.Equal(t, "setup_required", report.Reasons[0].Code)

	code, errors := stop()
	require.Equal(t, exitGood, code, errors)
	r = ask("--alive")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "is the server running?")
}

func TestHealthWrongUsage(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for _, args := range [][]string{
		{"health", "extra"},
		{"health", "--url", "guard.example.org"},
		{"health", "--timeout", "0s"},
		{"health", "--config", configFile(t, "listen: 127.0.0.1:0")},
		{"health", "--config", configFile(t, "lisen: x")},
	} {
		r := guardhouse(t, "", append(args, "--data", data)...)
		require.Equal(t, exitUsage, r.code, "%v: %s", args, r.err)
		require.NoDirExists(t, data)
	}
	require.Contains(t, guardhouse(t, "", "health", "--help").out, "guardhouse health --data /srv/guardhouse")
}
