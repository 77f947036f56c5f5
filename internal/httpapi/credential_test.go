package httpapi_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
)

// fromOwnPage are the headers that a browser adds when the console itself asks.
func fromOwnPage() map[string]string {
	return map[string]string{"Origin": "https://localhost", "Sec-Fetch-Site": "same-origin"}
}

func signIn(name string) string { return `{"username":"` + name + `","password":"` + password + `"}` }

// cookieOf answers the session's cookie; the device's stands beside it.
func cookieOf(t testing.TB, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	var session []*http.Cookie
	for _, c := range w.Result().Cookies() {
		if !strings.HasSuffix(c.Name, "-device") {
			session = append(session, c)
		}
	}
	require.Len(t, session, 1)
	return session[0]
}

func TestBrowserSignIn(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"/api/v1/auth/login", "/login"} {
		w := b.do(call{method: "POST", path: path, body: signIn("rita"), header: fromOwnPage()})
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		for _, never := range []string{"token", "Bearer", "ey"} { // threat A8
			require.NotContains(t, strings.ReplaceAll(w.Body.String(), "key", ""), never, path)
		}
		c := cookieOf(t, w)
		require.Equal(t, "__Host-gh", c.Name)
		require.True(t, c.Secure && c.HttpOnly)
		require.Equal(t, http.SameSiteLaxMode, c.SameSite)
		require.Equal(t, "/", c.Path)
		require.Empty(t, c.Domain)
		require.Zero(t, c.MaxAge, "it ends with the browser")

		with := map[string]string{"Cookie": c.Name + "=" + c.Value}
		require.Contains(t, b.do(call{method: "GET", path: "/api/v1/auth/me", header: with}).Body.String(), `"session_id":"ses_`)
		require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: "/v1/moderations", body: `{"input":"x"}`, header: merge(with, fromOwnPage())}).Code)
		w = b.do(call{method: "POST", path: "/api/v1/auth/refresh", header: merge(with, fromOwnPage())})
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.NotContains(t, w.Body.String(), "token")

		w = b.do(call{method: "POST", path: "/api/v1/auth/logout", header: merge(with, fromOwnPage())})
		require.Equal(t, http.StatusNoContent, w.Code, w.Body)
		require.Negative(t, cookieOf(t, w).MaxAge)
		require.Equal(t, http.StatusUnauthorized, b.do(call{method: "GET", path: "/api/v1/auth/me", header: with}).Code)
	}
}

func TestProgramSignIn(t *testing.T) {
	b := newBench(t)
	w := b.do(call{method: "POST", path: "/login", body: signIn("rita")})
	require.Equal(t, http.StatusOK, w.Code)
	in := object(t, w.Body.Bytes())
	require.Equal(t, in["access_token"], in["token"])
	require.Equal(t, "Bearer", in["token_type"])
	require.Equal(t, "reviewer", in["role"])
	require.Equal(t, "rita", in["username"])
	bearer := map[string]string{"Authorization": "bearer " + field(t, w.Body.Bytes(), "access_token")} // the scheme has no case
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/api/v1/auth/me", header: bearer}).Code)
	require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: "/v1/moderations", body: `{"input":"x"}`, header: bearer}).Code)

	refresh := `{"refresh_token":"` + field(t, w.Body.Bytes(), "refresh_token") + `"}`
	w = b.do(call{method: "POST", path: "/api/v1/auth/refresh", body: refresh})
	require.Equal(t, http.StatusOK, w.Code)
	require.NotEqual(t, refresh, `{"refresh_token":"`+field(t, w.Body.Bytes(), "refresh_token")+`"}`)
	require.Equal(t, http.StatusUnauthorized, b.do(call{method: "POST", path: "/api/v1/auth/refresh", body: refresh}).Code, "once")
	require.Equal(t, http.StatusUnauthorized, b.do(call{method: "GET", path: "/api/v1/auth/me", header: bearer}).Code, "reuse ends the family")
	require.Equal(t, http.StatusUnauthorized, b.do(call{method: "POST", path: "/api/v1/auth/refresh"}).Code)
}

