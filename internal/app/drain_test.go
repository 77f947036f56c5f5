package app

import (
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
)

// A stop that takes too long cuts what is left, says how much that was, and waits for what the handlers write down.
func TestAStopThatCutsRequests(t *testing.T) {
	const requests = 3
	var accepted underway
	var written atomic.Int32
	begun := make(chan struct{}, requests)
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: accepted.of(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
		<-time.After(50 * time.Millisecond) // what a row takes
		written.Add(1)
	}))}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	answered := make(chan error, requests)
	for range requests {
		go func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String(), http.NoBody)
			if err == nil {
				var res *http.Response
				if res, err = new(http.Client).Do(req); err == nil {
					err = res.Body.Close()
				}
			}
			answered <- err
		}()
	}
	for range requests {
		<-begun
	}
	var log apptest.Lines
	require.NoError(t, drain([]*http.Server{s}, &accepted, time.Millisecond, slog.New(slog.NewJSONHandler(&log, nil))))
	require.EqualValues(t, requests, written.Load(), "every row is there")
	require.Contains(t, log.String(), `"requests":3,"waited_s":0,"unfinished":0`)
	require.ErrorIs(t, <-served, http.ErrServerClosed)
	for range requests {
		require.Error(t, <-answered)
	}
}
