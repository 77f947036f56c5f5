package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
)

// worker waits for the child of the server and answers its process id; not is one that is known already.
func (s *started) worker(t *testing.T, not int) (pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		stats, err := filepath.Glob("/proc/[0-9]*/stat")
		require.NoError(t, err)
		for _, name := range stats {
			stat, err := os.ReadFile(name)
			if err != nil { // it ended meanwhile
				continue
			}
			fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
			if fields[0] != "Z" && fields[1] == strconv.Itoa(s.Process.Pid) {
				pid, err = strconv.Atoi(filepath.Base(filepath.Dir(name)))
				require.NoError(t, err)
				return pid != not
			}
		}
		return false
	}, time.Minute, 5*time.Millisecond)
	return pid
}

// alive asks the server, which may be starting again: the question waits, and is not refused.
func (s *started) alive(t *testing.T) {
	t.Helper()
	c := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"healthz", nil)
	require.NoError(t, err)
	res, err := c.Do(req)
	require.NoError(t, err, s.stderr.String())
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}

func (s *started) ends(t *testing.T) {
	t.Helper()
	require.NoError(t, s.Process.Signal(syscall.SIGTERM))
	require.NoError(t, s.Wait(), s.stderr.String())
}

// A worker that dies is replaced: nobody is refused meanwhile, the address is said once, and a new token where the old one is void.
func TestTheServerOutlivesItsWorker(t *testing.T) {
	s := startAs(t, t.TempDir(), nil, "--listen", "127.0.0.1:0")
	pid := s.worker(t, 0)
	s.alive(t)
	for range 3 {
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		s.alive(t)
		pid = s.worker(t, pid)
	}
	tokens := regexp.MustCompile(`(?m)^    [0-9a-f]{64}$`)
	require.Eventually(t, func() bool { return len(tokens.FindAllString(s.said.String(), -1)) == 4 }, time.Minute, time.Millisecond)
	require.Equal(t, 1, strings.Count(s.said.String(), "Guardhouse serves"))
	s.ends(t)
	require.Equal(t, 3, strings.Count(s.stderr.String(), `"msg":"the worker ended","why":"signal killed"`))
	require.Equal(t, 3, strings.Count(s.stderr.String(), `"msg":"serving again after the worker ended"`))
}

// Whoever kills the server has its worker gone, port and folder free, at once.
func TestAKilledServerLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := startAs(t, dir, nil, "--listen", "127.0.0.1:0")
	address := strings.TrimSuffix(strings.TrimPrefix(s.url, "https://"), "/")
	for range 3 {
		s.alive(t)
		require.NoError(t, s.Process.Kill())
		_, err := s.Process.Wait() // of its output nobody waits for the end: that is the worker's too
		require.NoError(t, err)
		s = startAs(t, dir, nil, "--listen", address)
	}
	s.alive(t)
	s.ends(t)
}

// threat S5, threat M6: neither process shows a secret, and the worker gets none of what a loader or the engine would obey.
func TestTheWorkerHasACleanEnvironment(t *testing.T) {
	const planted = "zz-planted-secret-of-forty-two-characters-"
	s := startAs(t, t.TempDir(), []string{"GUARDHOUSE_AUTH_JWT_SECRET=" + planted, "GGML_BACKEND_PATH=/planted.so", "LD_AUDIT=/planted.so", "LLAMA_TRACE=1", "MTMD_DEBUG_GRAPH=1"}, "--listen", "127.0.0.1:0")
	defer s.ends(t)
	pid := s.worker(t, 0)
	for _, p := range []int{pid, s.Process.Pid} {
		args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p))
		require.NoError(t, err)
		require.Contains(t, string(args), "serve")
		require.NotContains(t, string(args), planted)
		shown, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p))
		if err != nil {
			require.ErrorIs(t, err, os.ErrPermission, "only root may look")
			continue
		}
		require.NotContains(t, string(shown), planted)
		if p == pid {
			require.NotContains(t, string(shown), "planted.so")
			require.NotRegexp(t, `GUARDHOUSE_|LLAMA_|MTMD_|LD_|GOTRACEBACK`, string(shown))
			require.Contains(t, string(shown), "GGML_NO_BACKTRACE=1")
		}
	}
}

// Who stops a server that is still starting gets what he asks for: status 0, and no line that something went wrong.
func TestAStartThatIsStopped(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	for _, how := range [][]string{{}, {"--no-supervisor"}} {
		for files := 1; ; files++ { // as many as the start has made so far
			data := filepath.Join(t.TempDir(), "data")
			cmd := exec.CommandContext(t.Context(), self, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, how...)...)
			cmd.Env = append(os.Environ(), asProgram+"=serve")
			var stdout, stderr apptest.Lines
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			require.NoError(t, cmd.Start())
			serves := func() bool { return strings.Contains(stdout.String(), "Guardhouse serves") }
			require.Eventually(t, func() bool {
				made, err := os.ReadDir(data)
				return err == nil && len(made) >= files || serves()
			}, time.Minute, 100*time.Microsecond)
			late := serves()
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			require.NoError(t, cmd.Wait(), "%v after %d files: %s", how, files, stderr.String())
			require.NotContains(t, stderr.String(), "guardhouse: ")
			if late {
				require.Greater(t, files, 3, "never while it started")
				break
			}
		}
	}
}

// A start that cannot be is told in one line, with its status, and not tried again.
func TestAStartThatIsRefusedIsToldOnce(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	broken := filepath.Join(t.TempDir(), "broken.pem")
	require.NoError(t, os.WriteFile(broken, []byte("no certificate"), 0o600))
	for says, c := range map[string]struct {
		env    []string
		listen string
		code   int
	}{
		"address already in use": {nil, taken.Addr().String(), exitFailed},                                                               // by the parent
		"ends in the middle":     {[]string{"GUARDHOUSE_TLS_CERT=" + broken, "GUARDHOUSE_TLS_KEY=" + broken}, "127.0.0.1:0", exitFailed}, // by the worker
		"is no setting":          {[]string{"GUARDHOUSE_BOGUS=1"}, "127.0.0.1:0", exitUsage},
	} {
		t.Run(says, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), self, "serve", "--data", filepath.Join(dir, "data"), "--listen", c.listen)
			cmd.Env = append(os.Environ(), append(c.env, asProgram+"=serve", "GUARDHOUSE_LOG_FILE="+filepath.Join(dir, "log"))...)
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			var exit *exec.ExitError
			require.ErrorAs(t, cmd.Run(), &exit)
			require.Equal(t, c.code, exit.ExitCode(), stderr.String())
			require.Regexp(t, `^guardhouse: [^\n]*`+says+`[^\n]*\n$`, stderr.String())
			require.Empty(t, stdout.String())
		})
	}
}
