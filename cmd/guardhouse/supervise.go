package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"guardhouse/internal/app"
	"guardhouse/internal/config"
	"guardhouse/internal/supervise"
)

// supervise serves by a worker of this process, which is a small parent from here on.
func (sh *shared) supervise(ctx context.Context, c *config.Config) (err error) {
	log := newLogger(c, sh.err)
	reserved, err := app.Reserve(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reserved.Release()) }()
	settings, err := json.Marshal(c.Handover())
	if err != nil {
		return err
	}
	o := supervise.Options{
		Args: os.Args, Environ: supervise.Environment(config.Environ()), Config: settings, Std: [3]*os.File{os.Stdin, os.Stdout, os.Stderr},
		Stopping: reserved.ClosePorts, Now: time.Now, Log: log, //nolint:forbidigo // the command line is where the clock comes from
	}
	o.Files = func() (out []supervise.File, err error) {
		files, err := reserved.Files()
		for name, f := range files {
			out = append(out, supervise.File{Name: name, File: f})
		}
		slices.SortFunc(out, func(a, b supervise.File) int { return strings.Compare(a.Name, b.Name) })
		return out, err
	}
	if c.LogFile != "" { // without one a hang-up ends the server, as it ends any program of a terminal
		hangups := make(chan os.Signal, 1)
		signal.Notify(hangups, syscall.SIGHUP)
		defer signal.Stop(hangups)
		o.Hangups = hangups
	}
	return supervise.Run(ctx, o)
}

// alone serves by this very process, whose environment is emptied of what native code would obey (threat M6).
func (sh *shared) alone(ctx context.Context, c *config.Config) error {
	for _, name := range supervise.Unwanted(config.Environ()) {
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("clearing the environment: %w", err)
		}
	}
	return sh.serve(ctx, c, app.Options{}, nil, func(n app.Notice) { announce(sh, n) })
}

// work serves as the worker of a parent, and ends with it.
func (sh *shared) work(ctx context.Context) error {
	w, err := supervise.Inherit()
	if err != nil {
		return err
	}
	w.Parted(func() { os.Exit(exitFailed) }) //nolint:forbidigo // the parent is gone: nobody is left to finish for
	var given []config.Given
	if err := json.Unmarshal(w.Config, &given); err != nil {
		return fmt.Errorf("what the parent says: %w", err)
	}
	c, err := config.Resume(given)
	if err != nil {
		return err
	}
	inherited, err := app.Inherit(c, w.File)
	if err != nil {
		return err
	}
	o := app.Options{
		Inherited: inherited, Marks: w.Marks(time.Now), //nolint:forbidigo // as above
		Restart: app.Restart{Count: w.Generation - 1, Why: w.Ended, At: w.EndedAt, Unready: w.Unready}, Loaded: w.Whole,
	}
	return sh.serve(ctx, c, o, w.Notes(), func(n app.Notice) {
		if w.Generation > 1 { // the address was told; a token that was told is good for nothing now
			n = app.Notice{SetupToken: n.SetupToken}
		}
		announce(sh, n)
		w.Serving()
	})
}
