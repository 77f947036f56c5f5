package app

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi"
)

// runAll serves, watches and loads until ctx ends or the listener fails, and waits for all of it.
func (a *App) runAll(ctx context.Context, e edge, listener net.Listener) error {
	// The helpers outlive the signal: until the last accepted request is answered, rules, models and refusals are theirs.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	server := httpapi.NewHTTPServer(e.handler, a.log)
	var certificates *tls.Config
	var work sync.WaitGroup
	work.Go(func() { a.Guard.Watch(background) })
	work.Go(func() { a.keepModels(background) })
	if e.tls != nil {
		certificates = e.tls.Config()
		work.Go(func() { e.tls.Watch(background) })
	}
	failed := make(chan error, 1)
	work.Go(func() { failed <- server.Serve(httpapi.Listen(listener, certificates)) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	// What was accepted is finished: a fresh context, because the one that served has ended.
	drain, cancel := context.WithTimeout(context.Background(), graceful)
	shutdown := server.Shutdown(drain)
	cancel()
	if errors.Is(shutdown, context.DeadlineExceeded) {
		shutdown = errors.Join(shutdown, server.Close())
	}
	stop()
	work.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, shutdown)
}

// refreshEvery is how often the catalogue is asked for what another process imported: twice within the promised second.
const refreshEvery = 400 * time.Millisecond

// keepModels loads every model, then whatever appears later. A model that cannot be loaded is shown as failed and
// keeps readiness off if it is the default one; it does not stop the server.
func (a *App) keepModels(ctx context.Context) {
	began := a.now()
	if err := a.Moderation.Load(ctx); err != nil && ctx.Err() == nil {
		a.log.Error("loading the default model", "err", err)
	} else if err == nil {
		a.log.Info("models loaded", "duration_ms", a.now().Sub(began).Milliseconds())
	}
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err := a.Moderation.Refresh(ctx)
			if err != nil && fault.CodeOf(err) != fault.Canceled {
				a.log.Warn("reading the catalogue", "err", err)
			}
		}
	}
}
