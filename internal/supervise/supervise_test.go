package supervise

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAWorkerEndsWhenItIsAsked(t *testing.T) {
	closed := 0
	p := begin(t, "serve", func(o *Options) { o.Stopping = func() error { closed++; return nil } })
	s := p.next()
	require.Equal(t, 1, s.Generation)
	require.Empty(t, s.Ended)
	require.Equal(t, "handed on", s.Note)
	require.Equal(t, []string{"guardhouse", "serve"}, s.Args)
	require.Empty(t, s.Open, "nothing that it has goes to its children")
	p.stop()
	require.NoError(t, p.ends())
	require.Equal(t, 1, closed, "the ports are the worker's alone")
}

func TestAWorkerThatDiesIsReplaced(t *testing.T) {
	p := begin(t, "serve", nil)
	before := p.next()
	for i := range 8 {
		require.NoError(t, syscall.Kill(before.PID, syscall.SIGKILL))
		s := p.next()
		require.Equal(t, i+2, s.Generation)
		require.Equal(t, "signal killed", s.Ended)
		require.Equal(t, "handed on", s.Note)
		before = s
	}
	p.stop()
	require.NoError(t, p.ends())
	for _, wait := range *p.waits {
		require.Zero(t, wait, "whoever served and was killed from outside is replaced at once")
	}
}

// What a worker gets is asked for before each start. Where it is refused to the first there is no service; later it counts as a
// worker that failed.
func TestFilesAreAskedForBeforeEachWorker(t *testing.T) {
	asked, gone := 0, errors.New("the port is somebody else's")
	p := begin(t, "serve", func(o *Options) {
		before := o.Files
		o.Files = func() ([]File, error) {
			if asked++; asked == 2 || asked == 3 {
				return nil, gone
			}
			return before()
		}
	})
	s := p.next()
	require.NoError(t, syscall.Kill(s.PID, syscall.SIGKILL))
	s = p.next()
	require.Equal(t, 4, s.Generation)
	require.Equal(t, "status 1", s.Ended)
	require.Equal(t, "handed on", s.Note)
	p.stop()
	require.NoError(t, p.ends())
	require.Equal(t, 4, asked)
	require.Equal(t, []time.Duration{0, 0, time.Second}, *p.waits)

	p = begin(t, "serve", func(o *Options) { o.Files = func() ([]File, error) { return nil, gone } })
	require.ErrorIs(t, p.ends(), gone)
}

func TestAWorkerThatIsKilledWhileItStarts(t *testing.T) {
	p := begin(t, "die at start once", nil)
	s := p.next()
	require.Equal(t, 2, s.Generation)
	require.Equal(t, "signal killed", s.Ended)
	require.False(t, s.Unready, "somebody killed it")
	p.stop()
	require.NoError(t, p.ends())
	require.Equal(t, []time.Duration{0}, *p.waits)
}

// What ended a worker while its models were loaded may do so again: all later ones are told.
func TestALaterWorkerIsToldOfOneThatNeverWasWhole(t *testing.T) {
	for how, unready := range map[string]bool{"abort at start once": true, "crash once": false} {
		p := begin(t, how, nil)
		s := p.next()
		for s.Generation == 1 {
			s = p.next()
		}
		require.Equal(t, unready, s.Unready, how)
		require.NoError(t, syscall.Kill(s.PID, syscall.SIGKILL))
		require.Equal(t, unready, p.next().Unready, how)
		p.stop()
		require.NoError(t, p.ends())
	}
}

func TestACrashIsReplacedAndTold(t *testing.T) {
	p := begin(t, "crash once", nil)
	require.Equal(t, 1, p.next().Generation)
	s := p.next()
	require.Equal(t, 2, s.Generation)
	require.Equal(t, "status 2", s.Ended)
	p.stop()
	require.NoError(t, p.ends())
}

// A start that is refused is told once, by the worker, and the parent ends as it did.
func TestARefusedStartIsNotRepeated(t *testing.T) {
	p := begin(t, "refuse", nil)
	var exit *ExitError
	require.ErrorAs(t, p.ends(), &exit)
	require.Equal(t, 1, exit.Code)
	require.Empty(t, *p.waits)
}

func TestACrashLoopEnds(t *testing.T) {
	for _, how := range []string{"crash", "die at start", "die before it serves"} {
		p := begin(t, how, nil)
		go func() { _, _ = bufio.NewReader(p.out).WriteTo(discard{}) }()
		require.ErrorContains(t, p.ends(), "8 times in a row", how)
		require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second}, *p.waits, how)
	}
}

// Whoever a dead worker left behind holds what it had open: its end is noticed all the same, and what it said counts.
func TestAWorkerThatLeavesSomebodyBehindIsReplaced(t *testing.T) {
	hold, goOn, err := os.Pipe()
	require.NoError(t, err)
	defer func() { require.NoError(t, hold.Close()) }()
	p := begin(t, "leave somebody", func(o *Options) { o.with("go on", hold) })
	s := p.next()
	require.Equal(t, 2, s.Generation)
	require.Equal(t, "signal killed", s.Ended)
	require.NoError(t, goOn.Close())
	p.stop()
	require.NoError(t, p.ends())
}

