package bench

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Refusals are counted, obeyed to the second, and the text is sent again; its latency counts from its first try.
func TestRetryAfterIsObeyed(t *testing.T) {
	f := newFake(t, false)
	var (
		mu    sync.Mutex
		tries = map[string][]time.Time{}
	)
	f.answer = func(w http.ResponseWriter, _ *http.Request, text string) {
		mu.Lock()
		tries[text] = append(tries[text], time.Now())
		first := len(tries[text]) == 1
		mu.Unlock()
		if first && f.requests.Load() == 3 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		writeString(w, oneVerdict)
	}
	r := run(t, f.options(t))
	require.Equal(t, map[string]int{"503": 1}, r.Summary[0].Errors)
	require.Equal(t, 5, r.Summary[0].Verdicts)
	require.Empty(t, r.Failed(), "a refusal for load is no failure")
	require.GreaterOrEqual(t, r.Summary[0].Latency.Highest, 1000.0)
	again := 0
	for _, at := range tries {
		if len(at) > 1 {
			again++
			require.GreaterOrEqual(t, at[1].Sub(at[0]), time.Second)
		}
	}
	require.Equal(t, 1, again)
}

func TestARefusalPastTheRoundIsNotWaitedFor(t *testing.T) {
	f := newFake(t, false)
	f.answer = func(w http.ResponseWriter, _ *http.Request, _ string) {
		if f.requests.Load() <= 3 {
			writeString(w, oneVerdict)
			return
		}
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	o := f.options(t)
	o.Requests, o.Duration, o.Clients = 4, time.Second, []int{2}
	r := run(t, o)
	require.Equal(t, 2, r.Summary[0].Verdicts)
	require.Equal(t, 2, r.Summary[0].Unfinished)
	require.Equal(t, map[string]int{"429": 2}, r.Summary[0].Errors)
}

// One answer takes long. A closed loop sends nothing meanwhile and would call one in a hundred slow; the texts
// that were due meanwhile waited as well, and the open loop says so (coordinated omission).
func TestTheOpenLoopCountsFromTheIntendedStart(t *testing.T) {
	const stall = 400 * time.Millisecond
	f := newFake(t, false)
	f.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
		if f.requests.Load() == 20 {
			<-time.After(stall)
		}
		writeString(w, oneVerdict)
	}
	o := f.options(t)
	o.Requests, o.Rate, o.Duration = 0, 100, time.Second
	r := run(t, o)
	s := r.Summary[0]
	require.Equal(t, 100, s.Verdicts+s.Unsent, "every text that was due is counted")
	// 40 texts were due within the stall, and waited 200 ms or more for half of it.
	slow := 0
	for _, v := range r.Rounds[0].samples {
		if v.took >= stall/4 {
			slow++
		}
	}
	require.Greater(t, slow, 15)
	require.Greater(t, s.Latency.P95, milliseconds(stall/4))
}

func TestTextsThatWereNeverBegunCount(t *testing.T) {
	f := newFake(t, false)
	f.answer = func(w http.ResponseWriter, _ *http.Request, _ string) {
		if f.requests.Load() > 1 {
			<-time.After(1200 * time.Millisecond)
		}
		writeString(w, oneVerdict)
	}
	o := f.options(t)
	o.Requests, o.Rate, o.Duration = 0, 100, time.Second
	r := run(t, o)
	s := r.Summary[0]
	require.Equal(t, 1, s.Verdicts)
	require.Equal(t, 99, s.Unsent)
	require.Greater(t, s.Latency.P50, 200.0, "texts that were never begun waited too")
}

func TestFailuresAreCountedByKindAndDoNotSpin(t *testing.T) {
	f := newFake(t, false)
	f.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
		switch f.requests.Load() {
		case 1, 2, 5:
			writeString(w, oneVerdict)
		case 3:
			w.WriteHeader(http.StatusInternalServerError)
		case 4:
			panic(http.ErrAbortHandler) // the connection ends without an answer
		default:
			writeString(w, `{"severity":"Purple"}`)
		}
	}
	o := f.options(t)
	o.Requests = 6
	began := time.Now()
	r := run(t, o)
	require.Equal(t, 2, r.Summary[0].Verdicts)
	require.Equal(t, map[string]int{"500": 1, "no verdict in a 200": 3}, r.Summary[0].Errors)
	require.Equal(t, "500 x 1, no verdict in a 200 x 3", r.Failed())
	require.GreaterOrEqual(t, time.Since(began), pauseShortest+(1+2+4)*pauseShortest, "pauses grow")
}

func TestARoundWithoutVerdictIsAnError(t *testing.T) {
	f := newFake(t, false)
	f.answer = func(w http.ResponseWriter, _ *http.Request, _ string) {
		if f.requests.Load() == 1 {
			writeString(w, oneVerdict)
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	}
	r, err := Run(t.Context(), f.options(t))
	require.ErrorContains(t, err, "no verdict in round 1 with 1 client: 502 x 5")
	require.Len(t, r.Rounds, 1)
}

// A server that answers a little and then no more is not fast: the rest of the round counts.
func TestARateCountsTheWholeRound(t *testing.T) {
	f := newFake(t, false)
	held := make(chan struct{})
	f.answer = func(w http.ResponseWriter, _ *http.Request, _ string) {
		if f.requests.Load() > 11 {
			<-held
		}
		writeString(w, oneVerdict)
	}
	t.Cleanup(func() { close(held) })
	o := f.options(t)
	o.Requests, o.Duration, o.Timeout = 0, time.Second, 1500*time.Millisecond
	r := run(t, o)
	require.Equal(t, 10, r.Rounds[0].Verdicts)
	require.GreaterOrEqual(t, r.Rounds[0].Seconds, 1.0)
	require.LessOrEqual(t, r.Rounds[0].PerSecond, 10.0)
	require.Positive(t, r.Rounds[0].Errors["timeout"])
}
