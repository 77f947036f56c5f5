package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPreferWait: how long a caller waits is heard in every form that RFC 7240 has for it, and refused, with a row, where it
// is none; what else he prefers is not looked at.
func TestPreferWait(t *testing.T) {
	b := newBench(t)
	send := func(path, body, prefer string) *httptest.ResponseRecorder {
		return b.do(call{method: "POST", path: path, as: "rita", body: body, header: map[string]string{"Prefer": prefer}})
	}
	for prefer, applied := range map[string]string{
		"wait=10": "wait=10", "Wait=7": "wait=7", ` respond-async , wait = "3" ;x=y, wait=9`: "wait=3", `foo="a, wait=1"; wait=2, wait=5`: "wait=5",
		"wait=1": "wait=1", "wait=9223372036854775807": "wait=86400",
		"": "", "return=minimal": "", "waiting=1": "", `"wait=1"`: "", `foo="wait=2`: "", `foo="\", wait=2"`: "",
	} {
		for path, body := range map[string]string{moderations: `{"input":"x"}`, "/v1/moderations": `{"input":["x","y"]}`, "/api/audit": `{"text":"x"}`} {
			w := send(path, body, prefer)
			require.Equal(t, http.StatusOK, w.Code, "%q: %s", prefer, w.Body)
			require.Equal(t, applied, w.Header().Get("Preference-Applied"), prefer)
		}
	}
	for _, prefer := range []string{"wait", "wait=", "wait=0", "wait=-1", "wait=1.5", "wait=10s", "wait=+1", "wait=99999999999999999999", `wait="`, "wait=0x10", "wait=1 2"} {
		rows := b.newRows(func() {
			w := send(moderations, `{"input":"x"}`, prefer)
			require.Equal(t, http.StatusBadRequest, w.Code, "%q: %s", prefer, w.Body)
			require.Contains(t, w.Body.String(), `"field":"Prefer"`)
			require.Empty(t, w.Header().Get("Preference-Applied"))
		})
		require.Len(t, rows, 1)
		require.Equal(t, "error", rows[0].Decision)
	}
	r := httptest.NewRequest(http.MethodGet, "https://localhost/api/v1/models", nil)
	r.Header.Set("Authorization", "Bearer "+b.keys["rita"])
	r.Header.Set("Prefer", "wait=nonsense")
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code, "a preference of a route that waits for nothing")
}

// TestTheTimePasses: at the model and in the line before it, the answer is 504 when the caller's time is over, his place is
// free at once and his row says why. In the line it says how long that is, in both shapes.
func TestTheTimePasses(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	b := newBench(t)
	release := b.engine.Hold()
	defer release()
	patient := make(chan int, 1)
	before := len(b.rows())
	go func() {
		patient <- b.do(call{method: "POST", path: moderations, as: "rob", body: `{"input":"x"}`}).Code
	}()
	soon(t, func() bool { return b.engine.Running() == 1 })
	for path, says := range map[string]string{moderations: `"code":"timeout"`, "/v1/moderations": `"type":"server_error"`} {
		start := time.Now()
		w := b.do(call{method: "POST", path: path, as: "rita", body: `{"input":"y"}`, header: map[string]string{"Prefer": "wait=1"}})
		require.GreaterOrEqual(t, time.Since(start), time.Second)
		require.Equal(t, http.StatusGatewayTimeout, w.Code, w.Body)
		require.Contains(t, w.Body.String(), says)
		require.Contains(t, w.Body.String(), `"queue":{"capacity":8,"waiting":1}`)
		require.NotEmpty(t, w.Header().Get("Retry-After"))
		require.Equal(t, "wait=1", w.Header().Get("Preference-Applied"))
		st := b.scheduler.Status()[0]
		require.Equal(t, []int{1, 0}, []int{st.Active, st.Queued})
	}
	release()
	require.Equal(t, http.StatusOK, <-patient)

	release = b.engine.Hold()
	defer release()
	w := b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"z"}`, header: map[string]string{"Prefer": "wait=1"}})
	require.Equal(t, http.StatusGatewayTimeout, w.Code, w.Body)
	require.NotContains(t, w.Body.String(), "queue")
	require.Zero(t, b.engine.Running())
	late := 0
	for _, r := range b.rows()[before:] {
		if r.Decision == "error" {
			late++
			require.Equal(t, "failed", r.Reason)
			require.Equal(t, "timeout", r.Details["code"])
		}
	}
	require.Equal(t, 3, late)
}

// TestTheLineIsSeen: who waits sees how many do and which place is his; who does not, that he has none.
func TestTheLineIsSeen(t *testing.T) {
	b := newBench(t)
	type line struct {
		Waiting, Capacity, Yours, Position int
		Oldest                             float64 `json:"oldest_wait_ms"`
	}
	look := func(as string) (l line) {
		w := b.do(call{method: "GET", path: "/api/v1/models/guard-nano/queue", as: as})
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &l))
		return l
	}
	require.Equal(t, line{Capacity: 8}, look("rita"))
	release := b.engine.Hold()
	defer release()
	answers := make(chan *httptest.ResponseRecorder, 4)
	for i, as := range []string{"rita", "rita", "rita", "rob"} {
		go func() { answers <- b.do(call{method: "POST", path: moderations, as: as, body: `{"input":"x"}`}) }()
		soon(t, func() bool { st := b.scheduler.Status()[0]; return b.engine.Running() == 1 && st.Queued == i })
	}
	rows := b.newRows(func() {
		hers, his, nobodys := look("rita"), look("rob"), look("nora")
		require.Positive(t, hers.Oldest)
		hers.Oldest, his.Oldest, nobodys.Oldest = 0, 0, 0
		require.Equal(t, line{Waiting: 3, Capacity: 8, Yours: 3, Position: 1}, hers)
		require.Equal(t, line{Waiting: 3, Capacity: 8, Yours: 1, Position: 3}, his, "her turn is long enough for her two short texts")
		require.Equal(t, line{Waiting: 3, Capacity: 8}, nobodys)
	})
	require.Empty(t, rows, "looking leaves no row")
	release()
	places := map[int]int{}
	for range cap(answers) {
		var v struct {
			Timings struct {
				Place int `json:"queue_position"`
			}
		}
		w := <-answers
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
		places[v.Timings.Place]++
	}
	require.Equal(t, 1, places[0], "one did not wait: %v", places)
	for place := range places {
		require.LessOrEqual(t, place, 3)
	}
	require.Equal(t, http.StatusNotFound, b.do(call{method: "GET", path: "/api/v1/models/no-such-model/queue", as: "rita"}).Code)
}
