// Package supervise runs the server as a worker under a small parent of the same binary, because native code may end a process
// (ADR 0050). The parent holds what must outlive the worker: the lock of the data folder, the open ports, the settings and what it
// found out about crashes. It opens no database, loads no model and answers nobody.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"guardhouse/internal/crash"
)

// mostMemory is what the parent's garbage may come to before it is collected eagerly.
const mostMemory = 32 << 20

// longestStop is more than a worker takes to finish: its requests and its models have thirty seconds each. One that hangs in native
// code never would, and nothing else would end the parent.
const longestStop = 80 * time.Second

// Options of a parent.
type Options struct {
	Args    []string // of the worker, with the program's name
	Environ []string // that the worker gets, and no other
	Config  []byte   // for the worker, opaque
	// Files answers what the next worker gets, while none runs; nil = nothing. Where it refuses, no worker is started.
	Files   func() ([]File, error)
	Std     [3]*os.File
	Hangups <-chan os.Signal // forwarded once a worker serves; nil = none
	// Stopping is called once the worker was asked to stop: from then on the ports belong to nobody but it.
	Stopping func() error
	Now      func() time.Time
	Log      *slog.Logger
}

// File is a descriptor for the worker.
type File struct {
	Name string
	File *os.File
}

// ExitError is how the worker ended where that is how the parent ends: it has told why itself.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("the worker ended with status %d", e.Code) }

// Run keeps one worker running until ctx ends, then asks it to finish and answers how it did. It answers ExitError for a first worker
// that refuses to start, and gives up where workers fail again and again.
func Run(ctx context.Context, o Options) error {
	return run(ctx, &supervisor{Options: o, rest: rest, patient: longestStop})
}

func run(ctx context.Context, s *supervisor) (err error) {
	// The kernel ends the worker with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	debug.SetMemoryLimit(mostMemory)
	if s.book, err = crash.NewBook(); err != nil {
		return err
	}
	if s.table, err = crash.NewTable(); err != nil {
		return fmt.Errorf("%w: start with --no-supervisor", err)
	}
	defer func() { err = errors.Join(err, s.table.Close()) }()
	if s.notes, err = newNotes(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.notes.Close()) }()
	if s.leftovers, err = newLeftovers(); err != nil {
		s.Log.Warn("what a worker leaves behind is not found", "err", err)
	}
	return s.run(ctx)
}

type supervisor struct {
	Options
	book  *crash.Book
	table *crash.Table
	notes *os.File
	// leftovers of all workers.
	leftovers *leftovers
	patience  patience
	rest      func(ctx context.Context, wait time.Duration) bool
	patient   time.Duration // with a worker that was asked to finish
}

func (s *supervisor) run(ctx context.Context) error {
	start := Start{Generation: 1}
	for {
		e, err := s.one(ctx, start)
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return e.final()
		case start.Generation == 1 && e.refused():
			return &ExitError{Code: e.Code}
		}
		found := s.book.Ended(e.At, e.ByItself(), s.table)
		blamed := e.ByItself() && found.InFlight > 0
		wait, enough := s.patience.after(e, blamed)
		s.tell(e, found, start.Generation, wait)
		if enough {
			return fmt.Errorf("the worker ended %d times in a row, the last time with %s: what it said stands above; nothing serves any more", mostFailures, e)
		}
		unready := start.Unready || e.Whole == 0 && e.ByItself() && !blamed
		start = Start{Generation: start.Generation + 1, Ended: e.String(), EndedAt: e.At, Unready: unready}
		if !s.rest(ctx, wait) {
			return errors.Join(s.stopping())
		}
	}
}

// one runs a worker to its end. Where a later one can't be started, for want of processes or memory, it counts as one that failed.
func (s *supervisor) one(ctx context.Context, start Start) (Ended, error) {
	p, err := s.start(start)
	switch {
	case err == nil:
		return s.attend(ctx, p)
	case start.Generation == 1:
		return Ended{}, err
	}
	s.Log.Error("no worker was started", "err", err)
	return Ended{At: s.Now(), Code: 1}, nil
}

// tell logs how a worker ended and what follows of it.
func (s *supervisor) tell(e Ended, f crash.Found, generation int, wait time.Duration) {
	s.Log.Error("the worker ended", "why", e.String(), "generation", generation, "ran_ms", e.Ran.Milliseconds(), "in_flight", f.InFlight, "restart_in_ms", wait.Milliseconds())
	if f.Refused {
		s.Log.Error("an input ended the worker twice while it ran alone: it is refused from now on")
	}
	if f.Stopped {
		s.Log.Error("the inputs of one account ended the worker three times: it is stopped", "for_s", int(crash.Window.Seconds()))
	}
}

// tellLeft logs what a worker left behind. A child of one that was killed ends by itself at that moment.
func (s *supervisor) tellLeft(e Ended) {
	if e.left > 0 {
		s.Log.Warn("processes that the worker left behind were ended", "count", e.left)
	}
	if e.stuck > 0 {
		s.Log.Error("processes that the worker left behind do not end: they may hold the ports; restart the service", "count", e.stuck)
	}
}

// attend waits for a worker's end, passes on what it is told, and asks it to finish when ctx ends.
func (s *supervisor) attend(ctx context.Context, p *process) (Ended, error) {
	stop := ctx.Done()
	// Before a worker serves it may not have a handler yet, and would end of a hang-up.
	serving, hangups := p.serving, (<-chan os.Signal)(nil)
	var late <-chan time.Time
	for {
		select {
		case e := <-p.ended:
			s.tellLeft(e)
			return e, errors.Join(e.err, p.close())
		case <-serving:
			serving, hangups = nil, s.Hangups
		case <-hangups:
			p.hangUp()
		case <-stop:
			stop = nil
			p.terminate()
			timer := time.NewTimer(s.patient)
			defer timer.Stop()
			late = timer.C
			if err := s.stopping(); err != nil {
				s.Log.Error("closing the ports", "err", err)
			}
		case <-late:
			s.Log.Error("the worker does not finish: it is killed", "asked_s", int(s.patient.Seconds()))
			p.kill()
		}
	}
}

func (s *supervisor) stopping() error {
	if s.Stopping == nil {
		return nil
	}
	return s.Stopping()
}

// rest waits and answers false when ctx ended first.
func rest(ctx context.Context, wait time.Duration) bool {
	if wait == 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
