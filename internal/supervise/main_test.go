package supervise

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// deadline is against hangs alone: a busy machine starts a worker under the race detector in seconds.
const deadline = 5 * time.Minute

// asParent makes this test binary a parent of its own, to be killed.
const asParent = "GH_TEST_AS_PARENT"

func TestMain(m *testing.M) {
	switch {
	case IsWorker():
		os.Exit(worker())
	case os.Getenv(asParent) != "":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		o := options(os.Getenv(asParent), os.Stdout)
		o.Environ = Environment(os.Environ())
		err := Run(ctx, o)
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// said is what a worker of these tests tells of itself, a line each.
type said struct {
	PID, Generation int
	Ended           string
	Unready         bool
	Environ         []string
	Kernel          string // the environment as the kernel shows it
	Args            []string
	Open            []string // descriptors that a child of it would get
	Left            int      // a process that is nobody's child any more
	Note            string   // what is in the file that was handed on
	Notes           string   // of the worker before
}

// notesOf is what a worker of these tests leaves for the next one.
func notesOf(generation int) string { return fmt.Sprint("of ", generation) }

func worker() int {
	w, err := Inherit()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	w.Parted(func() { os.Exit(4) })
	how := string(w.Config)
	switch {
	case how == "refuse":
		return 1
	case how == "die at start", how == "die at start once" && w.Generation == 1:
		kill(syscall.SIGKILL)
	case how == "die before it serves":
		w.Whole()
		kill(syscall.SIGKILL)
	case how == "leave somebody" && w.Generation == 1:
		return leaveSomebody(w)
	case how == "leave a daemon" && w.Generation == 1:
		return leaveDaemon(w)
	case how == "babble":
		go babble(w)
	case how == "abort at start once" && w.Generation == 1:
		kill(syscall.SIGABRT)
	case how == "crash by payloads" && w.Generation <= crashesByPayloads:
		return crashBy(w)
	}
	if how == "start slowly" {
		fmt.Println("{}") // it has no handler yet
		_, _ = io.ReadFull(w.File("go on"), make([]byte, 1))
	}
	stop := make(chan os.Signal, 2) // one of each: what finds no room is lost
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGHUP)
	if how == "hang" {
		signal.Ignore(syscall.SIGTERM)
		stop = nil
	}
	w.Serving()
	w.Whole()
	tell(w)
	if how == "crash" || how == "crash once" && w.Generation == 1 {
		kill(syscall.SIGABRT) // Go ends with status 2, as after an abort in native code
	}
	for s := range stop {
		if s == syscall.SIGTERM {
			return 0
		}
		fmt.Println("hung up")
	}
	return 5
}

// leaveSomebody dies as one that native code took over may: a process of its own holds all that it had open. That one ends with the
// pipe of the test.
func leaveSomebody(w *Worker) int {
	c := exec.CommandContext(context.Background(), "/bin/cat")
	c.Stdin, c.ExtraFiles = w.File("go on"), []*os.File{w.word, w.life, w.table.File()}
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	w.Serving()
	kill(syscall.SIGKILL)
	return 3
}

// leaveDaemon forks twice: what is left has a session of its own, no parent that lives, and the port. It dies when the test says so.
func leaveDaemon(w *Worker) int {
	c := exec.CommandContext(context.Background(), "/bin/sh", "-c", "setsid /bin/sleep 1000 >/dev/null 2>&1 & echo $!")
	c.ExtraFiles = []*os.File{w.File("port"), w.table.File()}
	out, err := c.Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	w.Serving()
	w.Whole()
	s := said{PID: os.Getpid(), Generation: w.Generation}
	s.Left, _ = strconv.Atoi(strings.TrimSpace(string(out)))
	line, _ := json.Marshal(s)
	fmt.Println(string(line))
	_, _ = io.ReadFull(w.File("go on"), make([]byte, 1))
	kill(syscall.SIGKILL)
	return 3
}

// babble says whatever it likes, for as long as it is let.
func babble(w *Worker) {
	for i := 0; ; i++ {
		w.say(byte(i))
	}
}

// crashesByPayloads are more than the parent forgives of any other kind.
const crashesByPayloads = mostFailures + 2

// crashBy ends this process with the payloads of two accounts in flight, others each time, and its models not yet loaded.
func crashBy(w *Worker) int {
	marks := w.Marks(time.Now)
	for i := range 2 {
		m, err := marks.Admit(context.Background(), [32]byte{byte(w.Generation)}, fmt.Sprint(w.Generation, i))
		if err == nil {
			err = m.Begin(context.Background(), false)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 3
		}
	}
	kill(syscall.SIGABRT)
	return 3
}

// kill ends this process and does not return.
func kill(s syscall.Signal) {
	_ = unix.Kill(os.Getpid(), s)
	select {}
}

func tell(w *Worker) {
	kernel, _ := os.ReadFile("/proc/self/environ")
	out := said{PID: os.Getpid(), Generation: w.Generation, Ended: w.Ended, Unready: w.Unready, Environ: os.Environ(), Kernel: string(kernel), Args: os.Args}
	for fd := 3; fd < 64; fd++ {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			out.Open = append(out.Open, fmt.Sprint(fd))
		}
	}
	if f := w.File("note"); f != nil {
		note, _ := io.ReadAll(io.NewSectionReader(f, 0, 100))
		out.Note = string(note)
	}
	out.Notes = string(w.Notes().Read())
	if err := w.Notes().Write([]byte(notesOf(w.Generation))); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	line, _ := json.Marshal(out)
	fmt.Println(string(line))
}

