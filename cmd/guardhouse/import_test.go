package main

import (
	"context"
	"encoding/json"
	"fmt"
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

// command runs the program in a process of its own, as a shell would. A small process stands between: what a process took is counted
// from the memory of whoever started it, and this one may hold models.
func command(t *testing.T, args ...string) spent {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // against a hang
	defer cancel()
	c := exec.CommandContext(ctx, self, args...)
	c.Env = append(os.Environ(), asProgram+"=measure")
	var out, errOut strings.Builder
	c.Stdout, c.Stderr = &out, &errOut
	took, say, err := os.Pipe()
	require.NoError(t, err)
	defer func() { require.NoError(t, took.Close()) }()
	c.ExtraFiles = []*os.File{say}
	_ = c.Run() // its exit code says it
	require.NoError(t, say.Close())
	s := spent{result: result{c.ProcessState.ExitCode(), out.String(), errOut.String()}}
	_, err = fmt.Fscan(took, &s.processor, &s.memory)
	require.NoError(t, err, "%s%s", s.out, s.err)
	return s
}

// measure runs the program with the arguments of this process, tells descriptor 3 what it took, and answers its exit code.
func measure() int {
	c := exec.CommandContext(context.Background(), "/proc/self/exe", os.Args[1:]...)
	c.Args[0] = os.Args[0]
	c.Env = append(os.Environ(), asProgram+"=serve")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	_ = c.Run() // its exit code says it
	usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return exitFailed
	}
	_, err := fmt.Fprintln(os.NewFile(3, "took"), int64(c.ProcessState.UserTime()+c.ProcessState.SystemTime()), usage.Maxrss<<10)
	if err != nil {
		return exitFailed
	}
	return c.ProcessState.ExitCode()
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
