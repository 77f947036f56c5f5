package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"guardhouse/internal/config"
	"guardhouse/internal/db"
)

// graceful is how long accepted requests may take to finish after a stop was asked for.
const graceful = 30 * time.Second

// Notice is what the person at the console is told once the port is open.
type Notice struct {
	URL        string
	APIURL     string // of the listener for programs, "" without one
	CAFile     string // "" with a given certificate or plain HTTP
	SetupToken string // "" once an admin exists
}

// Serve owns the data folder until ctx ends: it opens the port, answers at once (503 until the models
// are loaded), and at the end finishes what it accepted. A second Serve on the folder is refused. With Options.Inherited folder
// and port are a parent's, and it is the parent who refuses.
func Serve(ctx context.Context, c *config.Config, o Options, announce func(Notice)) (err error) {
	release, err := takeFolder(ctx, c, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	defer spareProcessor()()
	a, err := open(ctx, c, o, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return a.serve(ctx, announce)
}

// takeFolder makes this process the one server of the data folder, unless its parent is.
func takeFolder(ctx context.Context, c *config.Config, o Options) (release func() error, err error) {
	if o.Inherited != nil {
		return o.Inherited.alive.Close, nil
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	mine, err := lockFolder(ctx, c.Data)
	return mine.release, err
}

func (a *App) serve(ctx context.Context, announce func(Notice)) (err error) {
	if err := a.Policy.Start(ctx); err != nil {
		return err
	}
	if err := a.Checkpoints.Start(ctx); err != nil {
		return err
	}
	left, err := a.leave(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, left.end()) }()
	e, err := a.newEdge()
	if err != nil {
		return err
	}
	if err := a.collect(e); err != nil {
		return err
	}
	stopPlain, err := a.servePlain(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopPlain()) }()
	if err := a.openDoors(ctx, e); err != nil {
		return err
	}
	notice, err := a.notice(ctx, e)
	if err != nil {
		return errors.Join(err, e.close())
	}
	announce(notice)
	if err := a.noteWorker(); err != nil {
		a.log.Warn("noting the restarts of the worker", "err", err)
	}
	if r := a.options.Restart; r.Count > 0 {
		a.log.Warn("serving again after the worker ended", "restarts", r.Count, "why", r.Why, "away_ms", a.now().Sub(r.At).Milliseconds())
	}
	return a.runAll(ctx, e, left)
}

func (a *App) notice(ctx context.Context, e *edge) (Notice, error) {
	n := Notice{URL: e.url(0)}
	if len(e.doors) > 1 {
		n.APIURL = e.url(1)
	}
	if e.tls != nil {
		n.CAFile = e.tls.CAFile()
	}
	token, needed, err := a.Auth.SetupToken(ctx)
	if err != nil {
		return Notice{}, err
	}
	if needed {
		n.SetupToken = token
	}
	return n, nil
}

// writable proves that a row can be made durable, by making one: a full or read-only disk shows in no other way.
func (a *App) writable() error {
	return a.DB.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO meta (key, value) VALUES ('last_write_check', ?)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`, tx.Now().Format(time.RFC3339))
		return err
	})
}
