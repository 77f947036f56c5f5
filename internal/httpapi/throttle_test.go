package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// threat A5, threat A7: over HTTP, a known and an unknown name answer alike, with a time to come back, and a device that
// has signed in before is let in.
func TestGuessingOverHTTP(t *testing.T) {
	b := newBench(t)
	w := b.do(call{method: "POST", path: "/api/v1/auth/login", body: signIn("rita"), peer: "10.0.0.5"})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	device := deviceOf(t, w, "__Host-gh-device")

	guess := func(i int, path, name string) *httptest.ResponseRecorder {
		return b.do(call{
			method: "POST", path: path, peer: fmt.Sprintf("198.51.100.%d", i+1), body: `{"username":"` + name + `","password":"wrong password 1"}`,
		})
	}
	refused := map[string]string{}
	for _, name := range []string{"rita", "nobody"} {
		for i := range 5 {
			path := []string{"/api/v1/auth/login", "/login"}[i%2] // the alias is no second way
			require.Equal(t, http.StatusUnauthorized, guess(i, path, name).Code)
		}
		// A slow machine may sit a short delay out; the next is twice as long.
		i := 5
		w := guess(i, "/login", name)
		for ; w.Code == http.StatusUnauthorized && i < 12; i++ {
			w = guess(i, "/login", name)
		}
		require.Equal(t, http.StatusTooManyRequests, w.Code, w.Body)
		after, err := strconv.Atoi(w.Header().Get("Retry-After"))
		require.NoError(t, err)
		require.Positive(t, after)
		require.Empty(t, w.Result().Cookies())
		body := map[string]any{}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
		require.Equal(t, "rate_limited", body["code"])
		delete(body, "request_id")
		text, err := json.Marshal(body)
		require.NoError(t, err)
		refused[string(text)] = name
	}
	require.Len(t, refused, 1, "one body for both")

	with := map[string]string{"Cookie": device.Name + "=" + device.Value}
	require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: "/api/v1/auth/login", body: signIn("rita"), peer: "203.0.113.7", header: with}).Code)
	require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: "/api/v1/auth/login", body: signIn("rita"), peer: "10.0.0.5"}).Code, "from a known address")
}
