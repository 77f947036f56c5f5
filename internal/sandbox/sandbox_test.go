package sandbox_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/sandbox"
)

// TestMain makes this test binary its own children.
func TestMain(m *testing.M) {
	if code, child := sandbox.Serve(os.Args[1:], jobs()); child {
		os.Exit(code)
	}
	if os.Getenv(asParent) != "" {
		parent()
		return
	}
	os.Exit(m.Run())
}

func jobs() map[string]sandbox.Job {
	return map[string]sandbox.Job{
		"poke": poke,
		"read": func(_ []byte, files []*os.File) (any, error) {
			again, err := os.Open("/proc/self/fd/3")
			if err != nil {
				return nil, err
			}
			text, err := io.ReadAll(again)
			return map[string]any{"files": len(files), "text": string(text), "environ": os.Environ(), "open": descriptors()}, err
		},
		"hang": func([]byte, []*os.File) (any, error) { select {} },
		"spin": func([]byte, []*os.File) (any, error) {
			for n := 0; ; n++ {
				runtime.KeepAlive(n)
			}
		},
		"panic": func([]byte, []*os.File) (any, error) { panic("a crash of its own") },
		"eat": func([]byte, []*os.File) (any, error) {
			var kept [][]byte
			for {
				b := make([]byte, 16<<20)
				for i := 0; i < len(b); i += 4096 {
					b[i] = 1
				}
				kept = append(kept, b)
				if len(kept) > 1<<10 {
					return "it ate 16 GiB", nil
				}
			}
		},
		"flood": func([]byte, []*os.File) (any, error) {
			for {
				if _, err := os.Stdout.Write(make([]byte, 64<<10)); err != nil {
					return nil, err
				}
			}
		},
		"echo": func(order []byte, _ []*os.File) (any, error) { return string(order), nil },
	}
}

// descriptors lists what is open below 64, but for what Go itself made.
func descriptors() (open []int) {
	for fd := range 64 {
		if flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0); errno == 0 && flags&syscall.FD_CLOEXEC == 0 {
			open = append(open, fd)
		}
	}
	return open
}

func run(t *testing.T, c sandbox.Child) sandbox.Result {
	t.Helper()
	r, err := c.Run(t.Context())
	require.NoError(t, err)
	return r
}

func TestAChildAnswers(t *testing.T) {
	r := run(t, sandbox.Child{Name: "echo", Stdin: []byte("an order")})
	require.True(t, r.Good(), "%+v %s", r, r.Stderr)
	require.JSONEq(t, `"an order"`, string(r.Stdout))
	require.True(t, r.Guards.NoNewPrivs)
	require.True(t, r.Guards.Seccomp)
}

// threat M3: a child has the files it was given, no other, and no environment but what is listed.
func TestAChildHasWhatItWasGiven(t *testing.T) {
	t.Setenv("GH_TEST_PLANTED", "a secret")
	path := filepath.Join(t.TempDir(), "given")
	require.NoError(t, os.WriteFile(path, []byte("bytes"), 0o400))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	leaked, err := syscall.Open("/etc/hostname", syscall.O_RDONLY, 0) // without O_CLOEXEC
	require.NoError(t, err)
	defer syscall.Close(leaked)
	r := run(t, sandbox.Child{Name: "read", Files: []*os.File{f}})
	require.True(t, r.Good(), "%+v %s", r, r.Stderr)
	var got struct {
		Files   int
		Text    string
		Environ []string
		Open    []int
	}
	require.NoError(t, json.Unmarshal(r.Stdout, &got))
	require.Equal(t, 1, got.Files)
	require.Equal(t, "bytes", got.Text)
	require.Subset(t, []int{0, 1, 2, 3}, got.Open)
	for _, pair := range got.Environ {
		name, _, _ := strings.Cut(pair, "=")
		require.Contains(t, []string{"GH_CHILD", "GOMAXPROCS", "GOTRACEBACK", "MALLOC_ARENA_MAX", "GGML_NO_BACKTRACE", "OLLAMA_LIBRARY_PATH"}, name)
	}
}

func TestAFileThatCanBeWrittenIsNotHandedOn(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	require.NoError(t, err)
	defer f.Close()
	_, err = sandbox.Child{Name: "echo", Files: []*os.File{f}}.Run(t.Context())
	require.ErrorContains(t, err, "reading only")
}

// What a child does wrong ends it and nothing else.
func TestAChildIsBounded(t *testing.T) {
	brief := sandbox.Limits{Wall: 300 * time.Millisecond}
	r := run(t, sandbox.Child{Name: "hang", Limits: brief})
	require.True(t, r.Late)
	require.False(t, r.Good())
	r = run(t, sandbox.Child{Name: "spin", Limits: sandbox.Limits{CPU: time.Second, Wall: time.Minute}})
	require.False(t, r.Late, "its processor time was over first")
	require.Contains(t, []syscall.Signal{syscall.SIGXCPU, syscall.SIGKILL}, r.Signal)
	r = run(t, sandbox.Child{Name: "eat", Limits: sandbox.Limits{Memory: 512 << 20}})
	require.False(t, r.Good())
	require.True(t, r.Heavy)
	require.NotContains(t, string(r.Stdout), "it ate")
	r = run(t, sandbox.Child{Name: "flood", Limits: sandbox.Limits{Output: 1 << 10}})
	require.True(t, r.Flood)
	require.LessOrEqual(t, len(r.Stdout), 1<<10)
	r = run(t, sandbox.Child{Name: "panic"})
	require.Equal(t, 2, r.Exit)
	require.Contains(t, string(r.Stderr), "a crash of its own")
	require.Equal(t, 64, run(t, sandbox.Child{Name: "no such job"}).Exit)
}

func TestAChildEndsWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := sandbox.Child{Name: "hang"}.Run(ctx)
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
}

func TestLookSaysWhatHoldsAChild(t *testing.T) {
	g, err := sandbox.Look(t.Context())
	require.NoError(t, err)
	require.True(t, g.NoNewPrivs)
	require.True(t, g.Seccomp)
}

func TestOnlyTheProgramItselfStartsAChild(t *testing.T) {
	_, child := sandbox.Serve([]string{"serve"}, nil)
	require.False(t, child)
	_, child = sandbox.Serve(nil, nil)
	require.False(t, child)
	code, child := sandbox.Serve([]string{sandbox.Command, "echo"}, jobs())
	require.True(t, child, "and without the parent's word it does nothing")
	require.NotZero(t, code)
}
