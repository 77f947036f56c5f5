package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/config"
)

// freePort answers a loopback address that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := c.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

// threat D1: the real server with all its listeners: profiles on theirs alone, metrics without a sign-in on theirs alone.
func TestTheListenersOfAServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	measured, debugged := freePort(t), freePort(t)
	c, err := config.Load(config.Sources{
		Flags:   map[string]string{"data": data, "listen": "127.0.0.1:0", "api.listen": "127.0.0.1:0", "metrics.listen": measured, "debug.listen": debugged},
		Environ: []string{},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := &running{stop: cancel, done: make(chan error, 1)}
	said := make(chan Notice, 1)
	var logs apptest.Lines
	o := Options{Engine: engine(t), Log: slog.New(slog.NewJSONHandler(&logs, nil)), Build: Build{Version: "v9.9.9"}, LogDropped: func() uint64 { return 3 }}
	go func() { r.done <- Serve(ctx, c, o, func(n Notice) { said <- n }) }()
	select {
	case r.Notice = <-said:
	case err := <-r.done:
		require.NoError(t, err)
	case <-time.After(deadline):
		require.Fail(t, "the server announced nothing")
	}
	trusted, plain := r.client(t), &http.Client{Timeout: deadline}
	t.Cleanup(plain.CloseIdleConnections)
	status, made := r.post(t, trusted, "/api/v1/setup", "", map[string]string{"token": r.SetupToken, "username": "planted-name", "password": "a long sentence for tests"})
	require.Equal(t, http.StatusCreated, status, made)
	bearer, ok := made["access_token"].(string)
	require.True(t, ok)
	require.Eventually(t, func() bool {
		_, text := get(t, plain, "http://"+measured+"/metrics")
		return strings.Contains(text, "guardhouse_ready 1\n")
	}, deadline, 10*time.Millisecond)
	api := *r
	api.URL = r.APIURL
	status, verdict := api.post(t, trusted, "/v1/moderations", bearer, map[string]string{"input": "planted words"})
	require.Equal(t, http.StatusOK, status, verdict)

	status, text := get(t, plain, "http://"+measured+"/metrics")
	require.Equal(t, http.StatusOK, status)
	for _, line := range []string{
		`guardhouse_model_state{model="guard-nano",state="ready"} 1`, `guardhouse_model_queries_total{model="guard-nano",result="failed"} 0`,
		`guardhouse_sessions 1`, `guardhouse_api_keys 0`,
		`guardhouse_http_requests_total{method="POST",route="/v1/moderations",status="200"} 1`, `guardhouse_log_dropped_lines_total 3`,
		`guardhouse_audit_last_verification_timestamp_seconds 0`, `guardhouse_model_run_seconds_count{model="guard-nano"} 1`,
	} {
		require.Contains(t, text, line+"\n")
	}
	for _, part := range []string{
		`guardhouse_audit_rows_total{action="moderation.run",decision="allow"} `, `guardhouse_verdicts_total{action="allow",model="guard-nano",severity="Safe"} 1`, `guardhouse_build_info{`, `version="v9.9.9"`, "guardhouse_db_commit_seconds_count ",
		"guardhouse_certificate_not_after_timestamp_seconds ", "guardhouse_disk_free_ratio ", "guardhouse_db_size_bytes ", "go_goroutines ", "process_start_time_seconds ",
	} {
		require.Contains(t, text, part)
	}
	for _, never := range []string{"planted", bearer, "usr_", data} {
		require.NotContains(t, text, never)
		require.NotContains(t, logs.String(), never)
	}

	status, _ = get(t, plain, "http://"+debugged+"/debug/pprof/heap")
	require.Equal(t, http.StatusOK, status)
	for _, url := range []string{r.URL + "debug/pprof/", r.APIURL + "debug/pprof/", r.URL + "debug/pprof/heap"} {
		status, _ := get(t, trusted, url)
		require.Equal(t, http.StatusNotFound, status, url)
	}
	status, _ = get(t, plain, "http://"+measured+"/debug/pprof/heap")
	require.Equal(t, http.StatusNotFound, status)
	status, _ = get(t, plain, "http://"+debugged+"/metrics")
	require.Equal(t, http.StatusNotFound, status)
	for _, url := range []string{r.URL + "metrics", r.APIURL + "metrics"} {
		status, _ := get(t, trusted, url)
		require.Contains(t, []int{http.StatusUnauthorized, http.StatusNotFound}, status, url)
	}
	r.end(t)
	_, err = net.DialTimeout("tcp", measured, time.Second)
	require.Error(t, err, "the listeners end with the server")
}

func TestAPlainListenerThatCannotOpenStopsTheStart(t *testing.T) {
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, ln.Close()) }()
	c, err := config.Load(config.Sources{
		Flags:   map[string]string{"data": filepath.Join(t.TempDir(), "data"), "listen": "127.0.0.1:0", "metrics.listen": ln.Addr().String()},
		Environ: []string{},
	})
	require.NoError(t, err)
	err = Serve(t.Context(), c, Options{Engine: engine(t), Log: slog.New(slog.DiscardHandler)}, func(Notice) {})
	require.ErrorContains(t, err, "metrics.listen: opening the port")
	_, err = listenLoopback(t.Context(), "0.0.0.0:0")
	require.ErrorContains(t, err, "not a loopback address")
}
