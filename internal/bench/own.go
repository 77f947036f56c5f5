package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"guardhouse/internal/fault"
)

// Self says how to start a server of our own, on a folder that is removed afterwards.
type Self struct {
	Program string   // the file to run
	Scratch string   // where the folder is made; "" = the system's place
	GGUF    string   // a guard to import and judge with; "" = the embedded one
	Set     []string // settings of the server, KEY=VALUE
	Starts  int      // how many are timed; the last serves the rounds
	Environ []string // of this process; nothing in it that is a setting reaches the server
}

// ownModel is the id under which Self.GGUF is imported.
const ownModel = "bench-guard"

// Deadlines against a program that hangs. A model of gigabytes is read and hashed twice.
const (
	commandWithin = 10 * time.Minute
	startWithin   = 5 * time.Minute
	stopWithin    = 30 * time.Second
)

// server is a Guardhouse that this process started.
type server struct {
	self   Self
	dir    string
	data   string
	key    string
	url    string
	roots  *x509.CertPool
	cmd    *exec.Cmd
	ended  chan error
	starts []StartReport
}

// startOwn makes the folder, an account and its key, and starts the server as often as asked for. The folder is gone again where that fails.
func startOwn(ctx context.Context, o Options) (*server, error) {
	dir, err := os.MkdirTemp(o.Self.Scratch, "guardhouse-bench-")
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "the temporary folder can't be made: "+err.Error())
	}
	s := &server{self: *o.Self, dir: dir}
	if err = s.absolute(); err == nil {
		err = s.prepare(ctx)
	}
	for range o.Self.Starts {
		if err == nil {
			err = s.stop()
		}
		if err == nil {
			err = s.startOnce(ctx, o)
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			err = fault.Wrap(err, fault.Canceled, "interrupted before anything was measured")
		}
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// absolute keeps the names good for children, which run in the folder itself.
func (s *server) absolute() (err error) {
	for _, name := range []*string{&s.dir, &s.self.GGUF} {
		if *name == "" {
			continue
		}
		if *name, err = filepath.Abs(*name); err != nil {
			return err
		}
	}
	s.data = filepath.Join(s.dir, "data")
	return nil
}

// environ is ours without settings: a person's own must not leak into the measurement.
func (s *server) environ(settings bool) []string {
	env := slices.DeleteFunc(slices.Clone(s.self.Environ), func(pair string) bool { return strings.HasPrefix(pair, "GUARDHOUSE_") })
	for _, pair := range s.self.Set {
		if name, value, ok := strings.Cut(pair, "="); ok && settings {
			env = append(env, "GUARDHOUSE_"+strings.ToUpper(strings.ReplaceAll(name, ".", "_"))+"="+value)
		}
	}
	return env
}

func (s *server) prepare(ctx context.Context) error {
	if _, err := s.command(ctx, "a sentence for this measurement only\n", "user", "create", "bench", "--role", "admin", "--password-stdin"); err != nil {
		return err
	}
	out, err := s.command(ctx, "", "key", "create", "--user", "bench", "--label", "bench", "--json")
	if err != nil {
		return err
	}
	var made struct{ Key string }
	if err := json.Unmarshal(out, &made); err != nil || made.Key == "" {
		return fault.Wrap(err, fault.Internal, "the program made no key")
	}
	s.key = made.Key
	if s.self.GGUF != "" {
		_, err = s.command(ctx, "", "model", "import", s.self.GGUF, "--id", ownModel, "--allow", "*")
	}
	return err
}

// command runs a subcommand on the folder and answers what it printed.
func (s *server) command(ctx context.Context, in string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.self.Program, append(args, "--data", s.data)...) //nolint:gosec // this very program, or the one a test names
	cmd.Env, cmd.Dir, cmd.Stdin = s.environ(false), s.dir, strings.NewReader(in)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		words := strings.TrimPrefix(strings.TrimSpace(complaint.String()), "guardhouse: ")
		return nil, fault.Wrap(err, fault.NotAvailable, fmt.Sprintf("guardhouse %s %s: %s", args[0], args[1], words))
	}
	return out, nil
}

// start runs the server and answers when its port is open.
func (s *server) start(ctx context.Context) error {
	log, err := os.Create(filepath.Join(s.dir, "server.log"))
	if err != nil {
		return err
	}
	// A Ctrl-C is for us: we end the server when what it did is counted. If we are killed, the kernel tells it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), s.self.Program, "serve", "--data", s.data, "--listen", "127.0.0.1:0") //nolint:gosec // as above
	cmd.Env, cmd.Dir, cmd.Stderr = s.environ(true), s.dir, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return errors.Join(err, log.Close())
	}
	started, said := make(chan error, 1), make(chan string, 1)
	s.ended = make(chan error, 1)
	ended := s.ended
	go func() { // the kernel sends that signal when the thread ends that started the child: it must not
		runtime.LockOSThread()
		err := errors.Join(cmd.Start(), log.Close())
		started <- err
		if err == nil {
			announced(out, said)
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fault.Wrap(err, fault.NotAvailable, "the server can't be started: "+err.Error())
	}
	s.cmd = cmd
	timer := time.NewTimer(startWithin)
	defer timer.Stop()
	select {
	case s.url = <-said:
	case <-timer.C:
		return fault.New(fault.Timeout, "the server did not open its port: "+s.lastWords())
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.url == "" {
		return fault.New(fault.NotAvailable, "the server ended at once: "+s.lastWords())
	}
	return s.trust()
}

// announced sends the address that the server prints, "" if it ends without, and reads on until the server closes its output.
func announced(out io.Reader, said chan<- string) {
	told := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "Guardhouse serves "); ok && !told {
			told = true
			said <- strings.TrimSuffix(strings.TrimSpace(url), "/")
		}
	}
	if !told {
		said <- ""
	}
}

func (s *server) trust() error {
	pem, err := os.ReadFile(filepath.Join(s.data, "tls", "ca.pem"))
	if err != nil {
		return fault.Wrap(err, fault.Internal, "the server has no authority of its own")
	}
	s.roots = x509.NewCertPool()
	s.roots.AppendCertsFromPEM(pem)
	return nil
}

// lastWords answers the end of the server's log.
func (s *server) lastWords() string {
	data, err := os.ReadFile(filepath.Join(s.dir, "server.log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return lines[len(lines)-1]
}

// stop ends the server, gracefully first. It fails where the server did not end well.
func (s *server) stop() error {
	if s.cmd == nil {
		return nil
	}
	cmd := s.cmd
	s.cmd = nil
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself: then that is the finding
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case err := <-s.ended:
		if err != nil {
			return fault.Wrap(err, fault.Internal, "the server did not end well ("+err.Error()+"): "+s.lastWords())
		}
		return nil
	case <-timer.C:
		err := errors.Join(cmd.Process.Kill(), <-s.ended)
		return fault.Wrap(err, fault.Timeout, "the server did not stop when asked and was killed")
	}
}

// remove ends the server and takes the folder away.
func (s *server) remove() error {
	return errors.Join(s.stop(), os.RemoveAll(s.dir))
}
