package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

func bare(log *strings.Builder) *Server {
	return &Server{statuses: statuses(), log: slog.New(slog.NewTextHandler(log, nil)), now: time.Now}
}

func answer(s *Server, path string, err error) *httptest.ResponseRecorder {
	gin.SetMode(gin.ReleaseMode)
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequest(http.MethodGet, path, nil)
	c.Set(exchangeKey, &exchange{id: "req_1"})
	s.problem(c, err)
	c.Writer.WriteHeaderNow()
	return w
}

// TestEveryCodeHasAStatus holds the table against fault's own list, and the contract's list against both.
func TestEveryCodeHasAStatus(t *testing.T) {
	want := map[fault.Code]int{
		"invalid": 400, "unauthenticated": 401, "forbidden": 403, "not_found": 404, "not_available": 404, "method_not_allowed": 405,
		"conflict": 409, "precondition_failed": 412, "too_large": 413, "unsupported_media": 415, "misdirected": 421, "unprocessable": 422, "payload_refused": 422,
		"rate_limited": 429, "crash_stopped": 429, "canceled": 499, "internal": 500, "setup_required": 503, "busy": 503, "loading": 503, "audit_unavailable": 503, "not_in_force": 503, "timeout": 504,
		"confirmation_required": 403,
	}
	require.Len(t, fault.Codes(), len(want))
	var log strings.Builder
	s := bare(&log)
	for _, code := range fault.Codes() {
		require.Contains(t, want, code)
		err := fault.Wrap(errors.New("cause: SELECT secret FROM /etc/0xdeadbeef"), code, "safe words").WithField("input")
		w := answer(s, "/api/v1/x", err)
		require.Equal(t, want[code], w.Code, code)
		if code == fault.Canceled {
			require.Empty(t, w.Body.String(), "nobody is there to read it")
			continue
		}
		var p map[string]any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
		require.Equal(t, map[string]any{
			"type": "about:blank", "title": http.StatusText(w.Code), "status": float64(w.Code), "code": string(code), "detail": "safe words",
			"request_id": "req_1", "field": "input",
		}, p)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))

		w = answer(s, "/v1/x", err)
		var e struct{ Error map[string]any }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e))
		require.Equal(t, string(code), e.Error["code"])
		require.Equal(t, "safe words", e.Error["message"])
		require.Equal(t, "input", e.Error["param"])
		require.NotEmpty(t, e.Error["type"])
		require.NotContains(t, w.Body.String(), "SELECT")
	}
}

// threat T5: what nobody foresaw is a 500 that says nothing; its cause is in the log.
func TestUnknownErrorsSayNothing(t *testing.T) {
	var log strings.Builder
	s := bare(&log)
	w := answer(s, "/api/v1/x", errors.New("open /srv/secret: SQL logic error 0x1"))
	require.Equal(t, 500, w.Code)
	for _, never := range []string{"/srv", "SQL", "0x1"} {
		require.NotContains(t, w.Body.String(), never)
	}
	require.Contains(t, log.String(), "SQL logic error")
	require.Contains(t, log.String(), "req_1")
	require.Equal(t, 500, answer(s, "/api/v1/x", fault.New("invented", "x")).Code)
	require.Equal(t, 504, answer(s, "/api/v1/x", context.DeadlineExceeded).Code)
	require.Equal(t, 499, answer(s, "/api/v1/x", context.Canceled).Code)
}

func TestRetryAfter(t *testing.T) {
	var log strings.Builder
	s := bare(&log)
	for _, c := range []struct {
		err  error
		want string
	}{
		{fault.New(fault.Busy, "x"), "1"},
		{fault.New(fault.Loading, "x"), "1"},
		{fault.New(fault.SetupRequired, "x"), "1"},
		{fault.New(fault.AuditUnavailable, "x"), "1"},
		{fault.New(fault.Busy, "x").WithRetry(2500 * time.Millisecond), "3"},
		{fault.New(fault.RateLimited, "x").WithRetry(time.Minute), "60"},
		{fault.New(fault.Invalid, "x"), ""},
		{fault.New(fault.RateLimited, "x").WithRetry(time.Minute).WithHeaders(map[string]string{"Retry-After": "7"}), "7"},
		{fault.New(fault.RateLimited, "x").WithHeaders(map[string]string{}), ""}, // waiting does not help
	} {
		require.Equal(t, c.want, answer(s, "/v1/x", c.err).Header().Get("Retry-After"), c.err)
	}
}

// TestPanics: a bug answers 500 and the process lives; the log has the stack, and of the panic's own text only what the
// runtime wrote.
func TestPanics(t *testing.T) {
	var log strings.Builder
	s := bare(&log)
	s.o.RequestTimeout = time.Minute
	e := gin.New()
	e.Use(s.identify, s.observe)
	e.GET("/own", func(*gin.Context) { panic("a patient's name") })
	e.GET("/runtime", func(c *gin.Context) { _ = []int{}[len(c.Params)] })
	for _, path := range []string{"/own", "/runtime"} {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, 500, w.Code)
		require.Contains(t, w.Body.String(), `"code":"internal"`)
		require.NotContains(t, w.Body.String(), "goroutine")
	}
	require.NotContains(t, log.String(), "patient")
	require.Contains(t, log.String(), "index out of range")
	require.Contains(t, log.String(), "problem_test.go")
}
