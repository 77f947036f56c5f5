package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/metrics"
)

// counted gives a bench a registry.
func counted(t testing.TB) (*metrics.Registry, setting) {
	t.Helper()
	r, err := metrics.New(httpapi.ErrorCodes())
	require.NoError(t, err)
	return r, func(_ *httpapi.Options, d *httpapi.Deps) { d.Metrics = r }
}

// threat D1: metrics need their permission, on every listener that asks for a sign-in.
func TestMetricsNeedTheirPermission(t *testing.T) {
	_, with := counted(t)
	b := newBench(t, with)
	rows := b.newRows(func() {
		w := b.do(call{method: "GET", path: "/metrics", as: "alice"})
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.Equal(t, "text/plain; version=0.0.4; charset=utf-8", w.Header().Get("Content-Type"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Contains(t, w.Body.String(), "# HELP guardhouse_http_refusals_total ")
	})
	require.Empty(t, rows, "reading leaves no row")
	for as, status := range map[string]int{"": 401, "rita": 403, "nora": 403, "otto": 403} {
		rows := b.newRows(func() { require.Equal(t, status, b.do(call{method: "GET", path: "/metrics", as: as}).Code, as) })
		require.Len(t, rows, 1, "a refusal leaves its row")
		require.Equal(t, "metrics.read", rows[0].Action)
	}
	require.Equal(t, http.StatusMethodNotAllowed, b.do(call{method: "POST", path: "/metrics", as: "alice", body: "{}"}).Code)
	_, err := b.server.GetMetrics(httpapi.BehindMiddleware(context.Background(), access.Principal{Kind: access.KindUser, UserID: "usr_1", Name: "nora", Role: "nurse"}), gen.GetMetricsRequestObject{})
	require.Error(t, err, "the handler asks too")
}

func TestRequestsAreCounted(t *testing.T) {
	_, with := counted(t)
	b := newBench(t, with)
	b.do(call{method: "POST", path: "/api/v1/moderations", as: "rita", body: `{"input":"hello"}`})
	b.do(call{method: "POST", path: "/api/v1/moderations", as: "nora", body: `{"input":"hello"}`})
	b.do(call{method: "GET", path: "/api/v1/moderations/mod_planted", as: "rita"})
	b.do(call{method: "GET", path: "/planted/path", as: "rita"})
	b.do(call{method: "BREW", path: "/api/v1/moderations"})
	for _, body := range []string{`{"username":"rita","password":"wrong and long enough"}`, `{"username":"rita","password":"` + password + `"}`, `{"username":5}`} {
		b.do(call{method: "POST", path: "/api/v1/auth/login", body: body})
	}
	text := b.do(call{method: "GET", path: "/metrics", as: "alice"}).Body.String()
	for _, line := range []string{
		`guardhouse_http_requests_total{method="POST",route="/api/v1/moderations",status="200"} 1`,
		`guardhouse_http_requests_total{method="POST",route="/api/v1/moderations",status="403"} 1`,
		`guardhouse_http_requests_total{method="GET",route="/api/v1/moderations/:id",status="404"} 1`,
		`guardhouse_http_requests_total{method="GET",route="other",status="404"} 1`,
		`guardhouse_http_requests_total{method="other",route="other",status="405"} 1`,
		`guardhouse_http_refusals_total{code="forbidden"} 1`,
		`guardhouse_http_refusals_total{code="method_not_allowed"} 1`,
		`guardhouse_sign_ins_total{outcome="success"} 1`,
		`guardhouse_sign_ins_total{outcome="refused"} 1`,
		`guardhouse_sign_ins_total{outcome="invalid"} 1`,
	} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, "planted")
	require.NotContains(t, text, "BREW")
}

// threat D1, W3: what a request carries, in any place, is in no log line and no metric: neither names nor texts, tokens,
// addresses or raw control characters. Every request leaves one line.
func TestNothingOfARequestIsLoggedOrCounted(t *testing.T) {
	r, with := counted(t)
	b := newBench(t, with)
	const canary = "CANARY7f3a"
	hostile := canary + "\u202e\u009b31m"
	before := strings.Count(b.logs.String(), `"msg":"request"`)
	sent := 0
	send := func(c call) {
		sent++
		c.peer = "203.0.113.77"
		b.do(c)
	}
	header := map[string]string{
		"User-Agent": hostile, "Referer": canary, "X-Request-Id": canary, "X-Forwarded-For": canary, "Idempotency-Key": canary,
		"Accept-Language": canary, "Cookie": "__Host-gh=" + canary, "If-Match": `"` + canary + `"`, "X-" + canary: canary,
	}
	fields := map[string]any{}
	for _, name := range []string{
		"username", "password", "token", "refresh_token", "input", "model", "label", "role", "display_name", "current_password", "new_password",
		"text", "user", "kind", "language", "policy", "description", "status", canary,
	} {
		fields[name] = hostile
	}
	whole, err := json.Marshal(fields)
	require.NoError(t, err)
	bodies := []string{
		string(whole), `{"username":"` + canary + `","password":"` + canary + ` long enough to pass"}`, `{"input":"` + canary + ` zzviolent"}`,
		`{"model":"` + canary + `","input":"x"}`, `{"` + canary, `{"username":"` + canary + `","password":"` + canary + ` and long","role":"guest"}`,
		`{"label":"` + canary + `"}`, `{"refresh_token":"` + canary + `"}`, `{"current_password":"` + canary + `","new_password":"` + canary + ` is long enough"}`,
	}
	for _, route := range b.server.Routes() {
		method, pattern, _ := strings.Cut(route, " ")
		if pattern == "/api/v1/events" {
			continue // a stream ends when its reader does; its line is the same middleware's
		}
		path := pattern
		for _, part := range strings.Split(pattern, "/") {
			if strings.HasPrefix(part, ":") || strings.HasPrefix(part, "*") {
				path = strings.Replace(path, part, canary, 1)
			}
		}
		for _, as := range []string{"", "alice", "rita"} {
			send(call{method: method, path: path + "?q=" + canary + "&cursor=" + canary + "&" + canary + "=1", as: as, header: header})
			if method == http.MethodGet || method == http.MethodHead {
				continue
			}
			for _, body := range bodies {
				send(call{method: method, path: path, as: as, body: body, header: map[string]string{"User-Agent": hostile}})
			}
		}
	}
	send(call{method: canary, path: "/" + canary, header: map[string]string{"Authorization": "Bearer " + canary}})
	send(call{method: "GET", path: "/api/v1/auth/me", host: canary + ".example"})
	send(call{method: "GET", path: "/api/v1/auth/me", header: map[string]string{"Authorization": "Basic " + canary}})
	send(call{method: "POST", path: "/login", header: map[string]string{"Origin": "https://" + canary + ".example", "Content-Type": "text/" + canary}, body: canary})

	logs := b.logs.String()
	require.Equal(t, sent, strings.Count(logs, `"msg":"request"`)-before, "one line per request")
	require.Greater(t, sent, 500)
	var text strings.Builder
	require.NoError(t, r.Write(&text))
	for where, all := range map[string]string{"log": logs, "metrics": text.String()} {
		for _, never := range []string{canary, strings.ToLower(canary), "alice", "rita", password, "203.0.113.77", "usr_", "gh_", "key_", "\x1b", "\u202e", "\u009b"} {
			if i := strings.Index(all, never); i >= 0 {
				require.Fail(t, "leak", "the %s holds %q: %s", where, never, all[max(0, i-300):min(len(all), i+100)])
			}
		}
	}
	for line := range strings.Lines(logs) {
		var l map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &l), line)
		if l["msg"] != "request" {
			continue
		}
		for _, name := range []string{"method", "route", "status", "ms", "request_id"} {
			require.Contains(t, l, name)
		}
		require.Len(t, l, 8, "time, level, msg and those five: %s", line)
	}
}