// What a worker says beyond its few words is not listened to.
func TestAWorkerThatBabblesIsAskedToEnd(t *testing.T) {
	p := begin(t, "babble", nil)
	p.next()
	p.stop()
	require.NoError(t, p.ends())
}

func TestEachWordCountsOnce(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	now := time.Unix(0, 0)
	p := &process{word: r, began: now, serving: make(chan struct{}), now: func() time.Time { now = now.Add(time.Second); return now }}
	_, err = w.WriteString("SWxSW" + strings.Repeat("W", 2*mostWords))
	require.NoError(t, err)
	p.listen() // though nobody closed the other end
	require.True(t, p.served.Load())
	require.Equal(t, int64(time.Second), p.whole.Load(), "the first time")
	require.NoError(t, errors.Join(r.Close(), w.Close()))
}

// A worker that hangs in native code never finishes: it is ended, and that is no good end.
func TestAWorkerThatDoesNotFinishIsKilled(t *testing.T) {
	p := begin(t, "hang", nil)
	p.next()
	p.stop()
	require.ErrorContains(t, p.ends(), "signal killed")
}

func TestAStopEndsARest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	require.True(t, rest(ctx, 0))
	rested := make(chan bool)
	go func() { rested <- rest(ctx, deadline) }()
	cancel()
	require.False(t, <-rested)
	for range 100 {
		require.False(t, rest(ctx, 0), "no worker is started to be ended")
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// threat M8: crashes by payloads neither end the service, however many accounts send them, nor say anything of the GPU.
func TestCrashesByPayloadsAreNoLoop(t *testing.T) {
	p := begin(t, "crash by payloads", nil)
	s := p.next()
	require.Equal(t, crashesByPayloads+1, s.Generation)
	require.False(t, s.Unready)
	p.stop()
	require.NoError(t, p.ends())
	require.Len(t, *p.waits, crashesByPayloads)
	require.Equal(t, longestWait, (*p.waits)[crashesByPayloads-1], "ever slower all the same")
}

func TestPatience(t *testing.T) {
	var p patience
	crash := Ended{Code: exitFault, Served: true, Whole: time.Second}
	for range 3 {
		_, enough := p.after(crash, false)
		require.False(t, enough)
	}
	wait, enough := p.after(Ended{Code: exitFault, Served: true, Whole: time.Hour}, false)
	require.Zero(t, wait, "it had served for long")
	require.False(t, enough)
	wait, _ = p.after(crash, false)
	require.Zero(t, wait, "the row begins anew")
	wait, _ = p.after(Ended{Code: -1, Signal: syscall.SIGKILL}, false)
	require.Equal(t, time.Second, wait, "its models were never loaded")
	wait, _ = p.after(Ended{Code: -1, Signal: syscall.SIGKILL, Served: true, Whole: time.Millisecond}, false)
	require.Zero(t, wait)
	for range 100 {
		_, enough = p.after(crash, true)
		require.False(t, enough)
	}
	for i := range mostFailures {
		wait, enough = p.after(crash, false)
		require.Equal(t, i == mostFailures-1, enough, "payloads count for nothing")
	}
	require.Zero(t, wait)
}

func TestWhoEndedIt(t *testing.T) {
	require.True(t, Ended{Code: exitFault}.ByItself())
	require.True(t, Ended{Code: -1, Signal: syscall.SIGSEGV}.ByItself())
	for _, e := range []Ended{{Code: 0}, {Code: 1}, {Code: -1, Signal: syscall.SIGKILL}, {Code: -1, Signal: syscall.SIGTERM}} {
		require.False(t, e.ByItself(), e)
	}
	require.NoError(t, Ended{Code: -1, Signal: syscall.SIGTERM}.final(), "it was asked before it had begun")
	require.Error(t, Ended{Code: -1, Signal: syscall.SIGTERM, Served: true}.final())
	require.Error(t, Ended{Code: -1, Signal: syscall.SIGSEGV}.final())
	var exit *ExitError
	require.ErrorAs(t, Ended{Code: 1}.final(), &exit)
	require.False(t, errors.As(Ended{Code: exitFault}.final(), &exit), "its status is Go's, and means wrong usage here")
}

func TestAHangUpIsPassedOn(t *testing.T) {
	hangups := make(chan os.Signal, 1)
	p := begin(t, "serve", func(o *Options) { o.Hangups = hangups })
	p.next()
	hangups <- syscall.SIGHUP
	line, err := bufio.NewReader(p.lines.Buffered()).ReadString('\n')
	if line == "" || line == "\n" {
		line, err = bufio.NewReader(p.out).ReadString('\n')
	}
	require.NoError(t, err)
	require.Equal(t, "hung up\n", line)
	p.stop()
	require.NoError(t, p.ends())
}

// A worker that has no handler yet would end of a hang-up: it is told once it serves.
func TestAHangUpWaitsForAWorkerThatStarts(t *testing.T) {
	hangups := make(chan os.Signal)
	hold, goOn, err := os.Pipe()
	require.NoError(t, err)
	defer func() { require.NoError(t, hold.Close()) }()
	p := begin(t, "start slowly", func(o *Options) {
		o.Hangups = hangups
		o.with("go on", hold)
	})
	p.next()
	select {
	case hangups <- syscall.SIGHUP:
		require.Fail(t, "it was passed on")
	case <-time.After(20 * time.Millisecond): // how long one that is passed on has to show
	}
	require.NoError(t, goOn.Close())
	require.Equal(t, 1, p.next().Generation)
	hangups <- syscall.SIGHUP
	p.stop()
	require.NoError(t, p.ends())
}

// threat M6, threat S5: of what a shell has set nothing reaches the worker that a loader, the engine or a debugger obeys.
func TestHostileEnvironment(t *testing.T) {
	planted := []string{
		"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "LD_DEBUG", "GGML_BACKEND_PATH", "GGML_BACKTRACE_LLDB", "GGML_CUDA_NO_PINNED", "GGML_SCHED_DEBUG",
		"LLAMA_TRACE", "LLAMA_CACHE", "LLAMA_ARG_MODEL", "OLLAMA_LIBRARY_PATH", "OLLAMA_DEBUG", "MTMD_BACKEND_DEVICE", "CUDA_LAUNCH_BLOCKING", "CUDA_INJECTION64_PATH",
		"NVIDIA_DRIVER_CAPABILITIES", "GOTRACEBACK", "GODEBUG", "GOCOVERDIR", "OMP_NUM_THREADS", "MALLOC_CHECK_", "GLIBC_TUNABLES", "HTTPS_PROXY", "GUARDHOUSE_AUTH_JWT_SECRET", "ANYTHING",
	}
	environ := []string{"TZ=Asia/Shanghai", "LC_ALL=C.UTF-8", "SSL_CERT_DIR=/certs", "GOMAXPROCS=2", "GGML_NO_BACKTRACE=0"}
	for _, name := range planted {
		environ = append(environ, name+"=/planted/marker.so")
	}
	p := begin(t, "serve", func(o *Options) { o.Environ = Environment(environ) })
	s := p.next()
	require.ElementsMatch(t, []string{"TZ=Asia/Shanghai", "LC_ALL=C.UTF-8", "SSL_CERT_DIR=/certs", "GOMAXPROCS=2", "GGML_NO_BACKTRACE=1"}, s.Environ)
	require.NotContains(t, s.Kernel, "planted")
	require.Subset(t, Unwanted(environ), append(planted[:len(planted)-2:len(planted)-2], "ANYTHING", "GGML_NO_BACKTRACE"))
	require.NotContains(t, Unwanted(environ), "GUARDHOUSE_AUTH_JWT_SECRET", "a setting")
	p.stop()
	require.NoError(t, p.ends())
}

// A parent that is killed takes its worker along, at once.
func TestTheWorkerEndsWithItsParent(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), self)
	c.Env = append(os.Environ(), asParent+"=serve")
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	lines := json.NewDecoder(out)
	var s said
	require.NoError(t, lines.Decode(&s))
	require.NotEqual(t, c.Process.Pid, s.PID)
	require.NoError(t, c.Process.Kill())
	require.Error(t, lines.Decode(&s), "its output ends with it")
	// Its files are closed before it is a zombie, or nobody.
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID))
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, 10*time.Second, time.Millisecond, "it runs on")
	require.Error(t, c.Wait())
}

// Where the kernel does not end the worker with its parent, the pipe does.
func TestTheWorkerHearsThatItsParentIsGone(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	gone := make(chan struct{})
	(&Worker{life: r}).Parted(func() { close(gone) })
	select {
	case <-gone:
		require.Fail(t, "the parent is there")
	default:
	}
	require.NoError(t, w.Close())
	<-gone
}

// Descriptors that happen to be open make nobody a worker.
func TestOnlyASealedStartMakesAWorker(t *testing.T) {
	require.False(t, IsWorker())
	self, err := os.Executable()
	require.NoError(t, err)
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	_, err = f.WriteString(magic + `{}`)
	require.NoError(t, err)
	sealed, err := Start{Parent: os.Getpid() + 1}.seal()
	require.NoError(t, err)
	for _, third := range []*os.File{f, sealed} {
		c := exec.CommandContext(t.Context(), self, "-test.run=^$")
		c.ExtraFiles = []*os.File{third}
		said, err := c.CombinedOutput()
		require.NoError(t, err, string(said))
		require.Contains(t, string(said), "no tests to run")
	}
}
