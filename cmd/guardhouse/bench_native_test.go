//go:build !nollama

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The whole of it: this program is started on a folder of its own, judged, and gone again with its folder.
func TestBenchOfThisProgram(t *testing.T) {
	t.Setenv(asProgram, "serve") // what bench starts is this test binary
	t.Setenv("GUARDHOUSE_LISTEN", "not an address; a person's own settings must not reach it")
	scratch := t.TempDir()
	r := guardhouse(t, "", "bench", "--scratch", scratch, "--clients", "1,4", "--rounds", "1", "--requests", "20", "--warmup", "0s", "--starts", "2",
		"--set", "engine.threads=1", "--json")
	require.Equal(t, exitGood, r.code, r.err)
	var report struct {
		Starts []struct {
			FirstVerdict float64 `json:"first_verdict_ms"`
			Memory       struct {
				Resident int64 `json:"resident_bytes"`
				Weights  int64 `json:"weight_bytes"`
			}
		}
		Summary []struct {
			Verdicts, Cached int
			Errors           map[string]int
			ServerCPU        float64               `json:"server_cpu_ms_per_verdict"`
			Model            struct{ P50 float64 } `json:"model_ms"`
			Answers          map[string]int
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &report))
	require.Len(t, report.Starts, 2)
	for _, s := range report.Starts {
		require.Positive(t, s.FirstVerdict)
		require.Greater(t, s.Memory.Resident, s.Memory.Weights)
		require.Positive(t, s.Memory.Weights)
	}
	require.Len(t, report.Summary, 2)
	for _, s := range report.Summary {
		require.Equal(t, 20, s.Verdicts)
		require.Zero(t, s.Cached, "every text is new")
		require.Empty(t, s.Errors)
		require.Positive(t, s.Model.P50)
		require.Zero(t, s.Answers["unreadable"])
	}
	left, err := os.ReadDir(scratch)
	require.NoError(t, err)
	require.Empty(t, left, "the folder is gone")

	r = guardhouse(t, "", "bench", "--scratch", scratch, "--set", "engine.threads=many", "--rounds", "0")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "the server ended at once: guardhouse: engine.threads")
	r = guardhouse(t, "", "bench", "--scratch", scratch, "--gguf", filepath.Join(scratch, "absent.gguf"))
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "guardhouse model import: ")
	left, err = os.ReadDir(scratch)
	require.NoError(t, err)
	require.Empty(t, left, "also where it failed")
}
