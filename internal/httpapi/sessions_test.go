package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

type session struct {
	ID, Username, Kind, Device, IP string
	UserID                         string  `json:"user_id"`
	UserAgent                      string  `json:"user_agent"`
	LastIP                         string  `json:"last_ip"`
	IdleUntil                      *string `json:"idle_until"`
	Current                        bool
}

// sessionsOf answers the list behind path, by id.
func (b *bench) sessionsOf(path string, header map[string]string) map[string]session {
	b.t.Helper()
	w := b.do(call{method: "GET", path: path, header: header})
	require.Equal(b.t, http.StatusOK, w.Code, w.Body)
	var page struct{ Items []session }
	require.NoError(b.t, json.Unmarshal(w.Body.Bytes(), &page))
	out := map[string]session{}
	for _, s := range page.Items {
		out[s.ID] = s
	}
	return out
}

// signedIn signs rita in as a browser does and answers the header that is signed in.
func (b *bench) signedIn(agent, peer string) map[string]string {
	b.t.Helper()
	w := b.do(call{method: "POST", path: "/api/v1/auth/login", body: signIn("rita"), header: merge(fromOwnPage(), map[string]string{"User-Agent": agent}), peer: peer})
	require.Equal(b.t, http.StatusOK, w.Code, w.Body)
	c := cookieOf(b.t, w)
	return merge(fromOwnPage(), map[string]string{"Cookie": c.Name + "=" + c.Value, "User-Agent": agent})
}

func (b *bench) me(header map[string]string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.do(call{method: "GET", path: "/api/v1/auth/me", header: header})
}

