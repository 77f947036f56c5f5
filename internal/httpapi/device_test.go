package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
)

func deviceOf(t testing.TB, w *httptest.ResponseRecorder, name string) *http.Cookie {
	t.Helper()
	for _, c := range w.Result().Cookies() {
		if c.Name == name {
			return c
		}
	}
	require.Fail(t, "no device cookie", "%v", w.Result().Cookies())
	return nil
}

func TestDeviceCookie(t *testing.T) {
	b := newBench(t)
	w := b.do(call{method: "POST", path: "/api/v1/auth/login", body: signIn("rita"), header: fromOwnPage()})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	c := deviceOf(t, w, "__Host-gh-device")
	require.True(t, c.Secure && c.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, c.SameSite)
	require.Equal(t, "/", c.Path)
	require.Empty(t, c.Domain)
	require.Equal(t, 90*24*time.Hour, time.Duration(c.MaxAge)*time.Second)
	require.NotContains(t, w.Body.String(), c.Value)

	// It is no credential, wherever it stands.
	for _, header := range []map[string]string{
		{"Cookie": "__Host-gh-device=" + c.Value}, {"Cookie": "__Host-gh=" + c.Value}, {"Authorization": "Bearer " + c.Value},
	} {
		w := b.do(call{method: "GET", path: "/api/v1/auth/me", header: header})
		require.Equal(t, http.StatusUnauthorized, w.Code, header)
	}

	// Signing out ends the session, not the acquaintance.
	session := cookieOf(t, w)
	w = b.do(call{method: "POST", path: "/api/v1/auth/logout", header: merge(fromOwnPage(), map[string]string{"Cookie": session.Name + "=" + session.Value})})
	require.Equal(t, http.StatusNoContent, w.Code, w.Body)
	require.Equal(t, session.Name, cookieOf(t, w).Name)
	require.Len(t, w.Result().Cookies(), 1)

	// A refused sign-in leaves nothing behind.
	w = b.do(call{method: "POST", path: "/api/v1/auth/login", body: `{"username":"rita","password":"wrong password 1"}`, header: fromOwnPage()})
	require.Equal(t, http.StatusUnauthorized, w.Code, w.Body)
	require.Empty(t, w.Result().Cookies())
}

func TestPlainDeviceCookie(t *testing.T) {
	b := newBench(t, func(o *httpapi.Options, _ *httpapi.Deps) { o.TLS = false })
	w := b.do(call{method: "POST", path: "/login", body: signIn("rita"), header: map[string]string{"Sec-Fetch-Site": "same-origin"}})
	c := deviceOf(t, w, "gh-device")
	require.False(t, c.Secure)
	require.True(t, c.HttpOnly)
}
