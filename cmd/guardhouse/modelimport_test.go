package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/models"
)

// shownOn answers what run writes to standard error, which is a terminal.
func shownOn(t *testing.T, args ...string) (code int, shown string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal here: %v", err)
	}
	defer master.Close()
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	var seen bytes.Buffer
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = io.Copy(&seen, master) // it ends with EIO when nobody holds the other end
	}()
	code = run(t.Context(), args, strings.NewReader(""), io.Discard, terminal)
	require.NoError(t, terminal.Close())
	<-over
	return code, strings.ReplaceAll(seen.String(), "\r\n", "\n")
}

// Somebody who waits for an import sees how far it is; a script's log gets the line at the end alone.
func TestAnImportShowsHowFarItIs(t *testing.T) {
	data := folder(t)
	path := filepath.Join(t.TempDir(), "g.gguf")
	require.NoError(t, os.WriteFile(path, models.GuardNano, 0o600))
	args := []string{"model", "import", path, "--data", data}
	_, shown := shownOn(t, append(args, "--id", "one")...)
	require.True(t, strings.HasPrefix(shown, "copying 0 %\ncopying 10 %\n"), shown)
	require.Contains(t, shown, "copying 90 %\ncopying 100 %\ntrying 0 %\n")
	_, shown = shownOn(t, append(args, "--id", "two", "--json")...)
	require.NotContains(t, shown, " %")
	require.NotContains(t, guardhouse(t, "", append(args, "--id", "three")...).err, " %")
}
