package httpapi_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth"
	"guardhouse/internal/db"
	"guardhouse/internal/events"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/metrics"
)

const eventsPath = "/api/v1/events"

// turned is a clock whose ticks the test makes; the hub's own, which is shorter, goes by itself.
type turned struct {
	mu    sync.Mutex
	ticks map[chan time.Time]time.Duration
}

func (c *turned) Tick(d time.Duration) (fire <-chan time.Time, stop func()) {
	if d < time.Second {
		t := time.NewTicker(d)
		return t.C, t.Stop
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	c.ticks[ch] = d
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.ticks, ch)
	}
}

// pass fires the ticks of one length.
func (c *turned) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch, every := range c.ticks {
		if every == d {
			select {
			case ch <- time.Time{}:
			default:
			}
		}
	}
}

// withEvents gives the server a hub. Its log is the server's.
func withEvents(t testing.TB, clock *turned) setting {
	return func(o *httpapi.Options, d *httpapi.Deps) {
		d.Events = events.New(events.Deps{
			Log: d.Audit, Guard: d.Guard, History: d.Moderation, Models: d.Catalog, Recheck: d.Auth.Recheck, Verdict: httpapi.HistoryJSON,
		}, events.Options{Tick: clock.Tick, Log: o.Log})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); d.Events.Run(ctx) }()
		t.Cleanup(func() { cancel(); <-done })
	}
}

func newTurned() *turned { return &turned{ticks: map[chan time.Time]time.Duration{}} }

// feed is an open stream as a client has it.
type feed struct {
	t      testing.TB
	answer *http.Response
	leave  func()
	done   chan struct{}

	mu     sync.Mutex
	blocks []string
}

// client answers one of the protocol, whose connections are its own.
func (l *live) of(proto string) *http.Client {
	c := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: l.pool, NextProtos: []string{proto}}, ForceAttemptHTTP2: proto == "h2",
	}}
	l.t.Cleanup(c.CloseIdleConnections)
	return c
}

func (l *live) open(c *http.Client, query string, header map[string]string) *feed {
	l.t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+l.addr+eventsPath+query, http.NoBody)
	require.NoError(l.t, err)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	f := &feed{t: l.t, leave: leave, done: make(chan struct{})}
	f.answer, err = c.Do(r) //nolint:bodyclose // read closes it
	require.NoError(l.t, err)
	go f.read()
	l.t.Cleanup(func() { leave(); <-f.done })
	return f
}

func (f *feed) read() {
	defer close(f.done)
	defer func() { _ = f.answer.Body.Close() }() // it was read to its end
	s := bufio.NewScanner(f.answer.Body)
	s.Buffer(nil, 1<<20)
	s.Split(splitBlocks)
	for s.Scan() {
		f.mu.Lock()
		f.blocks = append(f.blocks, s.Text())
		f.mu.Unlock()
	}
}

func splitBlocks(data []byte, _ bool) (advance int, token []byte, err error) {
	if i := strings.Index(string(data), "\n\n"); i >= 0 {
		return i + 2, data[:i], nil
	}
	return 0, nil, nil
}

// of answers the data of the events of one type.
func (f *feed) of(kind string) (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.blocks {
		if head, data, ok := strings.Cut(b, "\ndata: "); ok && strings.HasSuffix("\n"+head, "\nevent: "+kind) {
			out = append(out, data)
		}
	}
	return out
}

func (f *feed) all() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.blocks, "\n\n")
}

func (f *feed) until(ok func() bool) {
	f.t.Helper()
	soon(f.t, ok)
}

func (f *feed) ended() {
	f.t.Helper()
	select {
	case <-f.done:
	case <-time.After(5 * time.Second):
		require.FailNow(f.t, "the stream goes on", f.all())
	}
}

func (b *bench) keyOf(name string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + b.keys[name]}
}

