//go:build !nollama

package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth"
	"guardhouse/internal/config"
	"guardhouse/internal/inference/llamacpp"
)

// patience is only against hangs: other work may share the processor with the real engine.
const patience = 5 * time.Minute

// crowd is a server with the real engine, as it ships, and people who ask it.
type crowd struct {
	*running
	t    *testing.T
	data string
	keys []string // of the people; the last is the visitor's
	root string   // an admin's
}

// newCrowd answers a server that is ready, and n people with a key each besides a visitor.
func newCrowd(t *testing.T, n int, more map[string]string) *crowd {
	t.Helper()
	c := &crowd{t: t, data: filepath.Join(t.TempDir(), "data")}
	flags := map[string]string{"data": c.data, "listen": "127.0.0.1:0"}
	for k, v := range more {
		flags[k] = v
	}
	set, err := config.Load(config.Sources{Flags: flags, Environ: []string{}})
	require.NoError(t, err)
	o := Options{Engine: llamacpp.New(), Log: slog.New(slog.DiscardHandler)}
	a, err := Open(t.Context(), set, o)
	require.NoError(t, err)
	cli := access.System("tester")
	_, err = a.Auth.CreateUser(t.Context(), cli, auth.NewUser{Username: "alice", Role: "admin", Password: "a long sentence for tests"})
	require.NoError(t, err)
	_, c.root, err = a.Auth.CreateKey(t.Context(), cli, auth.NewKey{Label: "crowd", UserName: "alice"}, nil)
	require.NoError(t, err)
	for i := range n + 1 {
		name := fmt.Sprint("program-", i)
		_, err := a.Auth.CreateUser(t.Context(), cli, auth.NewUser{Username: name, Role: "reviewer", Kind: auth.KindService})
		require.NoError(t, err)
		_, key, err := a.Auth.CreateKey(t.Context(), cli, auth.NewKey{Label: "crowd", UserName: name}, nil)
		require.NoError(t, err)
		c.keys = append(c.keys, key)
	}
	require.NoError(t, a.Close())

	ctx, cancel := context.WithCancel(context.Background())
	c.running = &running{stop: cancel, done: make(chan error, 1)}
	said := make(chan Notice, 1)
	go func() { c.done <- Serve(ctx, set, o, func(n Notice) { said <- n }) }()
	select {
	case c.Notice = <-said:
	case err := <-c.done:
		require.NoError(t, err)
	case <-time.After(patience):
		require.Fail(t, "the server announced nothing")
	}
	t.Cleanup(cancel)
	h := c.person("127.0.0.1")
	require.Eventually(t, func() bool { return c.look(h).Capacity > 0 }, patience, 10*time.Millisecond, "the model is loaded in the background")
	h.CloseIdleConnections()
	return c
}

// person answers a client with one connection of its own, from an address of this machine.
func (c *crowd) person(from string) *http.Client {
	base, ok := c.client(c.t).Transport.(*http.Transport)
	require.True(c.t, ok)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: base.TLSClientConfig, DialContext: d.DialContext, MaxConnsPerHost: 1}}
}

// answer is what a test looks at of one.
type answer struct {
	status     int
	retryAfter string
	took       time.Duration
	body       []byte
	Action     string
	Code       string
	Queue      *struct{ Position, Waiting, Capacity int }
	Timings    struct {
		QueueMS  float64 `json:"queue_ms"`
		ModelMS  float64 `json:"model_ms"`
		TotalMS  float64 `json:"total_ms"`
		Position int     `json:"queue_position"`
	}
}

// judge asks for a verdict. An error means that the caller left: nothing else may end a request without an answer.
func (c *crowd) judge(ctx context.Context, h *http.Client, key, path string, body []byte) (answer, error) {
	start := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := h.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	a := answer{status: res.StatusCode, retryAfter: res.Header.Get("Retry-After")}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		return answer{}, err
	}
	a.took = time.Since(start)
	return a, json.Unmarshal(a.body, &a)
}

