package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
)

func TestSecurityHeaders(t *testing.T) {
	b := newBench(t)
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
			"font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "", "Access-Control-Allow-Origin": "", "Server": "", "X-Powered-By": "",
	}
	for _, c := range []call{
		{method: "GET", path: "/healthz"},
		{method: "GET", path: "/ui/"},
		{method: "GET", path: "/ui/assets/app-1a2b.js"},
		{method: "GET", path: "/"},
		{method: "GET", path: "/nothing"},
		{method: "GET", path: "/v1/models"},
		{method: "GET", path: "/api/v1/models", as: "rita"},
		{method: "GET", path: "/healthz", host: "evil"},
		{method: "DELETE", path: "/healthz"},
		{method: "GET", path: "/%2e"},
	} {
		w := b.do(c)
		for name, value := range want {
			require.Equal(t, value, w.Header().Get(name), "%s %s %s", c.method, c.path, name)
		}
		if !strings.HasPrefix(c.path, "/ui/") {
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"), c.path)
		}
	}
	given := newBench(t, func(o *httpapi.Options, _ *httpapi.Deps) { o.HSTS = true })
	require.Equal(t, "max-age=31536000", given.do(call{method: "GET", path: "/healthz"}).Header().Get("Strict-Transport-Security"))
}

func TestConsole(t *testing.T) {
	b := newBench(t)
	index := b.do(call{method: "GET", path: "/ui/"})
	require.Equal(t, http.StatusOK, index.Code)
	require.Equal(t, "text/html; charset=utf-8", index.Header().Get("Content-Type"))
	require.Equal(t, "no-cache", index.Header().Get("Cache-Control"))
	require.Equal(t, "/ui/", b.do(call{method: "GET", path: "/"}).Header().Get("Location"))
	for _, page := range []string{"/ui/history", "/ui/audit/evt_1", "/ui/index.html"} {
		require.Equal(t, index.Body.String(), b.do(call{method: "GET", path: page}).Body.String(), page)
	}
	again := b.do(call{method: "GET", path: "/ui/", header: map[string]string{"If-None-Match": index.Header().Get("ETag")}})
	require.Equal(t, http.StatusNotModified, again.Code)
	head := b.do(call{method: "HEAD", path: "/ui/"})
	require.Equal(t, http.StatusOK, head.Code)
	require.Empty(t, head.Body.String())

	asset := b.do(call{method: "GET", path: "/ui/assets/app-1a2b.js"})
	require.Equal(t, "text/javascript; charset=utf-8", asset.Header().Get("Content-Type"))
	require.Equal(t, "public, max-age=31536000, immutable", asset.Header().Get("Cache-Control"))
	require.Equal(t, "export const a = 1\n", asset.Body.String())
	packed := b.do(call{method: "GET", path: "/ui/assets/app-1a2b.js", header: map[string]string{"Accept-Encoding": "br, gzip;q=0.8"}})
	require.Equal(t, "gzip", packed.Header().Get("Content-Encoding"))
	require.Equal(t, "text/javascript; charset=utf-8", packed.Header().Get("Content-Type"))
	require.Equal(t, "\x1f\x8bpacked", packed.Body.String())
	require.NotEqual(t, asset.Header().Get("ETag"), packed.Header().Get("ETag"))
	for _, w := range []http.Header{asset.Header(), packed.Header()} {
		require.Equal(t, "Accept-Encoding", w.Get("Vary"))
	}
	refused := b.do(call{method: "GET", path: "/ui/assets/app-1a2b.js", header: map[string]string{"Accept-Encoding": "gzip;q=0"}})
	require.Empty(t, refused.Header().Get("Content-Encoding"))

	for _, path := range []string{"/ui/assets/old-9z.js", "/ui/assets/", "/ui/assets/app-1a2b.js.gz"} {
		require.Equal(t, http.StatusNotFound, b.do(call{method: "GET", path: path}).Code, path)
	}
	for _, path := range []string{"/api/unknown", "/v1/unknown", "/api/v1/", "/unknown"} { // never the console's page
		require.NotContains(t, b.do(call{method: "GET", path: path}).Body.String(), "<!doctype", path)
	}
	for _, path := range []string{"/ui/.gitkeep", "/ui/../openapi.yaml", "/ui/%2e%2e/x"} {
		w := b.do(call{method: "GET", path: path})
		require.True(t, w.Code == http.StatusNotFound || w.Body.String() == index.Body.String(), path)
	}
}

func TestConsoleNotBuilt(t *testing.T) {
	b := newBench(t, func(_ *httpapi.Options, d *httpapi.Deps) { d.UI = fstest.MapFS{".gitkeep": {}} })
	w := b.do(call{method: "GET", path: "/ui/"})
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, w.Body.String(), "UI not built")
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/healthz"}).Code)
}

// threat D1: there is nothing to debug with on the public listener.
func TestNoDebugRoutes(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"/debug/pprof/", "/debug/vars", "/debug/requests", "/api/v1/debug", "/openapi.yaml", "/swagger", "/.env", "/.git/config"} {
		require.Equal(t, http.StatusNotFound, b.do(call{method: "GET", path: path, as: "alice"}).Code, path)
	}
	require.Equal(t, http.StatusUnauthorized, b.do(call{method: "GET", path: "/metrics"}).Code)
}

// TestLogHoldsNoContent: one line per request, with the pattern of the route and none of what was sent (threat W3).
func TestLogHoldsNoContent(t *testing.T) {
	b := newBench(t)
	secret := "zz-planted-zz"
	b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"` + secret + `"}`, header: map[string]string{"User-Agent": secret}})
	b.do(call{method: "POST", path: moderations, as: "rita", body: `{"` + secret + `":1}`})
	b.do(call{method: "GET", path: "/api/v1/moderations/" + secret + "?q=" + secret, as: "rita"})
	b.do(call{method: "GET", path: "/" + secret + "%0d%0a%1b[31m", header: map[string]string{"Authorization": "Bearer " + secret}})
	b.do(call{method: "POST", path: "/login", body: `{"username":"` + secret + `","password":"` + secret + `"}`})
	require.NotContains(t, b.logs.String(), secret)
	require.NotContains(t, b.logs.String(), "rita")
	lines := strings.Split(strings.TrimSpace(b.logs.String()), "\n")
	require.Len(t, lines, 5)
	for _, line := range lines {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		require.Equal(t, "request", entry["msg"])
		require.ElementsMatch(t, []string{"time", "level", "msg", "method", "route", "status", "ms", "request_id"}, keysOf(entry))
	}
	require.Contains(t, lines[2], `"route":"/api/v1/moderations/:id"`)
}

func keysOf(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}
