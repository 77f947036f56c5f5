package app

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"guardhouse/internal/httpapi"
)

// runAll serves, watches and loads until ctx ends or a listener fails, and waits for all of it.
func (a *App) runAll(ctx context.Context, e *edge, left *serving) error {
	// The helpers outlive the signal: until the last accepted request is answered, rules, models and refusals are theirs.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var work sync.WaitGroup
	work.Go(func() { a.Settings.Watch(background) })
	work.Go(func() { left.keep(background) })
	work.Go(func() { a.Guard.Watch(background) })
	work.Go(func() { a.Checkpoints.Run(background) })
	work.Go(func() { a.Policy.Watch(background) })
	work.Go(func() { a.Guard.KeepLimits(background) })
	work.Go(func() { a.keepModels(background) })
	work.Go(func() { a.Canary.Run(background) })
	work.Go(func() { a.Events.Run(background) })
	work.Go(func() { a.Forward.Run(background) })
	work.Go(func() { a.Alerts.Run(background) })
	work.Go(func() { a.walkChain(background, walkFirst, walkEvery) })
	work.Go(func() {
		a.Audit.KeepIndex(background, func(err error) { a.log.Warn("indexing the audit log", "err", err) })
	})
	work.Go(func() { a.Examples.Run(background) })
	work.Go(func() { a.Export.Run(background) })
	work.Go(func() { a.Reviews.Watch(background) })
	work.Go(func() { a.Retention.Watch(background) })
	work.Go(func() { a.Auth.WatchKeys(background) })
	if e.tls != nil {
		work.Go(func() { e.tls.Watch(background) })
	}
	failed := make(chan error, len(e.doors))
	servers := make([]*http.Server, len(e.doors))
	var accepted underway
	for i, d := range e.doors {
		servers[i] = httpapi.NewHTTPServer(d.handler, a.log)
		servers[i].Handler = accepted.of(servers[i].Handler)
		a.log.Info("listening", "listener", d)
		work.Go(func() { failed <- servers[i].Serve(httpapi.Listen(d.listener, d.bounds)) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	a.log.Info("stopping")
	shutdown := drain(servers, &accepted, graceful, a.log)
	stop()
	work.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, shutdown)
}

// refreshEvery is how often a server looks for what other processes changed: twice within the promised second.
const refreshEvery = 400 * time.Millisecond

// keepModels loads every model, then whatever appears later. A model that cannot be loaded is shown as failed and
// keeps readiness off if it is the default one; it does not stop the server.
func (a *App) keepModels(ctx context.Context) {
	began, noted, states := a.now(), "", ""
	a.Models.Run(ctx, func(err error) {
		if err != nil && ctx.Err() == nil {
			a.log.Error("loading the default model", "err", err)
		} else if err == nil {
			a.log.Info("models loaded", "duration_ms", a.now().Sub(began).Milliseconds())
		}
		if a.options.Loaded != nil {
			a.options.Loaded()
		}
	}, func() { noted, states = a.noteChosen(noted), a.noteStates(ctx, states) })
}
