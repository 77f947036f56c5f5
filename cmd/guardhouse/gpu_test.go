package main

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/config"
)

// threat M6: where others could put a library of their own the server does not start, and says so in one line.
func TestServeRefusesALibraryThatOthersCouldPlant(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	folder := filepath.Join(dir, "gpu")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.Chmod(folder, 0o777))
	file := filepath.Join(dir, "guardhouse.yaml")
	require.NoError(t, os.WriteFile(file, []byte("engine: {gpu_library: "+folder+"}\n"), 0o600))
	for _, how := range [][]string{{"--no-supervisor"}, {}} {
		c := exec.CommandContext(t.Context(), self, append([]string{"serve", "--data", filepath.Join(dir, "data"), "--config", file, "--listen", "127.0.0.1:0"}, how...)...)
		c.Env, c.Dir = append(os.Environ(), asProgram+"=serve"), dir
		var stdout, stderr bytes.Buffer
		c.Stdout, c.Stderr = &stdout, &stderr
		require.Error(t, c.Run())
		require.Equal(t, 1, c.ProcessState.ExitCode())
		require.Empty(t, stdout.String())
		require.Equal(t, "guardhouse: engine.gpu_library: "+folder+" can be written to by others (mode 0777; chmod go-w): what is loaded from there runs in the server\n", stderr.String())
	}
}

func TestWithoutALibraryTheProcessorIsUsed(t *testing.T) {
	var log bytes.Buffer
	engine, host, err := openEngine(t.Context(), &config.Config{GPULibrary: t.TempDir(), GPULayers: config.AllLayers}, false, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	require.NotNil(t, engine)
	require.True(t, host.Absent)
	require.Contains(t, log.String(), "models run on the processor")
	require.Contains(t, log.String(), "level=INFO")
}
