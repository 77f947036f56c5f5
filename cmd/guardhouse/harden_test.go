package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/internal/apptest"
	"guardhouse/internal/sandbox"
	"guardhouse/internal/supervise"
)

// asProgram makes this test binary the program itself: what a process does to itself can be seen from another one only.
const asProgram = "GH_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if code, child := sandbox.Serve(os.Args[1:], children()); child {
		os.Exit(code)
	}
	if supervise.IsWorker() {
		main() // ends the process
	}
	switch os.Getenv(asProgram) {
	case "serve":
		main() // ends the process
	case "measure":
		os.Exit(measure())
	case "harden":
		harden()
		dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		fmt.Println(dumpable, err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// started is the program in a process of its own, serving, with a core limit that would let it leave one.
type started struct {
	*exec.Cmd
	dir    string
	url    string
	said   *apptest.Lines // on standard output
	stderr apptest.Lines
}

func start(t *testing.T, env ...string) *started {
	t.Helper()
	return startAs(t, t.TempDir(), env, "--no-supervisor", "--listen", "127.0.0.1:0")
}

// startAs starts it on a folder and waits until it serves.
func startAs(t *testing.T, dir string, env []string, args ...string) *started {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	s := &started{dir: dir, said: &apptest.Lines{}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	s.Cmd = exec.CommandContext(ctx, "sh", append([]string{
		"-c", `ulimit -c "$(ulimit -Hc)"; exec "$0" "$@"`, self, "serve", "--data", filepath.Join(s.dir, "data"),
	}, args...)...)
	s.Dir = s.dir
	s.Env = append(os.Environ(), append(env, asProgram+"=serve", "GOTRACEBACK=crash")...)
	s.Stderr = &s.stderr
	out, err := s.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.Start())
	lines := bufio.NewScanner(io.TeeReader(out, s.said))
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "Guardhouse serves "); ok {
			s.url = url
			go func() { _, _ = io.Copy(s.said, out) }() // ends with the process
			return s
		}
	}
	require.NoError(t, s.Wait())
	require.Fail(t, "it does not serve", s.stderr.String())
	return nil
}

// aborts ends it the way native code would, and says whether the kernel kept its memory.
func aborts(t *testing.T, c *exec.Cmd, dir string) (dumped bool) {
	t.Helper()
	var exit *exec.ExitError
	require.ErrorAs(t, c.Wait(), &exit)
	status, ok := exit.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	require.True(t, status.Signaled(), "%v", exit)
	require.Equal(t, syscall.SIGABRT, status.Signal())
	left, err := filepath.Glob(filepath.Join(dir, "core*"))
	require.NoError(t, err)
	return status.CoreDump() || len(left) > 0
}

// threat S5: an abort leaves no core, neither under the limit that the program sets itself nor where that limit does not hold.
func TestAbortLeavesNoCore(t *testing.T) {
	control := exec.CommandContext(t.Context(), "sh", "-c", `ulimit -c "$(ulimit -Hc)"; kill -ABRT $$`)
	control.Dir = t.TempDir()
	require.NoError(t, control.Start())
	if !aborts(t, control, control.Dir) {
		t.Skip("not run: nothing leaves a core on this machine")
	}
	for name, lift := range map[string]bool{"under its own limit": false, "without a limit": true} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			if lift {
				none := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
				if err := unix.Prlimit(s.Process.Pid, unix.RLIMIT_CORE, &none, nil); err != nil {
					t.Skipf("not run: only root lifts another's limit: %v", err)
				}
			}
			require.NoError(t, s.Process.Signal(syscall.SIGABRT))
			require.False(t, aborts(t, s.Cmd, s.dir), "its memory lies on the disk")
		})
	}
}

// threat S5: a secret from the environment is neither what the kernel shows of the process nor in what it says.
func TestSecretIsNotInTheProcess(t *testing.T) {
	const planted = "zz-planted-secret-of-forty-two-characters-"
	s := start(t, "GUARDHOUSE_AUTH_JWT_SECRET="+planted, "GH_TEST_MARK=here")
	defer func() {
		err := s.Wait() // what it said is whole only now
		require.NoError(t, err, s.stderr.String())
		require.NotContains(t, s.stderr.String(), planted)
	}()
	defer func() { require.NoError(t, s.Process.Signal(syscall.SIGTERM)) }()
	shown, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.Process.Pid), "environ"))
	if err != nil {
		require.ErrorIs(t, err, os.ErrPermission, "only root may look")
		return
	}
	require.Contains(t, string(shown), "GH_TEST_MARK=here")
	require.Contains(t, string(shown), "GUARDHOUSE_AUTH_JWT_SECRET=\x00", "its value is blank")
	require.NotContains(t, string(shown), planted)
}

// threat S5: where the kernel hands cores to a program the limit does not hold; this does. It also closes memory and environment
// to other processes of the same user.
func TestNobodyLooksInside(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), self)
	c.Env = append(os.Environ(), asProgram+"=harden")
	out, err := c.Output()
	require.NoError(t, err)
	require.Equal(t, "0 <nil>\n", string(out))
}
