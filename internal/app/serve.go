package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"guardhouse/internal/config"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/httpapi/tlsfiles"
	"guardhouse/web"
)

// graceful is how long accepted requests may take to finish after a stop was asked for.
const graceful = 30 * time.Second

// Notice is what the person at the console is told once the port is open.
type Notice struct {
	URL        string
	CAFile     string // "" with a given certificate or plain HTTP
	SetupToken string // "" once an admin exists
}

// Serve owns the data folder until ctx ends: it opens the port, answers at once (503 until the models
// are loaded), and at the end finishes what it accepted. A second Serve on the folder is refused.
func Serve(ctx context.Context, c *config.Config, o Options, announce func(Notice)) (err error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	release, err := lockFolder(c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	a, err := Open(ctx, c, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return a.serve(ctx, announce)
}

func (a *App) serve(ctx context.Context, announce func(Notice)) error {
	files, err := a.tlsFiles()
	if err != nil {
		return err
	}
	server, err := a.newServer(files)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", a.Config.Listen)
	if err != nil {
		return fmt.Errorf("opening the port: %w", err)
	}
	notice, err := a.notice(ctx, listener.Addr(), files)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	announce(notice)
	return a.runAll(ctx, server, listener)
}
