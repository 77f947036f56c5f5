package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"guardhouse/internal/httpapi"
)

// servePlain opens the listeners without a sign-in, metrics and profiles, each where it was asked for. They refuse every
// address that other machines reach. stop ends them and waits.
func (a *App) servePlain(ctx context.Context) (stop func() error, err error) {
	var running []*http.Server
	var work sync.WaitGroup
	stop = func() error {
		var errs []error
		for _, s := range running {
			errs = append(errs, s.Close()) // whoever scrapes will scrape again
		}
		work.Wait()
		return errors.Join(errs...)
	}
	for _, l := range []struct {
		port    port
		handler http.Handler
	}{
		{port{"metrics.listen", a.Config.MetricsListen, true}, httpapi.MetricsHandler(a.Metrics, a.log)},
		{port{"debug.listen", a.Config.DebugListen, true}, httpapi.DebugHandler()},
	} {
		if l.port.address == "" {
			continue
		}
		ln, err := a.listen(ctx, l.port)
		if err != nil {
			return nil, errors.Join(err, stop())
		}
		server := httpapi.NewHTTPServer(l.handler, a.log)
		running = append(running, server)
		a.log.Info("listening without a sign-in", "setting", l.port.setting, "address", ln.Addr().String())
		work.Go(func() {
			if err := server.Serve(httpapi.Listen(ln, httpapi.Bounds{})); !errors.Is(err, http.ErrServerClosed) {
				a.log.Error("a listener without a sign-in has ended", "setting", l.port.setting, "err", err)
			}
		})
	}
	return stop, nil
}

// listenLoopback refuses a name that turned out to be another address.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("opening the port: %w", err)
	}
	if tcp, ok := ln.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return nil, errors.Join(errors.New("not a loopback address"), ln.Close())
	}
	return ln, nil
}