// TestSessions: listed with what a person knows them by, ended one by one or all at once; what is ended is refused with the
// next request.
func TestSessions(t *testing.T) {
	b := newBench(t)
	firefox := b.signedIn("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "203.0.113.7")
	program := map[string]string{"Authorization": b.bearer}
	own := field(t, b.me(firefox).Body.Bytes(), "session_id")
	list := b.sessionsOf("/api/v1/sessions", firefox)
	require.Len(t, list, 2)
	require.True(t, list[own].Current)
	require.Equal(t, "browser", list[own].Kind)
	require.Equal(t, "203.0.113.7", list[own].IP)
	require.Contains(t, list[own].Device, "Firefox")
	require.Contains(t, list[own].Device, "Windows")
	require.NotNil(t, list[own].IdleUntil)
	other := field(t, b.me(program).Body.Bytes(), "session_id")
	require.Equal(t, "program", list[other].Kind)
	require.False(t, list[other].Current)
	require.Equal(t, "rita", list[other].Username)
	require.Equal(t, list[other].ID, b.sessionsOf("/api/v1/users/"+b.idOf("rita")+"/sessions", map[string]string{"Cookie": b.cookie})[other].ID)

	w := b.one(call{method: "DELETE", path: "/api/v1/sessions/" + other, header: firefox})
	require.Equal(t, http.StatusNoContent, w.Code, w.Body)
	require.Empty(t, w.Result().Cookies(), "the own cookie stays")
	require.Equal(t, http.StatusUnauthorized, b.me(program).Code)
	require.Len(t, b.sessionsOf("/api/v1/sessions", firefox), 1)

	second := b.signedIn("curl/8.5.0", "203.0.113.8")
	require.Equal(t, http.StatusNoContent, b.one(call{method: "DELETE", path: "/api/v1/sessions?keep_current=true", header: second}).Code)
	require.Equal(t, http.StatusUnauthorized, b.me(firefox).Code)
	require.Equal(t, http.StatusOK, b.me(second).Code)
	w = b.one(call{method: "DELETE", path: "/api/v1/sessions/" + field(t, b.me(second).Body.Bytes(), "session_id"), header: second})
	require.Equal(t, http.StatusNoContent, w.Code, w.Body)
	require.Negative(t, cookieOf(t, w).MaxAge, "the own session takes its cookie along")
	require.Equal(t, http.StatusUnauthorized, b.me(second).Code)

	third := b.signedIn("curl/8.5.0", "203.0.113.8")
	w = b.one(call{method: "DELETE", path: "/api/v1/users/" + b.idOf("rita") + "/sessions", header: merge(fromOwnPage(), map[string]string{"Cookie": b.cookie})})
	require.Equal(t, http.StatusNoContent, w.Code, w.Body)
	require.Empty(t, w.Result().Cookies(), "the admin stays signed in")
	require.Equal(t, http.StatusUnauthorized, b.me(third).Code)
	for _, query := range []string{"?keep_current=yes", "?keep_current=", "?keep=true", "?keep_current=true&keep_current=true"} {
		w = b.one(call{method: "DELETE", path: "/api/v1/sessions" + query, as: "rita"})
		require.Equal(t, http.StatusBadRequest, w.Code, query)
	}
}

// TestAdministrationEndsSessions: a person who is disabled, given another role or another password is out at once (threat A4).
func TestAdministrationEndsSessions(t *testing.T) {
	for name, body := range map[string]string{
		"disabled": `{"status":"disabled"}`, "another role": `{"role":"nurse"}`, "another password": `{"password":"another long and private sentence"}`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			bearer := map[string]string{"Authorization": b.bearer}
			require.Equal(t, http.StatusOK, b.me(bearer).Code)
			w := b.one(call{method: "PATCH", path: "/api/v1/users/" + b.idOf("rita"), as: "alice", body: body})
			require.Equal(t, http.StatusOK, w.Code, w.Body)
			require.Equal(t, http.StatusUnauthorized, b.me(bearer).Code)
			key := b.do(call{method: "GET", path: "/api/v1/auth/me", as: "rita"})
			if name == "disabled" {
				require.Equal(t, http.StatusUnauthorized, key.Code, "her keys rest")
				require.Equal(t, http.StatusOK, b.do(call{method: "PATCH", path: "/api/v1/users/" + b.idOf("rita"), as: "alice", body: `{"status":"active"}`}).Code)
				require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/api/v1/auth/me", as: "rita"}).Code)
				require.Equal(t, http.StatusUnauthorized, b.me(bearer).Code, "what has ended stays ended")
				return
			}
			require.Equal(t, http.StatusOK, key.Code)
		})
	}
}

// TestChangePassword: the old form of being signed in comes back new, all else is over; tokens go to programs alone.
func TestChangePassword(t *testing.T) {
	b := newBench(t)
	browser, program := b.signedIn("Firefox", "203.0.113.7"), map[string]string{"Authorization": b.bearer}
	ask := func(header map[string]string, current, fresh string) *httptest.ResponseRecorder {
		return b.one(call{method: "POST", path: "/api/v1/auth/password", header: header, body: `{"current_password":"` + current + `","new_password":"` + fresh + `"}`})
	}
	const fresh, newest = "another long and private sentence", "yet another private sentence"
	require.Equal(t, http.StatusForbidden, ask(browser, "not this sentence", fresh).Code)
	require.Equal(t, http.StatusOK, b.me(browser).Code, "a slip ends nothing")
	require.Equal(t, http.StatusBadRequest, ask(browser, password, "password1234").Code)

	w := ask(browser, password, fresh)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.NotContains(t, w.Body.String(), "token")
	c := cookieOf(t, w)
	require.NotEqual(t, browser["Cookie"], c.Name+"="+c.Value)
	require.Equal(t, http.StatusUnauthorized, b.me(browser).Code)
	require.Equal(t, http.StatusUnauthorized, b.me(program).Code)
	require.Equal(t, http.StatusOK, b.me(map[string]string{"Cookie": c.Name + "=" + c.Value}).Code)
	require.Equal(t, http.StatusUnauthorized, b.do(call{method: "POST", path: "/login", body: signIn("rita")}).Code, "the old one is none any more")

	w = b.do(call{method: "POST", path: "/login", body: `{"username":"rita","password":"` + fresh + `"}`})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	program = map[string]string{"Authorization": "Bearer " + field(t, w.Body.Bytes(), "access_token")}
	w = ask(program, fresh, newest)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, http.StatusUnauthorized, b.me(program).Code)
	require.Equal(t, http.StatusOK, b.me(map[string]string{"Authorization": "Bearer " + field(t, w.Body.Bytes(), "access_token")}).Code)
	require.NotEmpty(t, field(t, w.Body.Bytes(), "refresh_token"))
}

