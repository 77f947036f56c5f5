package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// malformed is where reference files lie that are not ours to commit.
const malformed = "../../../shared/goldens/qwen/malformed-gguf"

// spent is what a command cost.
type spent struct {
	result
	processor time.Duration
	memory    int64 // bytes, its children's included
}

// command runs the program in a process of its own, as a shell would.
func command(t *testing.T, args ...string) spent {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // against a hang
	defer cancel()
	c := exec.CommandContext(ctx, self, args...)
	c.Env = append(os.Environ(), asProgram+"=serve")
	var out, errOut strings.Builder
	c.Stdout, c.Stderr = &out, &errOut
	_ = c.Run() // its exit code says it
	usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage)
	require.True(t, ok)
	return spent{
		result{c.ProcessState.ExitCode(), out.String(), errOut.String()},
		c.ProcessState.UserTime() + c.ProcessState.SystemTime(), usage.Maxrss << 10,
	}
}

// refusedImport imports a file that must be refused: exit 1, one line, in the bounds of the contract, nothing left behind.
func refusedImport(t *testing.T, data, path string) {
	t.Helper()
	s := command(t, "model", "import", path, "--data", data)
	require.Equal(t, exitFailed, s.code, "%s: %s%s", path, s.out, s.err)
	require.Empty(t, s.out, path)
	require.Equal(t, 1, strings.Count(s.err, "\n"), "%s: one line, not %q", path, s.err)
	require.Contains(t, s.err, "refused", path)
	require.Less(t, s.processor, dearer*2*time.Second, path)
	require.Less(t, s.memory, int64(dearer*256<<20), path)
	left, err := filepath.Glob(filepath.Join(data, "models", "*.[gp]*")) // all but the lock
	require.NoError(t, err)
	require.Empty(t, left, path)
}

// threats M1, M2, M5: through the program, as an operator would try them.
func TestMalformedFilesAreRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	data := folder(t)
	own, err := filepath.Glob("../../testdata/gguf/*-*.gguf")
	require.NoError(t, err)
	require.NotEmpty(t, own)
	for _, path := range own {
		refusedImport(t, data, path)
	}
	text, err := os.ReadFile(filepath.Join(malformed, "expected.json"))
	if os.IsNotExist(err) {
		t.Skip("the reference files are not on this machine: only our own malformed files were imported")
	}
	require.NoError(t, err)
	var cases []struct{ File string }
	require.NoError(t, json.Unmarshal(text, &cases))
	require.NotEmpty(t, cases)
	for _, c := range cases {
		refusedImport(t, data, filepath.Join(malformed, c.File))
	}
}
