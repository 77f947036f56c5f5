//go:build !nollama

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/gguf/malform"
)

// threat M3: a sound model is loaded in a child and taken in; one that only the engine can refuse is refused by the child.
func TestImportLoadsOnce(t *testing.T) {
	data, dir := folder(t), t.TempDir()
	s := command(t, "model", "import", tinyModel, "--data", data, "--json")
	require.Equal(t, exitGood, s.code, s.err)
	var m struct{ ID, Kind, Architecture, Quantization, SHA256 string }
	require.NoError(t, json.Unmarshal([]byte(s.out), &m))
	require.Equal(t, "guard", m.Kind)
	require.Equal(t, "tiny", m.ID)
	require.Less(t, s.memory, int64(256<<20))

	closed := guardhouse(t, "", "model", "default", "tiny", "--data", data)
	require.Equal(t, exitGood, closed.code, closed.err)
	require.Contains(t, closed.err, "No rule lets anybody use tiny")

	sound, err := os.ReadFile(tinyModel)
	require.NoError(t, err)
	sick := filepath.Join(dir, "sick.gguf")
	infinite := malform.Split(sound).With(func(p *malform.Parts) {
		p.Data = append([]byte(nil), p.Data...)
		p.Data[1] = 0x7c // the first weight is infinite
		p.Data[0] = 0
	})
	require.NoError(t, os.WriteFile(sick, infinite.Join(), 0o600))
	s = command(t, "model", "import", sick, "--data", data)
	require.Equal(t, exitFailed, s.code, s.out)
	require.Contains(t, s.err, "some of its weights are infinite or no numbers")
	left, err := filepath.Glob(filepath.Join(data, "models", "*.gguf"))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// The shipped guard, the reference guard and a real chat model go through the same door as a stranger's.
func TestImportTakesRealModels(t *testing.T) {
	data := folder(t)
	for id, m := range map[string]struct{ path, kind string }{
		"nano":   {"../../models/guard-nano.gguf", "guard"},
		"tiny":   {"../../../shared/goldens/qwen/tiny-guard/tiny-guard-q8_0.gguf", "guard"},
		"smollm": {"../../.tools/models/smollm2-135m-instruct-q4_1.gguf", "chat"},
	} {
		if _, err := os.Stat(m.path); os.IsNotExist(err) {
			t.Logf("NOT RUN: the model is not here (%s)", filepath.Base(m.path))
			continue
		}
		s := command(t, "model", "import", m.path, "--id", id, "--kind", m.kind, "--data", data)
		require.Equal(t, exitGood, s.code, s.err)
		require.Contains(t, s.out, "quantisation")
		t.Logf("%s: %v of processor time, %d MiB", id, s.processor, s.memory>>20)
	}
}
