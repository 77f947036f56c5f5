package httpapi_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
)

func on(surface httpapi.Surface) setting {
	return func(o *httpapi.Options, _ *httpapi.Deps) { o.Surface = surface }
}

// TestConsoleSurface: with a listener for programs, the console's has neither /v1 nor the older names, for no method and no
// credential; what is not there answers exactly as what never was.
func TestConsoleSurface(t *testing.T) { // threat Z2
	b := newBench(t, on(httpapi.Console))
	unknown := withoutRequestID(t, b.do(call{method: "GET", path: "/nothing", as: "alice"}).Body.Bytes())
	hidden := 0
	for _, op := range operations(t) {
		if strings.HasPrefix(op.path, "/api/v1/") || strings.HasPrefix(op.path, "/healthz") || strings.HasPrefix(op.path, "/readyz") || op.path == "/metrics" {
			continue
		}
		hidden++
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			w := b.do(call{method: method, path: concrete(op.path), as: "alice"})
			require.Equal(t, http.StatusNotFound, w.Code, "%s %s", method, op.path)
			if method != http.MethodHead && !strings.HasPrefix(op.path, "/v1/") {
				require.Equal(t, unknown, withoutRequestID(t, w.Body.Bytes()), "%s %s", method, op.path)
			}
		}
	}
	require.GreaterOrEqual(t, hidden, 6)
	for _, path := range []string{"/v1/chat/completions", "/v1/images/generations", "/v1/acl/model", "/v1/models/guard-nano/infer"} {
		require.Equal(t, http.StatusNotFound, b.do(call{method: "POST", path: path, as: "alice"}).Code, path)
		require.NotContains(t, b.do(call{method: "POST", path: path, as: "alice"}).Body.String(), "not_available")
	}
	for _, c := range []call{
		{method: "GET", path: "/ui/"},
		{method: "GET", path: "/healthz"},
		{method: "HEAD", path: "/readyz"},
		{method: "GET", path: "/api/v1/auth/me", as: "rita"},
		{method: "GET", path: "/api/v1/users", header: map[string]string{"Cookie": b.cookie}},
		{method: "POST", path: moderations, as: "rita", body: `{"input":"x"}`},
	} {
		require.Equal(t, http.StatusOK, b.do(c).Code, c.path)
	}
}

// TestProgramSurface: the listener for programs has no pages, takes no cookie and gives none.
func TestProgramSurface(t *testing.T) { // threats A8, Z2
	b := newBench(t, on(httpapi.Programs))
	for _, path := range []string{"/", "/ui", "/ui/", "/ui/index.html", "/ui/assets/app-1a2b.js", "/api/v1/setup"} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			w := b.do(call{method: method, path: path, as: "alice", body: `{}`})
			require.Equal(t, http.StatusNotFound, w.Code, "%s %s", method, path)
		}
	}
	walked := 0
	for _, op := range operations(t) {
		w := b.do(call{method: op.method, path: concrete(op.path), header: map[string]string{"Cookie": b.cookie}})
		if op.op.Extensions["x-action"] == "public" || op.path == "/api/v1/setup" {
			continue
		}
		walked++
		require.Equal(t, http.StatusUnauthorized, w.Code, "%s %s takes a cookie", op.method, op.path)
		require.Empty(t, w.Header().Values("Set-Cookie"))
	}
	require.Greater(t, walked, 15)
	require.Equal(t, http.StatusUnauthorized, b.do(call{method: "POST", path: "/api/v1/auth/refresh", header: map[string]string{"Cookie": b.cookie}}).Code)
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/api/v1/auth/me", as: "rita", header: map[string]string{"Cookie": b.cookie}}).Code, "a key beside it is a key")

	for _, path := range []string{"/login", "/api/v1/auth/login"} {
		w := b.do(call{method: "POST", path: path, body: signIn("rita")})
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.NotEmpty(t, field(t, w.Body.Bytes(), "access_token"))
		require.Empty(t, w.Header().Values("Set-Cookie"), "not even a device's")
		rows := b.newRows(func() {
			w = b.do(call{method: "POST", path: path, body: signIn("rita"), header: fromOwnPage(), peer: "198.51.100.9"})
		})
		require.Equal(t, http.StatusForbidden, w.Code, "a browser would get nothing for its sign-in")
		require.Len(t, rows, 1)
		require.Equal(t, "auth.login deny browser", rows[0].Action+" "+rows[0].Decision+" "+rows[0].Reason)
	}
	require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: "/v1/moderations", as: "rita", body: `{"input":"x"}`}).Code)
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/users", as: "alice"}).Code)
	require.Equal(t, http.StatusForbidden, b.do(call{method: "POST", path: "/v1/moderations", as: "rita", body: `{"input":"x"}`, header: map[string]string{"Sec-Fetch-Site": "cross-site"}}).Code, "threat P3: no listener is without the check")
}

