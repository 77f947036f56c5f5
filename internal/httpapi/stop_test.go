package httpapi_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
)

// client answers one that speaks proto alone.
func (l *live) speaks(proto string) *http.Client {
	c := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: l.pool, NextProtos: []string{proto}}, ForceAttemptHTTP2: proto == "h2",
	}}
	l.t.Cleanup(c.CloseIdleConnections)
	return c
}

// stream opens the stream of AddStream and answers its first line with what is left of it.
func (l *live) stream(proto, path string, lines chan<- string) *bufio.Reader {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, "https://"+l.addr+path, nil)
	require.NoError(l.t, err)
	res, err := l.speaks(proto).Do(r)
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(l.t, http.StatusOK, res.StatusCode)
	in := bufio.NewReader(res.Body)
	lines <- "first"
	line, err := in.ReadString('\n')
	require.NoError(l.t, err)
	require.Equal(l.t, "first\n", line)
	return in
}

// TestStreamsOutliveEveryLimit: a stream ends with its reader or the server, not with the time limit of requests, nor with
// the time to send one or to read an answer.
func TestStreamsOutliveEveryLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	short := 200 * time.Millisecond
	l := newLive(t, func(s *http.Server) { s.ReadTimeout, s.ReadHeaderTimeout, s.WriteTimeout = short, short, short },
		shortRequests)
	for _, proto := range []string{"h2", "http/1.1"} {
		lines := make(chan string)
		path := "/stream-" + strings.ReplaceAll(proto, "/", "-")
		l.server.AddStream(path, lines)
		in := l.stream(proto, path, lines)
		past := time.NewTimer(1200 * time.Millisecond)
		<-past.C
		lines <- "late"
		line, err := in.ReadString('\n')
		require.NoError(t, err, proto)
		require.Equal(t, "late\n", line)
		close(lines)
		_, err = in.ReadString('\n')
		require.ErrorIs(t, err, io.EOF)
	}
	soon(t, func() bool { return l.server.Watchers() == 0 })
}

// TestStop: streams end at once; what is still being sent has a short time and then a clear answer or none; what is whole
// is finished, and its row is there. Nobody waits for a sender.
func TestStop(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	l := newLive(t, nil)
	var streams []*bufio.Reader
	for _, proto := range []string{"h2", "http/1.1"} {
		lines := make(chan string)
		path := "/stream-" + strings.ReplaceAll(proto, "/", "-")
		l.server.AddStream(path, lines)
		streams = append(streams, l.stream(proto, path, lines))
	}
	release := l.engine.Hold()
	answered := make(chan int, 3)
	ask := func(c *http.Client, r *http.Request) {
		res, err := c.Do(r)
		if err != nil {
			answered <- 0
			return
		}
		_ = res.Body.Close()
		answered <- res.StatusCode
	}
	go ask(l.client, l.request(context.Background(), "whole"))
	soon(t, func() bool { return l.engine.Running() == 1 })

	silent, halfHeader, halfBody := l.dial(), l.dial(), l.dial()
	_, err := fmt.Fprint(halfHeader, "GET /healthz HTTP/1.1\r\nHo")
	require.NoError(t, err)
	_, err = fmt.Fprint(halfBody, l.head("POST", moderations, "Content-Length: 100\r\n")+`{"inp`)
	require.NoError(t, err)
	body, unfinished := io.Pipe()
	defer unfinished.Close()
	half := l.request(context.Background(), "")
	half.Body, half.ContentLength = body, 100
	halfAnswered := make(chan int, 1)
	go func() {
		res, err := l.speaks("h2").Do(half)
		if err != nil {
			halfAnswered <- 0
			return
		}
		_ = res.Body.Close()
		halfAnswered <- res.StatusCode
	}()
	soon(t, func() bool { return l.server.Watchers() == 4 }) // two streams, two bodies

	began := time.Now()
	stopped := make(chan error, 1)
	go func() { stopped <- l.http.Shutdown(context.Background()) }()
	for _, in := range streams {
		_, err := in.ReadString('\n')
		require.ErrorIs(t, err, io.EOF, "streams end whole, not torn")
	}
	require.Less(t, time.Since(began), time.Second, "at once")

	require.Equal(t, http.StatusServiceUnavailable, status(t, halfBody))
	require.Equal(t, http.StatusServiceUnavailable, <-halfAnswered)
	for _, conn := range []interface {
		io.Reader
		SetReadDeadline(time.Time) error
	}{silent, halfHeader} {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
		_, err := io.ReadAll(conn)
		require.NoError(t, err, "closed by the server")
	}
	require.Less(t, time.Since(began), 5*time.Second, "nobody waits for a sender")

	require.Equal(t, 1, l.engine.Running(), "what is whole goes on")
	release()
	require.Equal(t, http.StatusOK, <-answered)
	l.client.CloseIdleConnections()
	require.NoError(t, <-stopped)
	rows := l.rows()
	reasons := map[string]int{}
	for _, r := range rows[len(rows)-3:] {
		reasons[r.Decision+" "+r.Reason]++
	}
	require.Equal(t, map[string]int{"allow ": 1, "error busy": 2}, reasons)
	require.Zero(t, l.server.Watchers())
}

