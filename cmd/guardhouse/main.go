// Command guardhouse is the whole product: server, console, command line and engine in one file.
// It is the only place that hands the native engine to the application.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"

	"golang.org/x/sys/unix"

	"guardhouse/internal/config"
	"guardhouse/internal/fault"
	"guardhouse/internal/logfile"
	"guardhouse/internal/sandbox"
	"guardhouse/internal/supervise"
)

// version is set by the linker (-X main.version=…).
var version = "dev"

// The exit codes that scripts rely on.
const (
	exitGood   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError marks what the caller can put right by reading --help.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func main() {
	harden()
	if code, child := sandbox.Serve(os.Args[1:], children()); child {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// harden makes what the process holds its own: content and keys are in its memory (threat S5).
func harden() {
	// Every file the program makes is its owner's alone, whatever the shell's umask says.
	unix.Umask(0o077)
	// Before the process stops being readable, to itself as well.
	if err := config.EraseSecrets(); err != nil {
		fmt.Fprintln(os.Stderr, "guardhouse: "+oneLine(err))
	}
	// An abort leaves no core file. Where the limit can't be set there is none to raise it either, and the start goes on.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	// The limit does not hold where the kernel pipes cores to a program, and nobody but root has business in this memory: no
	// core at all, no debugger, no /proc/PID/environ or mem for other processes of the same user. The kernel knows the call.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// run answers the exit code: 0 good, 1 failed, 2 wrong usage. Errors are one line on stderr; what audit verify finds has a
// second one, with what to do next.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	// Whatever a name or a file holds, a terminal gets nothing that it would obey (threat W3).
	raw := out
	watched := isTerminal(errOut)
	out, errOut = logfile.Escape(out), logfile.Escape(errOut)
	root := newRoot(streams{in: in, out: out, err: errOut, raw: raw, watched: watched})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitGood
	}
	var ended *supervise.ExitError
	if errors.As(err, &ended) { // the worker has told why
		return ended.Code
	}
	text := oneLine(err)
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || fault.CodeOf(err) == fault.Canceled) { // a signal: nobody left but who typed it
		text = "stopped before it was done"
	}
	fmt.Fprintln(errOut, "guardhouse: "+text)
	var found findingError
	if errors.As(err, &found) && found.next != "" {
		fmt.Fprintln(errOut, "next: "+found.next)
	}
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// oneLine prefers the safe message: causes stay in the log, but a command's own words may name its files.
func oneLine(err error) string {
	text := err.Error()
	var f *fault.Error
	if errors.As(err, &f) {
		text = f.Message
		if f.Code == fault.Internal && errors.Unwrap(f) != nil {
			text = f.Error()
		}
	}
	return printable(strings.Join(strings.Fields(text), " "))
}

// printable keeps terminal control, invisible and direction-changing characters out of what a hostile name may carry (threat W3).
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