// TestCrossSiteLeavesARow: whoever is signed in finds in the log what his browser was made to ask for (threat P3).
func TestCrossSiteLeavesARow(t *testing.T) {
	for _, surface := range []httpapi.Surface{httpapi.Everything, httpapi.Console} {
		b := newBench(t, on(surface))
		evil := map[string]string{"Cookie": b.cookie, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
		for path, action := range map[string]string{"/api/v1/users": "user.manage", moderations: "moderation.run", "/api/v1/auth/logout": "session.own", "/api/v1/auth/login": "auth.login", "/api/v1/auth/refresh": "auth.refresh"} {
			rows := b.newRows(func() {
				require.Equal(t, http.StatusForbidden, b.do(call{method: "POST", path: path, body: `{}`, header: evil}).Code, path)
			})
			require.Len(t, rows, 1, path)
			require.Equal(t, action+" deny cross_site alice", rows[0].Action+" "+rows[0].Decision+" "+rows[0].Reason+" "+rows[0].Actor.Name)
		}
		delete(evil, "Cookie")
		require.Empty(t, b.newRows(func() {
			require.Equal(t, http.StatusForbidden, b.do(call{method: "POST", path: "/api/v1/users", body: `{}`, header: evil}).Code)
		}), "a stranger's row would be the attacker's to make")
		require.Equal(t, http.StatusForbidden, b.do(call{method: "POST", path: "/nothing", body: `{}`, header: evil}).Code)
		require.Equal(t, http.StatusForbidden, b.do(call{method: "TRACE", path: "/api/v1/users", header: evil}).Code)
	}
}

// TestShapes: what no client sends is refused before anybody looks at a credential.
func TestShapes(t *testing.T) {
	b := newBench(t)
	many := map[string]string{}
	for i := range 101 {
		many["X-"+strings.Repeat("a", i+1)] = "x"
	}
	require.Equal(t, http.StatusBadRequest, b.do(call{method: "GET", path: "/healthz", header: many}).Code)
	require.Equal(t, http.StatusBadRequest, b.do(call{method: "GET", path: "/healthz?" + strings.Repeat("a", 8<<10)}).Code)
	require.Equal(t, http.StatusNotFound, b.do(call{method: "GET", path: "/" + strings.Repeat("a", 4<<10)}).Code)
	require.Equal(t, "identity", b.post(moderations, []byte("\x1f\x8b"), map[string]string{"Content-Encoding": "gzip"}).Header().Get("Accept-Encoding"), "RFC 9110, 15.5.16")
}

// threat A8: the one parser stands on every listener.
func TestOneWayInOnEveryListener(t *testing.T) {
	for _, surface := range []httpapi.Surface{httpapi.Console, httpapi.Programs} {
		b := newBench(t, on(surface))
		key := b.keys["alice"]
		for name, c := range map[string]call{
			"x-api-key":    {header: map[string]string{"X-Api-Key": key}},
			"api-key":      {header: map[string]string{"Api-Key": key}},
			"x-auth-token": {header: map[string]string{"X-Auth-Token": key}},
			"basic":        {header: map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("alice:"+key))}},
			"query":        {path: "?token=" + key},
			"hidden":       {header: map[string]string{"Cookie": b.cookie, "Authorization": "Bearer nonsense"}},
		} {
			c.method, c.path = http.MethodGet, "/api/v1/users"+c.path
			require.Equal(t, http.StatusUnauthorized, b.do(c).Code, "%d %s", surface, name)
		}
		weak := call{method: "GET", path: "/api/v1/users", as: "rita", header: map[string]string{"Cookie": b.cookie}}
		require.Equal(t, http.StatusForbidden, b.do(weak).Code, "a weak key beside the admin's cookie has the key's rights")
		require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/api/v1/users", as: "alice"}).Code)
	}
}
