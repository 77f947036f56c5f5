package httpapi_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
)

// TestSetup: nothing answers but health and the set-up page until the printed token made the first admin, and the
// door is shut for ever after (threat A1).
func TestSetup(t *testing.T) {
	b := newBenchAt(t, filepath.Join(t.TempDir(), "data"), ready{})
	token, needed, err := b.auth.SetupToken(t.Context())
	require.NoError(t, err)
	require.True(t, needed)

	for _, s := range operations(t) {
		w := b.do(call{method: s.method, path: concrete(s.path)})
		switch s.op.OperationID {
		case "getHealth", "getSetup":
			require.Equal(t, http.StatusOK, w.Code, s.path)
		case "completeSetup":
			require.Equal(t, http.StatusBadRequest, w.Code, "no body")
		default:
			require.Equal(t, http.StatusServiceUnavailable, w.Code, "%s %s", s.method, s.path)
			require.Contains(t, w.Body.String(), `"code":"setup_required"`)
			require.NotEmpty(t, w.Header().Get("Retry-After"))
		}
	}
	require.Equal(t, http.StatusServiceUnavailable, b.do(call{method: "GET", path: "/nothing"}).Code)
	require.Equal(t, http.StatusServiceUnavailable, b.do(call{method: "GET", path: "/metrics"}).Code)
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/ui/setup"}).Code)
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/ui/assets/app-1a2b.js"}).Code)
	require.Equal(t, http.StatusFound, b.do(call{method: "GET", path: "/"}).Code)
	require.Contains(t, b.do(call{method: "GET", path: "/api/v1/setup"}).Body.String(), `"required":true`)

	first := func(token, password string) call {
		return call{method: "POST", path: "/api/v1/setup", body: string(body(t, map[string]any{"token": token, "username": "alice", "password": password}))}
	}
	require.Equal(t, http.StatusUnauthorized, b.do(first("x"+token[1:], password)).Code)
	require.Equal(t, http.StatusBadRequest, b.do(first(token, "short")).Code, "a bad password leaves the token good")
	cross := first(token, password)
	cross.header = map[string]string{"Origin": "https://evil.example"}
	require.Equal(t, http.StatusForbidden, b.do(cross).Code)

	own := first(token, password)
	own.header = fromOwnPage()
	w := b.do(own)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	require.Equal(t, "alice", field(t, w.Body.Bytes(), "username"))
	require.Equal(t, "admin", field(t, w.Body.Bytes(), "role"))
	require.NotContains(t, w.Body.String(), "access_token")
	cookie := map[string]string{"Cookie": "__Host-gh=" + cookieOf(t, w).Value}
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/api/v1/auth/me", header: cookie}).Code)
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/readyz"}).Code)

	require.Equal(t, http.StatusNotFound, b.do(first(token, password)).Code)
	require.NoError(t, b.db.Write(emptyUsers))
	require.Equal(t, http.StatusNotFound, b.do(first(token, password)).Code, "an emptied table opens nothing")
	require.Contains(t, b.do(call{method: "GET", path: "/api/v1/setup"}).Body.String(), `"required":false`)
}

// TestSetupByShell: an admin made on the command line opens the server at once.
func TestSetupByShell(t *testing.T) {
	b := newBenchAt(t, filepath.Join(t.TempDir(), "data"), ready{})
	require.Equal(t, http.StatusServiceUnavailable, b.do(call{method: "GET", path: "/readyz"}).Code)
	_, err := b.auth.CreateUser(t.Context(), access.System("tester"), auth.NewUser{Username: "alice", Role: "admin", Password: password})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/readyz"}).Code)
	require.Equal(t, http.StatusUnauthorized, b.do(call{method: "GET", path: "/users"}).Code)
}

// TestProgramSetup: a program gets tokens, and the cookie beside them.
func TestProgramSetup(t *testing.T) {
	b := newBenchAt(t, filepath.Join(t.TempDir(), "data"), ready{})
	token, _, err := b.auth.SetupToken(t.Context())
	require.NoError(t, err)
	w := b.do(call{method: "POST", path: "/api/v1/setup", body: string(body(t, map[string]any{"token": token, "username": "alice", "password": password}))})
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	bearer := map[string]string{"Authorization": "Bearer " + field(t, w.Body.Bytes(), "access_token")}
	cookie := cookieOf(t, w)
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/api/v1/users", header: map[string]string{"Cookie": cookie.Name + "=" + cookie.Value}}).Code)
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/api/v1/users", header: bearer}).Code)
}
