package app

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
)

// me sends a bearer to a running server. Close the answer's body.
func (r *running) me(t *testing.T, c *http.Client, path, bearer string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(r.URL, "/")+path, http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+bearer)
	res, err := c.Do(req)
	require.NoError(t, err)
	return res
}

func (r *running) status(t *testing.T, c *http.Client, bearer string) int {
	t.Helper()
	res := r.me(t, c, "/api/v1/auth/me", bearer)
	defer res.Body.Close()
	return res.StatusCode
}

func kidOf(t *testing.T, bearer string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(bearer, ".")[0])
	require.NoError(t, err)
	var header struct {
		Kid string `json:"kid"`
	}
	require.NoError(t, json.Unmarshal(raw, &header))
	return header.Kid
}

func word(t *testing.T, body map[string]any, name string) string {
	t.Helper()
	s, ok := body[name].(string)
	require.True(t, ok, "%s in %v", name, body)
	return s
}

// threat A4: what the command line does to keys and sessions reaches a server that runs on the same folder, over the wire.
func TestARunningServerFollowsTheCommandLine(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := serve(t, data)
	c := r.client(t)
	credentials := map[string]string{"username": "alice", "password": "a long sentence for tests"}
	_, made := r.post(t, c, "/api/v1/setup", "", map[string]string{"token": r.SetupToken, "username": credentials["username"], "password": credentials["password"]})
	old := word(t, made, "access_token")
	signIn := func() map[string]any {
		status, in := r.post(t, c, "/api/v1/auth/login", "", credentials)
		require.Equal(t, http.StatusOK, status, in)
		return in
	}
	cli, err := Open(t.Context(), settings(t, data), Options{Engine: engine(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cli.Close()) })

	kid, err := cli.Auth.RotateSigningKey(t.Context(), SystemPrincipal("test"), auth.Rotation{})
	require.NoError(t, err)
	other, err := cli.Auth.Login(t.Context(), access.Origin{}, auth.LoginRequest{Username: "alice", Password: credentials["password"]})
	require.NoError(t, err)
	require.Equal(t, kid, kidOf(t, other.AccessToken))
	require.Equal(t, http.StatusOK, r.status(t, c, other.AccessToken), "a key that was made a moment ago is looked for at once")
	require.Equal(t, http.StatusOK, r.status(t, c, old), "nobody is signed out")
	require.Eventually(t, func() bool { return kidOf(t, word(t, signIn(), "access_token")) == kid }, deadline, 50*time.Millisecond)

	newest, err := cli.Auth.RotateSigningKey(t.Context(), SystemPrincipal("test"), auth.Rotation{RetireNow: true})
	require.NoError(t, err)
	for _, bearer := range []string{old, other.AccessToken} {
		require.Eventually(t, func() bool { return r.status(t, c, bearer) == http.StatusUnauthorized }, deadline, 50*time.Millisecond)
	}
	status, pair := r.post(t, c, "/api/v1/auth/refresh", "", map[string]string{"refresh_token": word(t, made, "refresh_token")})
	require.Equal(t, http.StatusOK, status, pair)
	fresh := word(t, pair, "access_token")
	require.Equal(t, newest, kidOf(t, fresh))

	stream := r.me(t, c, "/api/v1/events", fresh) //nolint:bodyclose // closed in the next line
	defer stream.Body.Close()
	require.Equal(t, http.StatusOK, stream.StatusCode)
	u, err := cli.Auth.UserByName(t.Context(), "alice")
	require.NoError(t, err)
	_, err = cli.Auth.EndSessions(t.Context(), SystemPrincipal("test"), u.ID, auth.KeepNone)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, r.status(t, c, fresh), "at the next call")
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, stream.Body)
		ended <- err
	}()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(deadline):
		require.Fail(t, "the stream outlived its session")
	}
	r.end(t)
}
