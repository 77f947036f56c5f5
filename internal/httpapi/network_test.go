package httpapi_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
	"guardhouse/internal/httpapi/tlsfiles"
)

// live is a bench behind a real listener with TLS.
type live struct {
	*bench
	http   *http.Server
	addr   string
	client *http.Client
	pool   *x509.CertPool
	done   chan error
}

func newLive(t *testing.T, change func(*http.Server), settings ...setting) *live {
	t.Helper()
	return liveOver(t, newBench(t, settings...), change)
}

// liveOver answers requests to a bench over a socket.
func liveOver(t *testing.T, b *bench, change func(*http.Server)) *live {
	t.Helper()
	files, err := tlsfiles.Open(tlsfiles.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	pem, err := os.ReadFile(files.CAFile())
	require.NoError(t, err)
	l := &live{bench: b, pool: x509.NewCertPool(), done: make(chan error, 1)}
	require.True(t, l.pool.AppendCertsFromPEM(pem))
	l.http = httpapi.NewHTTPServer(l.server, slog.New(slog.DiscardHandler))
	if change != nil {
		change(l.http)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.addr = ln.Addr().String()
	go func() { l.done <- l.http.Serve(httpapi.Listen(ln, httpapi.Bounds{TLS: files.Config()})) }()
	l.client = &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: l.pool}}}
	t.Cleanup(func() {
		l.client.CloseIdleConnections()
		require.NoError(t, l.http.Close())
	})
	return l
}

func (l *live) request(ctx context.Context, text string) *http.Request {
	l.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+l.addr+moderations, strings.NewReader(`{"input":"`+text+`"}`))
	require.NoError(l.t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+l.keys["rita"])
	return r
}

// dial opens one raw connection, HTTP/1.1.
func (l *live) dial() net.Conn {
	l.t.Helper()
	d := tls.Dialer{Config: &tls.Config{RootCAs: l.pool, NextProtos: []string{"http/1.1"}}}
	conn, err := d.DialContext(l.t.Context(), "tcp", l.addr)
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func status(t *testing.T, conn net.Conn) int {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Body.Close()) }()
	_, err = io.Copy(io.Discard, r.Body)
	require.NoError(t, err)
	return r.StatusCode
}

func TestBothProtocols(t *testing.T) {
	l := newLive(t, nil)
	r, err := l.client.Do(l.request(t.Context(), "hello"))
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Body.Close()) }()
	require.Equal(t, http.StatusOK, r.StatusCode)
	require.Equal(t, 2, r.ProtoMajor)
	conn := l.dial()
	_, err = fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status(t, conn))
}

// TestSlowClients: one that sends its body drop by drop gets a clear 400 and a row; one that never ends its header is
// let go; and the time to send a body is not the time to answer.
func TestSlowClients(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	l := newLive(t, func(s *http.Server) { s.ReadTimeout, s.ReadHeaderTimeout = 300*time.Millisecond, 300*time.Millisecond })
	conn := l.dial()
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"inp", moderations, l.keys["rita"])
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, status(t, conn))
	rows := l.rows()
	require.Equal(t, "error", rows[len(rows)-1].Decision)

	conn = l.dial()
	_, err = fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHo")
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	_, err = io.ReadAll(conn)
	require.NoError(t, err, "the server ends it")

	for _, proto := range []string{"h2", "http/1.1"} {
		release := l.engine.Hold()
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: l.pool, NextProtos: []string{proto}}, ForceAttemptHTTP2: proto == "h2"}}
		answered := make(chan int, 1)
		go func() {
			r, err := client.Do(l.request(context.Background(), "hello"))
			if err != nil {
				answered <- 0
				return
			}
			_ = r.Body.Close()
			answered <- r.StatusCode
		}()
		soon(t, func() bool { return l.engine.Running() == 1 })
		until := time.NewTimer(700 * time.Millisecond) // past the time to send
		<-until.C
		release()
		require.Equal(t, http.StatusOK, <-answered, proto)
		client.CloseIdleConnections()
	}
}

// TestClientLeaves: the engine is not kept busy for somebody who is gone, and the row says so.
func TestClientLeaves(t *testing.T) {
	l := newLive(t, nil)
	release := l.engine.Hold()
	defer release()
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan struct{})
	before := len(l.rows())
	go func() {
		defer close(gone)
		if r, err := l.client.Do(l.request(ctx, "hello")); err == nil {
			_ = r.Body.Close()
		}
	}()
	soon(t, func() bool { return l.engine.Running() == 1 })
	leave()
	<-gone
	soon(t, func() bool { return l.engine.Running() == 0 && len(l.rows()) == before+1 })
	row := l.rows()[before]
	require.Equal(t, "error", row.Decision)
	require.Equal(t, "canceled", row.Reason)
	soon(t, func() bool { return strings.Contains(l.logs.String(), `"status":499`) })
	release()
	r, err := l.client.Do(l.request(t.Context(), "still here"))
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, http.StatusOK, r.StatusCode)
}