func options(how string, out *os.File) Options {
	return Options{
		Args: []string{"guardhouse", "serve"}, Config: []byte(how), Std: [3]*os.File{nil, out, os.Stderr}, Now: time.Now,
		Environ: []string{"GORACE=atexit_sleep_ms=0"}, // the race detector's second at the end of each worker
		Log:     slog.New(slog.DiscardHandler),
	}
}

// parent is one Run in this process.
type parent struct {
	t     *testing.T
	lines *json.Decoder
	out   *os.File
	stop  context.CancelFunc
	done  chan error
	waits *[]time.Duration
	// patient is how long a worker may take to finish.
	patient time.Duration
}

func begin(t *testing.T, how string, change func(*Options)) *parent {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	note := filepath.Join(t.TempDir(), "note")
	require.NoError(t, os.WriteFile(note, []byte("handed on"), 0o600))
	f, err := os.Open(note)
	require.NoError(t, err)
	o := options(how, w)
	if strings.HasPrefix(how, "crash") || strings.HasPrefix(how, "abort") { // what Go says of it is pages long
		o.Std[2], err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		require.NoError(t, err)
	}
	o.Files = func() ([]File, error) { return []File{{Name: "note", File: f}}, nil }
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	p := &parent{t: t, lines: json.NewDecoder(r), out: r, stop: cancel, done: make(chan error, 1), waits: &[]time.Duration{}, patient: deadline}
	if how == "hang" {
		p.patient = time.Millisecond
	}
	go func() {
		err := run(ctx, &supervisor{Options: o, patient: p.patient, rest: func(_ context.Context, wait time.Duration) bool {
			*p.waits = append(*p.waits, wait)
			return ctx.Err() == nil
		}})
		_ = w.Close()
		p.done <- err
	}()
	t.Cleanup(func() {
		cancel()
		_ = r.Close()
		_ = f.Close()
	})
	return p
}

// with adds a file to those that a worker gets.
func (o *Options) with(name string, f *os.File) {
	before := o.Files
	o.Files = func() ([]File, error) {
		files, err := before()
		return append(files, File{Name: name, File: f}), err
	}
}

func (p *parent) next() said {
	p.t.Helper()
	var s said
	require.NoError(p.t, p.lines.Decode(&s))
	return s
}

func (p *parent) ends() error {
	p.t.Helper()
	select {
	case err := <-p.done:
		return err
	case <-time.After(deadline):
		require.Fail(p.t, "the parent does not end")
		return nil
	}
}