// TestAProgramHasTheCookieToo: a sign-in sets it for everybody, with another value each time, and it is renewed by itself.
func TestAProgramHasTheCookieToo(t *testing.T) {
	b := newBench(t)
	first := b.do(call{method: "POST", path: "/api/v1/auth/login", body: signIn("rita")})
	require.Equal(t, http.StatusOK, first.Code, first.Body)
	c := cookieOf(t, first)
	again := b.do(call{method: "POST", path: "/login", body: signIn("rita"), header: map[string]string{"Cookie": c.Name + "=" + c.Value}})
	require.NotEqual(t, c.Value, cookieOf(t, again).Value, "no sign-in takes over a cookie that was there")
	with := map[string]string{"Cookie": c.Name + "=" + c.Value}
	bearer := map[string]string{"Authorization": "Bearer " + field(t, first.Body.Bytes(), "access_token")}
	require.Equal(t, field(t, b.me(bearer).Body.Bytes(), "session_id"), field(t, b.me(with).Body.Bytes(), "session_id"), "one session")
	w := b.do(call{method: "POST", path: "/api/v1/auth/refresh", header: with})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.NotContains(t, w.Body.String(), "token")
	require.Equal(t, http.StatusForbidden, b.do(call{method: "POST", path: "/api/v1/auth/refresh", header: merge(with, map[string]string{"Origin": "https://evil.example"})}).Code)
	w = b.do(call{method: "POST", path: "/api/v1/auth/logout", header: bearer})
	require.Equal(t, http.StatusNoContent, w.Code, w.Body)
	require.Equal(t, http.StatusUnauthorized, b.me(with).Code, "both end together")
}

// TestSignInsHaveToWait: after five wrong passwords the next is not looked at, by either address, for a name that is there
// and one that is not; the three headers say the same wait (threat A5).
func TestSignInsHaveToWait(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"alice", "nobody"} {
		var w *httptest.ResponseRecorder
		tries := 0
		for w == nil || w.Code != http.StatusTooManyRequests {
			path := []string{"/login", "/api/v1/auth/login"}[tries%2]
			w = b.one(call{method: "POST", path: path, body: `{"username":"` + name + `","password":"not this sentence"}`, peer: "198.51.100.4"})
			tries++
			require.Less(t, tries, 12, "a slow machine lets some through, not all")
			if w.Code != http.StatusTooManyRequests {
				require.Equal(t, http.StatusUnauthorized, w.Code, w.Body)
			}
		}
		require.Greater(t, tries, 5)
		matchesDocument(t, "login", 429, w.Header().Get("Content-Type"), w.Body.Bytes())
		require.Equal(t, "rate_limited", field(t, w.Body.Bytes(), "code"))
		after, err := strconv.Atoi(w.Header().Get("Retry-After"))
		require.NoError(t, err)
		require.Positive(t, after)
		require.Equal(t, `"sign-in";r=0;t=`+strconv.Itoa(after), w.Header().Get("RateLimit"))
		require.Equal(t, `"sign-in";q=5`, w.Header().Get("RateLimit-Policy"))
		require.Empty(t, w.Result().Cookies())
	}
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/api/v1/auth/me", header: map[string]string{"Cookie": b.cookie}}).Code, "who is signed in stays so")
}
