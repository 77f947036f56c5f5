//go:build !nollama

package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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
