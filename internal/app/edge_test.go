package app

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/config"
)

// journal is a log that may be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// apart serves with two listeners.
func apart(t *testing.T, more map[string]string) (*running, *journal) {
	t.Helper()
	flags := map[string]string{"data": filepath.Join(t.TempDir(), "data"), "listen": "127.0.0.1:0", "api.listen": "127.0.0.1:0"}
	for key, value := range more {
		flags[key] = value
	}
	c, err := config.Load(config.Sources{Flags: flags, Environ: []string{}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, log := &running{stop: cancel, done: make(chan error, 1)}, &journal{}
	said := make(chan Notice, 1)
	o := Options{Engine: engine(t), Log: slog.New(slog.NewJSONHandler(log, nil))}
	go func() { r.done <- Serve(ctx, c, o, func(n Notice) { said <- n }) }()
	select {
	case r.Notice = <-said:
	case err := <-r.done:
		require.NoError(t, err)
	case <-time.After(deadline):
		require.Fail(t, "the server announced nothing")
	}
	return r, log
}

func ask(t *testing.T, c *http.Client, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := c.Do(r)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func TestTwoListeners(t *testing.T) {
	r, log := apart(t, nil)
	require.NotEqual(t, r.URL, r.APIURL)
	c := r.client(t)
	status, made := r.post(t, c, "/api/v1/setup", "", map[string]string{"token": r.SetupToken, "username": "alice", "password": "a long sentence for tests"})
	require.Equal(t, http.StatusCreated, status, made)

	for _, probe := range []string{"healthz", "api/v1/auth/me"} {
		require.Equal(t, ask(t, c, r.URL+probe), ask(t, c, r.APIURL+probe), probe)
	}
	require.Equal(t, http.StatusNotFound, ask(t, c, r.URL+"v1/models"))
	require.Equal(t, http.StatusUnauthorized, ask(t, c, r.APIURL+"v1/models"))
	require.Equal(t, http.StatusNotFound, ask(t, c, r.APIURL+"ui/"))
	require.Equal(t, http.StatusNotFound, ask(t, c, r.APIURL))
	require.Equal(t, http.StatusNotFound, ask(t, c, r.APIURL+"api/v1/setup"))

	r.end(t)
	for _, url := range []string{r.URL, r.APIURL} {
		address := strings.TrimSuffix(strings.TrimPrefix(url, "https://"), "/")
		_, err := net.DialTimeout("tcp", address, time.Second)
		require.Error(t, err, "both are closed")
		require.Contains(t, log.String(), address, "both are in the log")
	}
	require.Contains(t, log.String(), `"name":"console"`)
	require.Contains(t, log.String(), `"name":"api"`)
}

// TestRangesPerListener: each listener has its own address range, and who is outside does not get as far as a handshake.
func TestRangesPerListener(t *testing.T) {
	r, _ := apart(t, map[string]string{"api.allow_from": "10.0.0.0/8"})
	c := r.client(t)
	require.Equal(t, http.StatusOK, ask(t, c, r.URL+"healthz"))
	for _, url := range []string{r.APIURL} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"healthz", nil)
		require.NoError(t, err)
		res, err := c.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		require.Error(t, err)
	}
	r.end(t)
}

// TestBothPortsOrNone: a second port that is taken stops the start and leaves the first free.
func TestBothPortsOrNone(t *testing.T) {
	var lc net.ListenConfig
	taken, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	free, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	main := free.Addr().String()
	require.NoError(t, free.Close())
	c, err := config.Load(config.Sources{Environ: []string{}, Flags: map[string]string{
		"data": filepath.Join(t.TempDir(), "data"), "listen": main, "api.listen": taken.Addr().String(),
	}})
	require.NoError(t, err)
	err = Serve(t.Context(), c, Options{Engine: engine(t), Log: slog.New(slog.DiscardHandler)}, func(Notice) { t.Error("announced") })
	require.ErrorContains(t, err, "address already in use")
	again, err := lc.Listen(t.Context(), "tcp", main)
	require.NoError(t, err, "the first port is free again")
	require.NoError(t, again.Close())
}

// TestPlainOnLoopback: without TLS both listeners say so in their address.
func TestPlainOnLoopback(t *testing.T) {
	r, _ := apart(t, map[string]string{"http.allow_plain_loopback": "true"})
	require.True(t, strings.HasPrefix(r.URL, "http://") && strings.HasPrefix(r.APIURL, "http://"))
	require.Empty(t, r.CAFile)
	require.Equal(t, http.StatusOK, ask(t, &http.Client{Timeout: deadline}, r.APIURL+"healthz"))
	r.end(t)
}
