package httpapi_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi"
)

// TestQueueIsBounded: who does not fit into the queue is told when to come back, with a row, and nobody else is harmed.
func TestQueueIsBounded(t *testing.T) {
	b := newBench(t)
	release := b.engine.Hold()
	const callers = 32
	answers := make(chan *httptest.ResponseRecorder, callers)
	var work sync.WaitGroup
	before := len(b.rows())
	for range callers {
		work.Go(func() { answers <- b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"x"}`}) })
	}
	var refused int
	for range callers - 9 { // one runs, eight wait
		w := <-answers
		require.Equal(t, http.StatusServiceUnavailable, w.Code, w.Body)
		require.Contains(t, w.Body.String(), `"code":"busy"`)
		require.NotEmpty(t, w.Header().Get("Retry-After"))
		require.Contains(t, w.Body.String(), `"queue":{"capacity":8,"position":9,"waiting":8}`)
		refused++
	}
	release()
	work.Wait()
	close(answers)
	for w := range answers {
		require.Equal(t, http.StatusOK, w.Code, w.Body)
	}
	decisions := map[string]int{}
	for _, r := range b.rows()[before:] {
		decisions[r.Decision]++
	}
	require.Equal(t, map[string]int{"allow": callers - refused, "error": refused}, decisions)
}

// TestReadiness: the reason is a code, and strangers cannot make the disk write by asking.
func TestReadiness(t *testing.T) {
	var broken error
	asked := 0
	at := time.Now()
	b := newBench(t, func(o *httpapi.Options, d *httpapi.Deps) {
		o.Now = func() time.Time { return at }
		d.Writable = func() error { asked++; return broken }
	})
	ready := func() *httptest.ResponseRecorder { return b.do(call{method: "GET", path: "/readyz"}) }
	require.Equal(t, http.StatusOK, ready().Code)
	broken = errors.New("no space left on device")
	require.Equal(t, http.StatusOK, ready().Code)
	require.Equal(t, 1, asked)
	at = at.Add(5 * time.Second)
	w := ready()
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Contains(t, w.Body.String(), `"code":"audit_unavailable"`)
	require.NotContains(t, w.Body.String(), "space")
	broken, at = nil, at.Add(5*time.Second)
	require.Equal(t, http.StatusOK, ready().Code)
	require.Equal(t, 3, asked)

	b.engine.Fail(fault.New(fault.Internal, "the engine's words"))
	w = b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"x"}`})
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/healthz"}).Code)
}