// TestBodyThatArrivesWhileStopping: one that is whole within the grace is processed like any other, however long that takes.
func TestBodyThatArrivesWhileStopping(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	l := newLive(t, nil)
	conn := l.dial()
	_, err := fmt.Fprint(conn, l.head("POST", moderations, "Content-Length: 13\r\n")+`{"inp`)
	require.NoError(t, err)
	soon(t, func() bool { return l.server.Watchers() == 1 })
	release := l.engine.Hold()
	defer release()
	stopped := make(chan error, 1)
	go func() { stopped <- l.http.Shutdown(context.Background()) }()
	require.ErrorIs(t, <-l.done, http.ErrServerClosed)
	_, err = fmt.Fprint(conn, `ut":"x"}`)
	require.NoError(t, err)
	soon(t, func() bool { return l.engine.Running() == 1 })
	past := time.NewTimer(3 * time.Second) // past the grace
	<-past.C
	release()
	require.Equal(t, http.StatusOK, status(t, conn))
	require.NoError(t, <-stopped)
}

func shortRequests(o *httpapi.Options, _ *httpapi.Deps) { o.RequestTimeout = 200 * time.Millisecond }

// TestRequestsEndInTime: what is no stream is ended by its limit, and says so.
func TestRequestsEndInTime(t *testing.T) {
	l := newLive(t, nil, shortRequests)
	release := l.engine.Hold()
	defer release()
	res, err := l.client.Do(l.request(t.Context(), "slow"))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusGatewayTimeout, res.StatusCode)
	row := l.rows()[len(l.rows())-1]
	require.Equal(t, "error", row.Decision)
}

// deadlines is an answer that notes until when it may be written.
type deadlines struct {
	*httptest.ResponseRecorder
	write []time.Time
}

// SetWriteDeadline is what http.ResponseController looks for.
func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.write = append(d.write, at)
	return nil
}

// TestSlowReaders: every answer has half a minute to be read in from when it is ready, pages, refusals and verdicts alike.
func TestSlowReaders(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/ui/", ""}, {"GET", "/ui/assets/app-1a2b.js", ""}, {"GET", "/api/v1/audit/events", ""}, {"GET", "/nothing", ""}, {"POST", moderations, `{"input":"x"}`}, {"GET", "/healthz", ""},
	} {
		r := httptest.NewRequest(c.method, "https://localhost"+c.path, strings.NewReader(c.body))
		r.Header.Set("Authorization", "Bearer "+b.keys["alice"])
		r.Header.Set("Content-Type", "application/json")
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		b.server.ServeHTTP(w, r)
		require.NotEmpty(t, w.write, c.path)
		last := w.write[len(w.write)-1]
		require.WithinDuration(t, time.Now().Add(30*time.Second), last, 5*time.Second, c.path)
	}
}