// line is what the visitor sees of the model's line.
type line struct{ Waiting, Capacity, Yours, Position int }

func (c *crowd) look(h *http.Client) (l line) {
	return c.lookAs(h, c.keys[len(c.keys)-1])
}

func (c *crowd) lookAs(h *http.Client, key string) (l line) {
	if status, body := c.get(h, key, "/api/v1/models/guard-nano/queue"); status == http.StatusOK {
		require.NoError(c.t, json.Unmarshal(body, &l))
	}
	return l
}

func (c *crowd) get(h *http.Client, key, path string) (status int, body []byte) {
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, strings.TrimSuffix(c.URL, "/")+path, nil)
	require.NoError(c.t, err)
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := h.Do(req)
	require.NoError(c.t, err)
	defer func() { require.NoError(c.t, res.Body.Close()) }()
	body, err = io.ReadAll(res.Body)
	require.NoError(c.t, err)
	return res.StatusCode, body
}

// seen answers how many requests for a verdict the server has ended, whatever came of them. One that its caller gave up before
// it was sent is none.
func (c *crowd) seen() (n int) {
	h := c.person("127.0.0.1")
	defer h.CloseIdleConnections()
	status, text := c.get(h, c.root, "/metrics")
	require.Equal(c.t, http.StatusOK, status)
	for _, m := range regexp.MustCompile(`(?m)^guardhouse_http_requests_total\{method="POST",route="/(?:api/v1|v1)/moderations",status="\d+"\} (\d+)$`).FindAllSubmatch(text, -1) {
		one, err := strconv.Atoi(string(m[1]))
		require.NoError(c.t, err)
		n += one
	}
	return n
}

func native(format string, args ...any) []byte {
	text, _ := json.Marshal(map[string]string{"input": fmt.Sprintf(format, args...)}) //nolint:errchkjson // a string
	return text
}

// settled ends a test: the server stops, its log is whole and holds one row for each request, by decision and reason.
func (c *crowd) settled(goroutines int) map[string]int {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return runtime.NumGoroutine() <= goroutines+2 }, patience, 20*time.Millisecond, "goroutines are left")
	seen := c.seen()
	c.end(c.t)
	set := settings(c.t, c.data)
	a, err := Open(c.t.Context(), set, Options{Engine: engine(c.t)})
	require.NoError(c.t, err)
	defer func() { require.NoError(c.t, a.Close()) }()
	report, err := a.Audit.Verify(c.t.Context())
	require.NoError(c.t, err)
	require.True(c.t, report.OK(), report.Detail)
	rows, all := map[string]int{}, 0
	f := audit.Filter{Limit: 500, Action: string(access.ModerationRun)}
	for {
		page, err := a.Audit.List(c.t.Context(), f)
		require.NoError(c.t, err)
		for _, r := range page.Items {
			rows[strings.TrimSuffix(r.Decision+" "+r.Reason+" "+fmt.Sprint(r.Details["code"]), " <nil>")]++
			all++
		}
		if f.Cursor = page.NextCursor; f.Cursor == "" {
			break
		}
	}
	require.Positive(c.t, seen)
	require.Equal(c.t, seen, all, "a row for each request: %v", rows)
	return rows
}

// raw sends a request on a connection that nobody reads.
func (c *crowd) raw(path string, body []byte, length int) net.Conn {
	base, ok := c.client(c.t).Transport.(*http.Transport)
	require.True(c.t, ok)
	set := base.TLSClientConfig.Clone()
	set.NextProtos = []string{"http/1.1"}
	d := tls.Dialer{Config: set}
	conn, err := d.DialContext(c.t.Context(), "tcp", strings.TrimSuffix(strings.TrimPrefix(c.URL, "https://"), "/"))
	require.NoError(c.t, err)
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, c.keys[0], length)
	require.NoError(c.t, err)
	_, err = conn.Write(body)
	require.NoError(c.t, err)
	return conn
}
