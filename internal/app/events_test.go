package app

import (
	"bufio"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/auth"
)

// TestEventsOfARunningServer: what the command line does beside it arrives, and an open stream does not keep the server
// from stopping.
func TestEventsOfARunningServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := serve(t, data)
	c := r.client(t)
	status, made := r.post(t, c, "/api/v1/setup", "", map[string]string{"token": r.SetupToken, "username": "alice", "password": "a long sentence for tests"})
	require.Equal(t, http.StatusCreated, status, made)
	bearer, ok := made["access_token"].(string)
	require.True(t, ok)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(r.URL, "/")+"/api/v1/events", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+bearer)
	res, err := c.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	require.Equal(t, http.StatusOK, res.StatusCode)
	lines := bufio.NewScanner(res.Body)
	until := func(prefix, holds string) {
		for lines.Scan() {
			if text := lines.Text(); strings.HasPrefix(text, prefix) && strings.Contains(text, holds) {
				return
			}
		}
		require.FailNow(t, "the stream ended", lines.Err())
	}
	until("event: ", "policy")

	other, err := Open(t.Context(), settings(t, data), Options{Engine: engine(t)})
	require.NoError(t, err)
	_, _, err = other.Auth.CreateKey(t.Context(), SystemPrincipal("root"), auth.NewKey{Label: "ward", UserName: "alice"}, nil)
	require.NoError(t, err)
	require.NoError(t, other.Close())
	until("data: ", `"cli:root"`)

	began := time.Now()
	r.end(t)
	require.Less(t, time.Since(began), graceful/3, "streams are not waited for")
	for lines.Scan() {
		require.NotContains(t, lines.Text(), "event: session", "the session goes on")
	}
	require.NoError(t, lines.Err(), "the stream ended in order")
}
