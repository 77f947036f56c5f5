//go:build !nollama

package llamacpp

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ollama/ollama/llama"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

const childEnv = "GUARDHOUSE_TEST_CHILD"

// marker is a shared library that leaves a file when it is loaded, and is no backend otherwise.
const marker = `#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void loaded(void) {
	const char *name = getenv("MARKER_FILE");
	FILE *f = name ? fopen(name, "w") : 0;
	if (f) fclose(f);
}
`

// TestChild is not a test of its own: it is what the planted-library test runs in another process.
func TestChild(t *testing.T) {
	role, isChild := os.LookupEnv(childEnv)
	if !isChild {
		t.Skip("run by TestPlantedLibraryIsNotLoaded")
	}
	if role == "control" {
		llama.BackendInit()
		return
	}
	m := load(t, role, inference.Spec{Slots: 1, SlotTokens: 128})
	_, err := m.Judge(t.Context(), inference.Query{Prompt: []int32{400}, Labels: nanoLabels()})
	require.NoError(t, err)
	for _, pair := range os.Environ() {
		require.False(t, strings.HasPrefix(pair, "GGML_BACKEND_PATH="), "children must not inherit it")
	}
	require.Contains(t, os.Environ(), "GGML_NO_BACKTRACE=1") // threat S5: no debugger reads our memory
}

// threat M6: neither the environment nor a folder beside the binary makes native code load a library. The
// control shows that the library is one that the module's own start does load.
func TestPlantedLibraryIsNotLoaded(t *testing.T) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skipf("not run: %s needs a C compiler named cc", t.Name())
	}
	dir := t.TempDir()
	source, library := filepath.Join(dir, "marker.c"), filepath.Join(dir, "marker.so")
	require.NoError(t, os.WriteFile(source, []byte(marker), 0o600))
	out, err := exec.CommandContext(t.Context(), compiler, "-shared", "-fPIC", "-o", library, source).CombinedOutput()
	require.NoError(t, err, string(out))

	beside := filepath.Join(dir, "lib", "ollama")
	require.NoError(t, os.MkdirAll(beside, 0o700))
	content, err := os.ReadFile(library)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(beside, "libggml-cpu-haswell.so"), content, 0o700)) //nolint:gosec // to be loadable
	self, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	binary := filepath.Join(dir, "bin", "child.test")
	require.NoError(t, os.MkdirAll(filepath.Dir(binary), 0o700))
	require.NoError(t, os.WriteFile(binary, self, 0o700)) //nolint:gosec // to be run
	name, err := filepath.Abs(nano(t))
	require.NoError(t, err)

	environments := map[string]string{
		"variable": "GGML_BACKEND_PATH=" + library,
		"folder":   "OLLAMA_LIBRARY_PATH=" + beside,
		"beside":   "UNUSED=1",
	}
	for how, variable := range environments {
		run := func(role string) bool {
			file := filepath.Join(t.TempDir(), "loaded")
			child := exec.CommandContext(t.Context(), binary, "-test.run", "^TestChild$", "-test.v")
			child.Env = []string{childEnv + "=" + role, "MARKER_FILE=" + file, variable, "HOME=" + dir}
			out, err := child.CombinedOutput()
			require.NoError(t, err, string(out))
			require.Contains(t, string(out), "--- PASS: TestChild")
			_, err = os.Stat(file)
			return err == nil
		}
		require.True(t, run("control"), "%s: the control loads the marker", how)
		require.False(t, run(name), "%s: the engine loaded the marker", how)
	}
}
