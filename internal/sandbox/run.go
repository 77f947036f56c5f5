package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/fault"
)

const (
	maxFiles    = 8
	usualWall   = time.Minute
	usualOutput = 64 << 10
	lastWords   = 4 << 10
	// stacks is what a child may map to write to beside its memory: the engine starts a thread for every tensor that it checks,
	// and each has 8 MiB of stack that it hardly touches. addresses are Go's reservations and the program's own pages.
	stacks, addresses = 4 << 30, 4 << 30
	// dying is how long a killed child's pipes are waited for.
	dying = 5 * time.Second
)

var (
	errLate  = errors.New("the child took too long")
	errFlood = errors.New("the child wrote too much")
	errHeavy = errors.New("the child took too much memory")
)

// Run starts the child, hands it its order and waits until it ended. An error says that it could not be started, or that
// ctx ended; whatever a child does by itself is a Result.
func (c Child) Run(ctx context.Context) (Result, error) {
	if err := c.check(); err != nil {
		return Result{}, err
	}
	// The kernel kills the child with the thread that started it, and Go ends threads at will.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	within, cancel := context.WithTimeoutCause(ctx, c.wall(), errLate)
	defer cancel()
	within, stop := context.WithCancelCause(within)
	defer stop(nil)
	out, words := &pipe{most: c.output(), full: func() { stop(errFlood) }}, &pipe{most: lastWords}
	cmd := exec.CommandContext(within, "/proc/self/exe")
	cmd.Args = []string{"guardhouse", Command, c.Name}
	cmd.Env = c.environment()
	cmd.Dir = "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(c.Stdin), out, words
	cmd.ExtraFiles = c.Files
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = dying
	if err := cmd.Start(); err != nil {
		return Result{}, fmt.Errorf("starting a child: %w", err)
	}
	watched := make(chan struct{})
	go func() { defer close(watched); c.watch(within, cmd.Process.Pid, stop) }()
	waited := cmd.Wait()
	cause := context.Cause(within)
	stop(nil)
	<-watched
	if ctx.Err() != nil {
		return Result{}, fault.From(ctx.Err())
	}
	var exit *exec.ExitError
	if cmd.ProcessState == nil || waited != nil && !errors.As(waited, &exit) && cause == nil && !errors.Is(waited, syscall.EPIPE) {
		return Result{}, fmt.Errorf("waiting for a child: %w", waited)
	}
	return c.result(cmd.ProcessState, cause, out.kept, words.kept), nil
}

// check refuses what a child must not get.
func (c Child) check() error {
	if len(c.Files) > maxFiles {
		return fmt.Errorf("a child gets %d files at most", maxFiles)
	}
	for _, f := range c.Files {
		flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
		if err != nil {
			return fmt.Errorf("looking at a child's file: %w", err)
		}
		if flags&unix.O_ACCMODE != unix.O_RDONLY {
			return errors.New("a child's file must be opened for reading only")
		}
	}
	return nil
}

func (c Child) wall() time.Duration {
	if c.Limits.Wall > 0 {
		return c.Limits.Wall
	}
	return usualWall
}

func (c Child) output() int {
	if c.Limits.Output > 0 {
		return c.Limits.Output
	}
	return usualOutput
}

// environment is all that a child has of one. Each arena of the C library reserves address space, and each abort would
// start a debugger; an empty library path is one that names no folder (threat M6).
func (c Child) environment() []string {
	kind, data, space := "tight", int64(0), int64(0)
	if c.Wide {
		kind = "wide"
	}
	if c.Limits.Memory > 0 {
		data = c.Limits.Memory + stacks
		space = data + addresses
	}
	seconds := int64((c.Limits.CPU + time.Second - 1) / time.Second)
	return []string{
		fmt.Sprintf("GH_CHILD=%s:%d:%d:%d:%d", kind, len(c.Files), data, space, seconds),
		"GOMAXPROCS=" + strconv.Itoa(max(2, min(4, runtime.NumCPU()))), "GOTRACEBACK=none",
		"MALLOC_ARENA_MAX=2", "GGML_NO_BACKTRACE=1", "OLLAMA_LIBRARY_PATH=",
	}
}

func (c Child) result(p *os.ProcessState, cause error, out, words []byte) Result {
	r := Result{Exit: p.ExitCode(), Stderr: words, Late: errors.Is(cause, errLate), Flood: errors.Is(cause, errFlood), Heavy: errors.Is(cause, errHeavy)}
	if status, ok := p.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		r.Signal = status.Signal()
	}
	line, rest, _ := bytes.Cut(out, []byte("\n"))
	if err := json.Unmarshal(line, &r.Guards); err != nil {
		r.Guards = Guards{} // it died before it could say
	}
	r.Stdout = rest
	return r
}

// pipe keeps the first bytes that are written to it. It is no bytes.Buffer, which would read for itself and without end.
type pipe struct {
	kept []byte
	most int
	full func() // called when there is more; nil = the rest is dropped
}

// Write never refuses: a writer that is told so would stop reading, and the child would wait for ever.
func (p *pipe) Write(b []byte) (int, error) {
	room := p.most - len(p.kept)
	p.kept = append(p.kept, b[:min(room, len(b))]...)
	if len(b) > room && p.full != nil {
		p.full()
	}
	return len(b), nil
}