func TestSignInRefusals(t *testing.T) {
	b := newBench(t)
	b.run(t, []scenario{
		{
			name: "wrong password", call: call{method: "POST", path: "/login", body: `{"username":"rita","password":"not this sentence"}`}, status: 401,
			has: []string{`"code":"unauthenticated"`}, rows: []string{"auth.login deny wrong_password"},
		},
		{
			name: "unknown name", call: call{method: "POST", path: "/login", body: `{"username":"eve","password":"not this sentence"}`}, status: 401,
			hasNot: []string{"eve"}, rows: []string{"auth.login deny unknown_user"},
		},
		{name: "second factor", call: call{method: "POST", path: "/login", body: `{"username":"rita","password":"x","otp":"123456"}`}, status: 400, has: []string{`"field":"otp"`}},
		{name: "from another site", call: call{method: "POST", path: "/login", body: signIn("rita"), header: map[string]string{"Origin": "https://evil.example"}}, status: 403}, // threat P3
	})
}

func merge(a, b map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range []map[string]string{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// threat A8: one parser. Whatever is in Authorization hides the cookie, and nothing else is a credential.
func TestOneWayIn(t *testing.T) {
	b := newBench(t)
	cookie := b.cookie
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/api/v1/users", header: map[string]string{"Cookie": cookie}}).Code)
	key := b.keys["alice"]
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("alice:"+password))
	for name, c := range map[string]call{
		"cookie under a bad bearer": {header: map[string]string{"Cookie": cookie, "Authorization": "Bearer nonsense"}},
		"cookie under basic":        {header: map[string]string{"Cookie": cookie, "Authorization": basic}},
		"cookie under an empty one": {header: map[string]string{"Cookie": cookie, "Authorization": ""}},
		"cookie under a scheme":     {header: map[string]string{"Cookie": cookie, "Authorization": "Bearer"}},
		"basic":                     {header: map[string]string{"Authorization": basic}},
		"basic with the key":        {header: map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("x:"+key))}},
		"x-api-key":                 {header: map[string]string{"X-Api-Key": key}},
		"api-key":                   {header: map[string]string{"Api-Key": key}},
		"x-auth-token":              {header: map[string]string{"X-Auth-Token": key}},
		"x-access-token":            {header: map[string]string{"X-Access-Token": key, "Token": key, "Access-Token": key}},
		"query token":               {path: "?token=" + key},
		"query access_token":        {path: "?access_token=" + key},
		"query key":                 {path: "?key=" + key},
		"proxy authorization":       {header: map[string]string{"Proxy-Authorization": "Bearer " + key}},
		"bare key":                  {header: map[string]string{"Authorization": key}},
		"two spaces":                {header: map[string]string{"Authorization": "Bearer  " + key}},
		"two tokens":                {header: map[string]string{"Authorization": "Bearer " + key + ", Bearer " + key}},
		"two cookies":               {header: map[string]string{"Cookie": cookie + "; " + cookie}},
		"cookie of plain HTTP":      {header: map[string]string{"Cookie": strings.Replace(cookie, "__Host-gh", "gh", 1)}},
		"forwarded user":            {header: map[string]string{"X-Forwarded-User": "alice", "X-Remote-User": "alice", "Remote-User": "alice"}},
		"original path":             {header: map[string]string{"X-Original-Uri": "/healthz", "X-Forwarded-Uri": "/healthz", "X-Rewrite-Url": "/healthz"}}, // threat P1
		"method override":           {header: map[string]string{"X-Http-Method-Override": "GET"}},
		"dots":                      {header: map[string]string{"Authorization": "Bearer " + strings.Repeat(".", 12<<10)}}, // threat A3
		"none":                      {header: map[string]string{"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9."}},
		"a key as the cookie":       {header: map[string]string{"Cookie": "__Host-gh=" + key}},
	} {
		t.Run(name, func(t *testing.T) {
			c.method, c.path = http.MethodGet, "/api/v1/users"+c.path
			w := b.do(c)
			require.Equal(t, http.StatusUnauthorized, w.Code, w.Body)
			require.NotContains(t, w.Body.String(), key)
		})
	}
	r := httptest.NewRequest(http.MethodGet, "https://localhost/api/v1/users", nil)
	r.Header["Authorization"] = []string{"Bearer " + key, "Bearer " + b.keys["rita"]}
	two := httptest.NewRecorder()
	b.server.ServeHTTP(two, r)
	require.Equal(t, http.StatusUnauthorized, two.Code, "two headers are none")
	// A weak key beside the admin's cookie has the key's rights.
	w := b.do(call{method: "GET", path: "/api/v1/users", as: "rita", header: map[string]string{"Cookie": cookie}})
	require.Equal(t, http.StatusForbidden, w.Code)
}

