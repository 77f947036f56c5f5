package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/doctor"
)

func TestDoctorExitsByWhatFailed(t *testing.T) {
	data := folder(t)
	r := guardhouse(t, "", "doctor", "--data", data)
	require.Equal(t, exitGood, r.code, r.out+r.err)
	require.Contains(t, r.out, "the chain is whole")
	require.Empty(t, r.err)

	require.NoError(t, os.Chmod(filepath.Join(data, "secrets", "root.key"), 0o644))
	r = guardhouse(t, "", "doctor", "--data", data)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.out, "root.key")
	require.Contains(t, r.out, "-> chmod 600 each")
	require.Equal(t, 1, strings.Count(r.err, "\n"))
	r = guardhouse(t, "", "doctor", "--json", "--deep", "--data", data)
	require.Equal(t, exitFailed, r.code)
	var report doctor.Report
	require.NoError(t, json.Unmarshal([]byte(r.out), &report))
	require.False(t, report.OK)
	require.Greater(t, len(report.Checks), 8)
}

// The doctor is for when nothing else starts: settings that are refused are a finding, not the end.
func TestDoctorWorksWithSettingsThatAreRefused(t *testing.T) {
	t.Setenv("GUARDHOUSE_LISEN", "x")
	data := filepath.Join(t.TempDir(), "data")
	r := guardhouse(t, "", "doctor", "--data", data, "--config", configFile(t, "auth: {session_idle: 5}"))
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.out, "GUARDHOUSE_LISEN")
	require.Contains(t, r.out, "auth.session_idle (from file) wants a time")
	require.Contains(t, r.out, "data folder")
	require.NoDirExists(t, data)
}