// threat D1: the profiles are on their own listener and nowhere else.
func TestProfilesAreNowhereElse(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars", "/debug/", "/debug/requests", "/debug/pprof/goroutine?debug=2"} {
		for _, as := range []string{"", "alice"} {
			require.Equal(t, http.StatusNotFound, b.do(call{method: "GET", path: path, as: as}).Code, path)
		}
	}
	for _, route := range b.server.Routes() {
		require.NotContains(t, route, "debug")
	}
	reg, err := metrics.New(nil)
	require.NoError(t, err)
	ask := plainAsk(t, httpapi.MetricsHandler(reg, nil))
	require.Equal(t, http.StatusOK, ask("127.0.0.1:9464", "127.0.0.1:5000", "/metrics").Code)
	for _, path := range []string{"/", "/debug/pprof/", "/healthz", "/metrics/", "/api/v1/users", "//metrics"} {
		require.NotEqual(t, http.StatusOK, ask("127.0.0.1:9464", "127.0.0.1:5000", path).Code, path)
	}
	ask = plainAsk(t, httpapi.DebugHandler())
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=1", "/debug/pprof/mutex"} {
		require.Equal(t, http.StatusOK, ask("localhost:6060", "[::1]:5000", path).Code, path)
	}
	for _, path := range []string{"/", "/metrics", "/debug/pprof/cmdline", "/debug/vars"} {
		require.Equal(t, http.StatusNotFound, ask("localhost:6060", "[::1]:5000", path).Code, path)
	}
}

// threat P2, D1: listeners without a sign-in answer this machine, asked for by its own names.
func TestPlainListenersAnswerThisMachineAlone(t *testing.T) {
	reg, err := metrics.New(nil)
	require.NoError(t, err)
	for _, h := range []http.Handler{httpapi.MetricsHandler(reg, nil), httpapi.DebugHandler()} {
		ask := plainAsk(t, h)
		for _, host := range []string{"evil.example", "evil.example:9464", "10.0.0.1", "localhost.evil.example", "", "127.0.0.1.evil.example"} {
			require.Equal(t, http.StatusMisdirectedRequest, ask(host, "127.0.0.1:5000", "/metrics").Code, host)
		}
		for _, peer := range []string{"10.0.0.9:5000", "[2001:db8::1]:5000", "", "pipe"} {
			require.Equal(t, http.StatusForbidden, ask("localhost", peer, "/metrics").Code, peer)
		}
	}
}

func plainAsk(t *testing.T, h http.Handler) func(host, peer, target string) *httptest.ResponseRecorder {
	return func(host, peer, target string) *httptest.ResponseRecorder {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil)
		setPath(t, req, target)
		req.Host, req.RemoteAddr = host, peer
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w
	}
}

// What counting and logging cost one request: the same small route with and without a registry.
func BenchmarkRequestCounted(b *testing.B) {
	for _, with := range []bool{false, true} {
		b.Run(fmt.Sprintf("metrics=%v", with), func(b *testing.B) {
			var settings []setting
			if with {
				_, s := counted(b)
				settings = append(settings, s)
			}
			bench := newBench(b, settings...)
			peer := netip.MustParseAddr("127.0.0.1").String()
			for b.Loop() {
				if w := bench.do(call{method: "GET", path: "/healthz", peer: peer}); w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