// TestHalfABody: a client that leaves in the middle of its body leaves a row too.
func TestHalfABody(t *testing.T) {
	l := newLive(t, nil)
	before := len(l.rows())
	conn := l.dial()
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"inp", moderations, l.keys["rita"])
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	soon(t, func() bool { return len(l.rows()) == before+1 })
	require.Equal(t, "canceled", l.rows()[before].Reason)
}

// TestGracefulStop: what was accepted is answered, with its row; nothing new is.
func TestGracefulStop(t *testing.T) {
	l := newLive(t, nil)
	release := l.engine.Hold()
	answered := make(chan int, 1)
	go func() {
		r, err := l.client.Do(l.request(context.Background(), "hello"))
		if err != nil {
			answered <- 0
			return
		}
		_ = r.Body.Close()
		answered <- r.StatusCode
	}()
	soon(t, func() bool { return l.engine.Running() == 1 })
	stopped := make(chan error, 1)
	go func() { stopped <- l.http.Shutdown(context.Background()) }()
	require.ErrorIs(t, <-l.done, http.ErrServerClosed)
	_, err := net.DialTimeout("tcp", l.addr, time.Second)
	require.Error(t, err)
	release()
	require.Equal(t, http.StatusOK, <-answered)
	l.client.CloseIdleConnections()
	require.NoError(t, <-stopped)
	require.Equal(t, "allow", l.rows()[len(l.rows())-1].Decision)
}

// TestHostileWire: what is not quite HTTP gets a 4xx and leaves no panic and no echo.
func TestHostileWire(t *testing.T) {
	l := newLive(t, nil)
	for name, c := range map[string]struct {
		send string
		want int
	}{
		"header over 16 KiB":  {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("a", 16<<10) + "\r\n\r\n", 431},
		"no host":             {"GET /healthz HTTP/1.1\r\n\r\n", 400},
		"two hosts":           {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n", 400},
		"old protocol":        {"GET /healthz HTTP/1.0\r\n\r\n", 421},
		"two lengths":         {"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400},
		"absolute, evil":      {"GET https://evil/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 421},
		"asterisk":            {"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		"CONNECT":             {"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n", 404},
		"TRACE":               {"TRACE /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
		"upgrade":             {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200},
		"NUL in header":       {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: a\x00b\r\n\r\n", 400},
		"bad transfer coding": {"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
	} {
		t.Run(name, func(t *testing.T) {
			conn := l.dial()
			_, err := fmt.Fprint(conn, c.send)
			require.NoError(t, err)
			require.Equal(t, c.want, status(t, conn))
		})
	}
	require.NotContains(t, l.logs.String(), "panic")
}

// TestChunkedOverTheLimit: a body without an announced length stops at the limit.
func TestChunkedOverTheLimit(t *testing.T) { // threat R1
	l := newLive(t, nil, func(o *httpapi.Options, _ *httpapi.Deps) { o.MaxBody = 1000 })
	r := l.request(t.Context(), "x")
	r.Body, r.ContentLength = io.NopCloser(endless{}), -1
	res, err := l.client.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	require.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestConnectionsPerAddress: the 257th connection of one address is closed at once, and a place that is given back
// is there again.
func TestConnectionsPerAddress(t *testing.T) {
	var lc net.ListenConfig
	inner, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ln := httpapi.Listen(inner, httpapi.Bounds{})
	accepted := make(chan net.Conn, 300)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	})
	defer func() { require.NoError(t, ln.Close()); work.Wait() }()
	var clients, served []net.Conn
	dial := func() net.Conn {
		c, err := net.DialTimeout("tcp", inner.Addr().String(), 5*time.Second)
		require.NoError(t, err)
		clients = append(clients, c)
		return c
	}
	defer func() {
		for _, c := range append(clients, served...) {
			_ = c.Close()
		}
	}()
	for range 256 {
		dial()
		served = append(served, <-accepted)
	}
	over := dial()
	require.NoError(t, over.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err = over.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.Empty(t, accepted)
	require.NoError(t, served[0].Close())
	require.NotEmpty(t, served[0].Close().Error(), "closing twice gives the place back once")
	dial()
	served = append(served, <-accepted)
	over = dial()
	require.NoError(t, over.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err = over.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}