// TestEventsOverBothProtocols: a stream outlives every limit of an ordinary request, shows rows in the shape of the lists,
// and ends at once when the server stops.
func TestEventsOverBothProtocols(t *testing.T) {
	for _, proto := range []string{"http/1.1", "h2"} {
		t.Run(proto, func(t *testing.T) {
			clock := newTurned()
			const limit = 300 * time.Millisecond
			counted, err := metrics.New(httpapi.ErrorCodes())
			require.NoError(t, err)
			l := newLive(t, func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = limit, limit },
				withEvents(t, clock), func(o *httpapi.Options, d *httpapi.Deps) { o.RequestTimeout, d.Metrics = limit, counted })
			before := len(l.rows())
			f := l.open(l.of(proto), "", l.keyOf("otto"))
			own := l.open(l.of(proto), "", l.keyOf("rita"))
			require.Equal(t, http.StatusOK, f.answer.StatusCode)
			require.Equal(t, proto == "h2", f.answer.ProtoMajor == 2)
			require.Equal(t, "text/event-stream", f.answer.Header.Get("Content-Type"))
			require.Equal(t, "no-store", f.answer.Header.Get("Cache-Control"))
			require.NotEmpty(t, f.answer.Header.Get("X-Request-Id"))
			f.until(func() bool { return len(f.of("policy")) == 1 && len(own.of("policy")) == 1 })
			require.Len(t, l.rows(), before, "opening a stream is reading a list")
			past := time.NewTimer(4 * limit)
			<-past.C
			clock.pass(events.KeepAlive)
			f.until(func() bool { return strings.Contains(f.all(), ": keep-alive") })
			require.Equal(t, http.StatusOK, l.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"zzviolent"}`}).Code)
			f.until(func() bool { return len(f.of("audit")) == 1 && len(own.of("verdict")) == 1 })
			require.JSONEq(t, listItem(t, l.do(call{method: "GET", path: "/api/v1/audit/events?limit=1", as: "otto"}).Body.Bytes()), f.of("audit")[0])
			require.JSONEq(t, listItem(t, l.do(call{method: "GET", path: moderations + "?limit=1", as: "rita"}).Body.Bytes()), own.of("verdict")[0])
			require.Empty(t, f.of("verdict"))
			require.Empty(t, own.of("audit"))
			require.NotContains(t, f.all()+own.all(), "zzviolent", "never the text")
			stopped := make(chan error, 1)
			go func() { stopped <- l.http.Shutdown(context.Background()) }()
			f.ended()
			own.ended()
			require.NoError(t, <-stopped)
			var text strings.Builder
			require.NoError(t, counted.Write(&text))
			series := `guardhouse_http_request_duration_seconds_bucket{method="GET",route="` + eventsPath + `",le="1"} 2`
			require.Contains(t, text.String(), series, "counted by the wait for the answer, not by the listening")
		})
	}
}

func listItem(t *testing.T, body []byte) string {
	t.Helper()
	var page struct{ Items []json.RawMessage }
	require.NoError(t, json.Unmarshal(body, &page))
	require.NotEmpty(t, page.Items)
	return string(page.Items[0])
}

// TestEventsEndWithTheAccount: by cookie and by key, at once where the act is seen, and within the five seconds where
// nothing tells of it.
func TestEventsEndWithTheAccount(t *testing.T) { // threat A4
	clock := newTurned()
	l := newLive(t, nil, withEvents(t, clock))
	cli := access.System("tester")
	byKey, other := l.open(l.of("h2"), "", l.keyOf("nora")), l.open(l.of("http/1.1"), "", l.keyOf("gus"))
	byCookie := l.open(l.of("http/1.1"), "", map[string]string{"Cookie": l.cookie})
	for _, f := range []*feed{byKey, byCookie, other} {
		require.Equal(t, http.StatusOK, f.answer.StatusCode)
		f.until(func() bool { return len(f.of("policy")) == 1 })
	}
	nora, err := l.auth.UserByName(t.Context(), "nora")
	require.NoError(t, err)
	off := "disabled"
	_, err = l.auth.ChangeUser(t.Context(), cli, nora.ID, auth.UserChange{Status: &off})
	require.NoError(t, err)
	byKey.ended()
	require.Equal(t, []string{`{"ended":true}`}, byKey.of("session"))
	require.Equal(t, http.StatusUnauthorized, l.do(call{method: "GET", path: eventsPath, as: "nora"}).Code)

	// A session that ends without a row of its own, as one that was idle too long does: the five seconds find it.
	l.revokeQuietly(t)
	require.Empty(t, byCookie.of("session"))
	clock.pass(events.RecheckEvery)
	byCookie.ended()
	require.Equal(t, []string{`{"ended":true}`}, byCookie.of("session"))
	require.Empty(t, other.of("session"))
	other.leave()
	other.ended()
	soon(t, func() bool { return strings.Count(l.logs.String(), `"route":"`+eventsPath+`"`) == 4 })
}

func (l *live) revokeQuietly(t *testing.T) {
	t.Helper()
	require.NoError(t, l.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE sessions SET revoked_at = 1`)
		return err
	}))
}

func TestEventsRefused(t *testing.T) {
	clock := newTurned()
	l := newLive(t, nil, withEvents(t, clock))
	narrowed := l.key("alice", []string{"guard-nano"}, nil)
	for name, c := range map[string]struct {
		header map[string]string
		query  string
		status int
		rows   int
	}{
		"nobody":              {status: 401, rows: 1},
		"a narrowed key":      {header: map[string]string{"Authorization": "Bearer " + narrowed}, status: 403, rows: 1},
		"no number":           {header: map[string]string{"Last-Event-ID": "abc"}, status: 400},
		"negative":            {header: map[string]string{"Last-Event-ID": "-1"}, status: 400},
		"another spelling":    {header: map[string]string{"Last-Event-ID": "01"}, status: 400},
		"too large":           {header: map[string]string{"Last-Event-ID": "9223372036854775808"}, status: 400},
		"garbage in after":    {query: "?after=%0d%0aevent:x", status: 400},
		"after stands twice":  {query: "?after=1&after=2", status: 400},
		"an unknown name":     {query: "?token=x", status: 400},
		"header beats after":  {header: map[string]string{"Last-Event-ID": "x"}, query: "?after=1", status: 400},
		"a good one, to last": {query: "?after=1", status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			if c.header["Authorization"] == "" && name != "nobody" {
				if c.header == nil {
					c.header = map[string]string{}
				}
				c.header["Authorization"] = l.keyOf("gus")["Authorization"]
			}
			rows := l.newRows(func() {
				f := l.open(l.of("h2"), c.query, c.header)
				require.Equal(t, c.status, f.answer.StatusCode)
				if c.status == http.StatusOK {
					f.until(func() bool { return len(f.of("policy")) == 1 })
				}
				f.leave()
				<-f.done
			})
			require.Len(t, rows, c.rows)
		})
	}
}

