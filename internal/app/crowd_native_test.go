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
	"slices"
	"strconv"
	"strings"
	"sync"
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

// visits asks one short text after the other until stop is closed, and answers what came.
func (c *crowd) visits(stop <-chan struct{}) []answer {
	h := c.person("127.0.0.1")
	defer h.CloseIdleConnections()
	var all []answer
	for i := 0; ; i++ {
		select {
		case <-stop:
			return all
		default:
		}
		a, err := c.judge(context.Background(), h, c.keys[len(c.keys)-1], "/api/v1/moderations", native("visit %d", i))
		if err != nil {
			c.t.Error(err)
			return all
		}
		all = append(all, a)
	}
}

// TestAThousandClientsAtOnce: threat R2, with everything that ships: TLS, keys, gate, queue, engine, audit. A thousand
// connections ask at the same moment, of one program and of a hundred. Whoever is not judged is told his place and when to
// come back, nobody gets anything else, each has his row, and the server stands.
func TestAThousandClientsAtOnce(t *testing.T) {
	for _, people := range []int{1, 100} {
		t.Run(fmt.Sprint("people=", people), func(t *testing.T) {
			c := newCrowd(t, people, nil)
			before := runtime.NumGoroutine()
			const clients = 1000
			answers := make([]answer, clients)
			errs := make([]error, clients)
			var connected, done sync.WaitGroup
			connected.Add(clients)
			start, stop := make(chan struct{}), make(chan struct{})
			handshakes := make(chan struct{}, 32) // a server gives each five seconds, and this processor has other work
			for i := range clients {
				done.Go(func() {
					h := c.person(fmt.Sprint("127.0.0.", 2+i/125)) // an address has 256 connections
					defer h.CloseIdleConnections()
					handshakes <- struct{}{}
					res, err := h.Get(c.URL + "healthz") //nolint:noctx // the client has no other deadline either
					if err == nil {
						_, _ = io.Copy(io.Discard, res.Body)
						err = res.Body.Close()
					}
					<-handshakes
					connected.Done()
					if errs[i] = err; err != nil {
						return
					}
					<-start
					answers[i], errs[i] = c.judge(context.Background(), h, c.keys[i%people], "/api/v1/moderations", native("What is a good recipe for bread number %d?", i))
				})
			}
			connected.Wait()
			visited := make(chan []answer, 1)
			go func() { visited <- c.visits(stop) }()
			close(start)
			done.Wait()
			close(stop)
			visits := <-visited
			judged, refused := 0, 0
			for i, a := range answers {
				require.NoError(t, errs[i])
				switch a.status {
				case http.StatusOK:
					judged++
					require.NotEmpty(t, a.Action)
				case http.StatusServiceUnavailable:
					refused++
					require.Equal(t, "busy", a.Code, string(a.body))
					after, err := strconv.Atoi(a.retryAfter)
					require.NoError(t, err)
					require.Positive(t, after)
					require.NotNil(t, a.Queue)
					require.Equal(t, 256, a.Queue.Capacity)
					require.Positive(t, a.Queue.Position)
				default:
					require.Fail(t, "neither judged nor told to come back", "%d: %s", a.status, a.body)
				}
			}
			require.Equal(t, clients, judged+refused)
			require.Positive(t, judged)
			if people == 1 {
				requireServed(t, visits, 16)
			}
			rows := c.settled(before)
			t.Logf("judged %d, refused %d, rows %v", judged, refused, rows)
			require.Len(t, rows, min(2, 1+refused))
		})
	}
}

// requireServed holds a person's answers to the bound: each is a verdict; the median stood next in the line; and no one
// further back than one turn of the other and the texts at the model.
func requireServed(t *testing.T, visits []answer, worst int) {
	t.Helper()
	require.NotEmpty(t, visits)
	var places []int
	var took []time.Duration
	for _, a := range visits {
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		require.LessOrEqual(t, a.Timings.QueueMS+a.Timings.ModelMS, a.Timings.TotalMS)
		places, took = append(places, a.Timings.Position), append(took, a.took)
	}
	slices.Sort(places)
	slices.Sort(took)
	t.Logf("visitor: %d answers, places: median %d, worst %d; latency: median %v, worst %v", len(visits), places[len(places)/2], places[len(places)-1], took[len(took)/2], took[len(took)-1])
	require.LessOrEqual(t, places[len(places)/2], 2, "the median")
	require.LessOrEqual(t, places[len(places)-1], worst, "the worst")
}