func TestPlainLoopbackCookie(t *testing.T) {
	b := newBench(t, func(o *httpapi.Options, _ *httpapi.Deps) { o.TLS = false })
	c := cookieOf(t, b.do(call{method: "POST", path: "/login", body: signIn("rita"), header: map[string]string{"Sec-Fetch-Site": "same-origin"}}))
	require.Equal(t, "gh", c.Name)
	require.False(t, c.Secure)
	require.True(t, c.HttpOnly)
}

// threat P3: what another site makes a browser send changes nothing, with a cookie or without.
func TestCrossSite(t *testing.T) {
	b := newBench(t)
	cookie := b.cookie
	for name, header := range map[string]map[string]string{
		"cross-site":     {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
		"same-site":      {"Sec-Fetch-Site": "same-site", "Origin": "https://other.localhost"},
		"old browser":    {"Origin": "https://evil.example"},
		"null origin":    {"Origin": "null"},
		"another scheme": {"Origin": "https://localhost.evil.example"},
	} {
		for _, path := range []string{"/api/v1/users", "/v1/moderations", "/api/audit", "/api/v1/auth/logout", "/api/v1/auth/login", "/api/v1/keys", "/v1/chat/completions"} {
			header["Cookie"] = cookie
			w := b.do(call{method: "POST", path: path, body: `{}`, header: header})
			require.Equal(t, http.StatusForbidden, w.Code, "%s %s", name, path)
		}
	}
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/api/v1/auth/me", header: map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "cross-site"}}).Code, "reading changes nothing, and no answer is readable there")
	require.Empty(t, b.do(call{method: "GET", path: "/api/v1/auth/me", as: "rita", header: map[string]string{"Origin": "https://evil.example"}}).Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, http.StatusMethodNotAllowed, b.do(call{method: "OPTIONS", path: "/api/v1/users", header: map[string]string{"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}}).Code)
}

// threat P2.
func TestHosts(t *testing.T) {
	b := newBench(t)
	for host, status := range map[string]int{
		"localhost": 200, "localhost:8443": 200, "LOCALHOST.": 200, "127.0.0.1:8443": 200, "10.1.2.3": 200, "[::1]:8443": 200, "[::1]": 200,
		"ward-server": 200, "Ward-Server:8443": 200, "guard.example": 200,
		"evil": 421, "evil.example:8443": 421, "localhost.evil.example": 421, "127.0.0.1.nip.io": 421, "ward-server.evil": 421, "[fe80::1%25eth0]": 421,
		"x@localhost": 421, "localhost/": 421, "localhost:8443:1": 421, "0x7f.1": 421, "2130706433": 421,
	} {
		require.Equal(t, status, b.do(call{method: "GET", path: "/healthz", host: host}).Code, host)
	}
	w := b.do(call{method: "GET", path: "/v1/models", as: "alice", host: "evil", header: map[string]string{"X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}})
	require.Equal(t, http.StatusMisdirectedRequest, w.Code)
	require.Contains(t, w.Body.String(), `"code":"misdirected"`)
	require.Equal(t, http.StatusMisdirectedRequest, b.do(call{method: "GET", path: "/ui/", host: "evil"}).Code)
}

// threat P1: the row has the peer, whatever a header says.
func TestForgedAddress(t *testing.T) {
	b := newBench(t)
	rows := b.newRows(func() {
		b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"x"}`, peer: "203.0.113.9", header: map[string]string{
			"X-Forwarded-For": "10.0.0.1", "X-Real-Ip": "10.0.0.1", "Forwarded": "for=10.0.0.1", "X-Request-Id": "req_mine", "X-Client-Ip": "10.0.0.1",
		}})
	})
	require.Len(t, rows, 1)
	require.Equal(t, "203.0.113.9", rows[0].IP)
	require.NotEqual(t, "req_mine", rows[0].RequestID)
	require.Contains(t, b.logs.String(), rows[0].RequestID)
}

// threat K1: nothing that is typed reaches SQL as SQL, and no row of anybody else's comes back.
func TestInjection(t *testing.T) {
	b := newBench(t)
	require.Equal(t, 200, b.do(call{method: "POST", path: moderations, as: "alice", body: `{"input":"x"}`}).Code)
	for _, attack := range []string{`' OR 1=1--`, `" OR ""="`, `1; DROP TABLE users`, `%' OR '1'='1`, `x' UNION SELECT password_hash FROM users--`, `*`, `../../etc/passwd`} {
		q := "?" + urlEncode("cursor", attack)
		for _, c := range []call{
			{method: "GET", path: "/api/v1/moderations" + q, as: "rita"},
			{method: "GET", path: "/api/v1/users" + q, as: "alice"},
			{method: "GET", path: "/api/v1/keys" + q, as: "rita"},
			{method: "GET", path: "/api/v1/audit/events" + q, as: "alice"},
			{method: "GET", path: "/api/v1/moderations?" + urlEncode("model", attack), as: "rita"},
			{method: "GET", path: "/api/v1/moderations?" + urlEncode("request_id", attack), as: "rita"},
			{method: "GET", path: "/api/v1/moderations?" + urlEncode("severity", attack), as: "rita"},
			{method: "GET", path: "/api/v1/audit/events?" + urlEncode("actor", attack), as: "alice"},
			{method: "GET", path: "/api/v1/audit/events?" + urlEncode("ip", attack), as: "alice"},
			{method: "GET", path: "/api/v1/audit/events?" + urlEncode("q", attack), as: "alice"},
			{method: "GET", path: "/api/v1/auth/me", header: map[string]string{"Authorization": "Bearer gh_" + attack}},
			{method: "GET", path: "/api/v1/auth/me", header: map[string]string{"Cookie": "__Host-gh=" + attack}},
			{method: "GET", path: "/api/v1/models", as: "rita", header: map[string]string{"User-Agent": attack, "X-Forwarded-For": attack, "Accept-Language": attack}},
			{method: "POST", path: "/api/v1/keys", as: "rita", body: `{"label":"x"}`, header: map[string]string{"Idempotency-Key": attack}},
			{method: "GET", path: "/v1/models/" + pathEncode(attack), as: "rita"},
			{method: "GET", path: "/api/v1/moderations/" + pathEncode(attack), as: "rita"},
			{method: "POST", path: "/api/v1/users", as: "alice", body: string(body(t, map[string]any{"username": attack, "role": attack, "password": password}))},
		} {
			w := b.do(c)
			require.Less(t, w.Code, 500, "%s %s: %s", c.method, c.path, w.Body)
			require.NotContains(t, w.Body.String(), "argon2", c.path)
			if w.Code == http.StatusOK && c.as == "rita" && strings.Contains(c.path, "moderations") {
				require.Contains(t, w.Body.String(), `"items":[]`, c.path)
			}
		}
	}
}