// TestNinthEventStream: 429 with its row, and room again once one has gone.
func TestNinthEventStream(t *testing.T) {
	l := newLive(t, nil, withEvents(t, newTurned()))
	var open []*feed
	for range events.MaxPerPerson {
		f := l.open(l.of("h2"), "", l.keyOf("gus"))
		require.Equal(t, http.StatusOK, f.answer.StatusCode)
		open = append(open, f)
	}
	rows := l.newRows(func() {
		f := l.open(l.of("h2"), "", l.keyOf("gus"))
		require.Equal(t, http.StatusTooManyRequests, f.answer.StatusCode)
		require.NotEmpty(t, f.answer.Header.Get("Retry-After"))
	})
	require.Len(t, rows, 1)
	require.Equal(t, []string{"session.own", audit.Deny, "rate_limited"}, []string{rows[0].Action, rows[0].Decision, rows[0].Reason})
	require.Equal(t, http.StatusOK, l.open(l.of("h2"), "", l.keyOf("nora")).answer.StatusCode)
	open[3].leave()
	open[3].ended()
	soon(t, func() bool {
		f := l.open(l.of("h2"), "", l.keyOf("gus"))
		defer f.leave()
		return f.answer.StatusCode == http.StatusOK
	})
}

// TestEventsResumeByHeader: what a browser does by itself, its place in the header and an old one in the address.
func TestEventsResumeByHeader(t *testing.T) {
	l := newLive(t, nil, withEvents(t, newTurned()))
	for range 3 {
		require.Equal(t, http.StatusOK, l.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"hello"}`}).Code)
	}
	last := l.rows()[len(l.rows())-1]
	header := l.keyOf("rita")
	header["Last-Event-ID"] = fmt.Sprint(last.Seq - 1)
	f := l.open(l.of("h2"), fmt.Sprintf("?after=%d", last.Seq-3), header)
	f.until(func() bool { return len(f.of("verdict")) == 1 })
	g := l.open(l.of("h2"), fmt.Sprintf("?after=%d", last.Seq-3), l.keyOf("rita"))
	g.until(func() bool { return len(g.of("verdict")) == 3 })
	require.Contains(t, g.all(), fmt.Sprintf("id: %d\nevent: verdict\n", last.Seq))
	require.Len(t, f.of("verdict"), 1)
}

// TestEventsDropWhoDoesNotRead: over real sockets, on both protocols, while another reads on; and nothing is left running.
func TestEventsDropWhoDoesNotRead(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the ten seconds of a write: make test runs it")
	}
	l := newLive(t, nil, withEvents(t, newTurned()))
	// Connections and helpers of the harness are there before the count.
	require.Equal(t, http.StatusOK, l.do(call{method: "GET", path: "/healthz"}).Code)
	before := runtime.NumGoroutine()
	reading := l.open(l.of("h2"), "", l.keyOf("otto"))
	var asleep []*http.Response
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for _, proto := range []string{"http/1.1", "h2"} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+l.addr+eventsPath, http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Authorization", l.keyOf("alice")["Authorization"])
		answer, err := l.of(proto).Do(r) //nolint:bodyclose // below, once it was cut off
		require.NoError(t, err)
		asleep = append(asleep, answer) //nolint:bodyclose // the same
	}
	// Rows of the largest size: they fill what the sockets take for somebody who does not read.
	fill := strings.Repeat("x", 500)
	written := 0
	for written < 12_000 && !strings.Contains(l.logs.String(), "the reader is too slow") {
		for range 100 {
			_, err := l.log.Record(audit.Entry{Actor: audit.Actor{Type: "system", Name: fill}, Action: "auth.login", Decision: "allow", UserAgent: fill, Resource: fill})
			require.NoError(t, err)
			written++
		}
		want := written
		reading.until(func() bool { return len(reading.of("audit")) >= want })
	}
	require.Eventually(t, func() bool { return strings.Count(l.logs.String(), "the reader is too slow") == 2 }, 30*time.Second, 20*time.Millisecond)
	require.Len(t, reading.of("audit"), written, "the others lose nothing")
	reading.leave()
	reading.ended()
	leave()
	for _, answer := range asleep {
		_ = answer.Body.Close() // it was cut off
	}
	l.client.CloseIdleConnections()
	soon(t, func() bool { return runtime.NumGoroutine() <= before+8 }) // the connections of the harness that stay open
	require.NotContains(t, l.logs.String(), "panic")
}