// TestTenThousandTextsOfOnePerson: threat R2. They wait in forty requests of 250 while another asks one after the other; then
// their sender hangs up, and nothing of them is left.
func TestTenThousandTextsOfOnePerson(t *testing.T) {
	c := newCrowd(t, 1, nil)
	before := runtime.NumGoroutine()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var hog sync.WaitGroup
	left := make(chan error, 40)
	for r := range cap(left) {
		texts := make([]string, 250)
		for i := range texts {
			texts[i] = fmt.Sprintf("one of very many texts, number %d of request %d", i, r)
		}
		body, err := json.Marshal(map[string]any{"input": texts})
		require.NoError(t, err)
		h := c.person("127.0.0.2")
		defer h.CloseIdleConnections()
		hog.Go(func() { _, err := c.judge(ctx, h, c.keys[0], "/v1/moderations", body); left <- err })
	}
	eye := c.person("127.0.0.1")
	require.Eventually(t, func() bool { return c.lookAs(eye, c.keys[0]).Yours >= 30 }, patience, time.Millisecond)
	var visits []answer
	h := c.person("127.0.0.1")
	for i := range 60 {
		a, err := c.judge(t.Context(), h, c.keys[1], "/api/v1/moderations", native("visit %d", i))
		require.NoError(t, err)
		visits = append(visits, a)
	}
	requireServed(t, visits, 16)
	require.Positive(t, c.lookAs(eye, c.keys[0]).Yours, "they still wait")
	leave()
	hog.Wait()
	require.Eventually(t, func() bool { l := c.lookAs(eye, c.keys[0]); return l.Yours == 0 && l.Waiting == 0 }, patience, time.Millisecond, "their places are free")
	a, err := c.judge(t.Context(), h, c.keys[1], "/api/v1/moderations", native("afterwards"))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status)
	for _, h := range []*http.Client{h, eye} {
		h.CloseIdleConnections()
	}
	t.Log(c.settled(before))
}

// TestWhoLeavesTakesNothingAlong: callers hang up in the middle of their body, in the line, at the model, and before they
// read. Each place is free at once, each has his row, and no goroutine stays.
func TestWhoLeavesTakesNothingAlong(t *testing.T) {
	c := newCrowd(t, 2, nil)
	before := runtime.NumGoroutine()
	eye := c.person("127.0.0.1")
	free := func() bool { l := c.lookAs(eye, c.keys[0]); return l.Yours == 0 && l.Waiting == 0 }

	// A long text is at the model, short ones wait behind it: all leave together.
	long, err := json.Marshal(map[string]string{"input": strings.Repeat("The bread is baked in the morning and sold in the shop by the river. ", 1200)})
	require.NoError(t, err)
	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range 40 {
		h, body := c.person("127.0.0.2"), native("behind it %d", i)
		if i < 4 {
			body = long
		}
		all.Go(func() {
			defer h.CloseIdleConnections()
			_, _ = c.judge(ctx, h, c.keys[0], "/api/v1/moderations", body)
		})
	}
	require.Eventually(t, func() bool { return c.lookAs(eye, c.keys[0]).Yours >= 8 }, patience, time.Millisecond)
	leave()
	all.Wait()
	require.Eventually(t, free, patience, time.Millisecond)

	// In the middle of the body, and before reading: 256 verdicts are more than the sockets hold.
	texts := make([]string, 256)
	for i := range texts {
		texts[i] = fmt.Sprint("text ", i)
	}
	many, err := json.Marshal(map[string]any{"input": texts})
	require.NoError(t, err)
	var deaf []net.Conn
	for range 4 {
		half := c.raw("/v1/moderations", many[:len(many)/2], len(many))
		require.NoError(t, half.Close())
		deaf = append(deaf, c.raw("/v1/moderations", many, len(many)))
	}
	require.Eventually(t, free, patience, 5*time.Millisecond, "who does not read holds no place")
	a, err := c.judge(t.Context(), eye, c.keys[1], "/api/v1/moderations", native("meanwhile"))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status)
	for _, conn := range deaf {
		require.NoError(t, conn.Close())
	}
	eye.CloseIdleConnections()
	rows := c.settled(before)
	require.GreaterOrEqual(t, rows["error canceled"], 4, "%v", rows)
	t.Log(rows)
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
