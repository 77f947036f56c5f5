package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/app"
	"guardhouse/internal/auth"
	"guardhouse/internal/config"
	"guardhouse/internal/db"
)

// opened is the data folder as a server has it open.
func opened(t *testing.T, data string) *app.App {
	t.Helper()
	c, err := config.Load(config.Sources{Environ: []string{}, Flags: map[string]string{"data": data}})
	require.NoError(t, err)
	a, err := app.Open(t.Context(), c, app.Options{Engine: newEngine()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	return a
}

func TestRevokeSessions(t *testing.T) {
	data := folder(t)
	a := opened(t, data)
	in, err := a.Auth.Login(t.Context(), access.Origin{}, auth.LoginRequest{Username: "alice", Password: password[:len(password)-1]})
	require.NoError(t, err)
	_, err = a.Auth.Authenticate(t.Context(), auth.Credential{Bearer: in.AccessToken}, access.Origin{})
	require.NoError(t, err)
	r := guardhouse(t, "", "user", "revoke-sessions", "ALICE", "--json", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, `"ended":1`)
	for _, c := range []auth.Credential{{Bearer: in.AccessToken}, {Cookie: in.CookieToken}} {
		_, err = a.Auth.Authenticate(t.Context(), c, access.Origin{})
		require.Error(t, err)
	}
	r = guardhouse(t, "", "user", "revoke-sessions", "nobody", "--data", data)
	require.Equal(t, exitFailed, r.code)
}

func TestSessionsAreListedAndOneIsEnded(t *testing.T) {
	data := folder(t)
	on(t, data, exitGood, password, "user", "create", "rita", "--role", "reviewer", "--password-stdin")
	a := opened(t, data)
	from := access.Origin{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"}
	var signedIn []auth.SignIn
	for _, name := range []string{"rita", "rita", "alice"} {
		in, err := a.Auth.Login(t.Context(), from, auth.LoginRequest{Username: name, Password: strings.TrimSpace(password), Browser: true})
		require.NoError(t, err)
		signedIn = append(signedIn, in)
	}
	text := on(t, data, exitGood, "", "user", "sessions", "RITA").out
	require.Equal(t, 3, strings.Count(text, "\n"), text)
	require.Contains(t, text, "192.0.2.7")
	require.Contains(t, text, "Firefox on Linux")
	items, _ := parsed(t, on(t, data, exitGood, "", "user", "sessions", "rita", "--json"))["items"].([]any)
	require.Len(t, items, 2)
	newest, _ := items[0].(map[string]any)
	require.Equal(t, signedIn[1].SessionID, newest["id"])
	require.Equal(t, "192.0.2.7", newest["last_ip"])

	// Only hers, and only the one that was named.
	on(t, data, exitFailed, "", "user", "revoke-sessions", "rita", "--session", signedIn[2].SessionID)
	on(t, data, exitFailed, "", "user", "revoke-sessions", "rita", "--session", "ses_none")
	r := on(t, data, exitGood, "", "user", "revoke-sessions", "rita", "--session", signedIn[0].SessionID, "--json")
	require.EqualValues(t, 1, parsed(t, r)["ended"])
	for i, good := range []bool{false, true, true} {
		_, err := a.Auth.Authenticate(t.Context(), auth.Credential{Cookie: signedIn[i].CookieToken}, access.Origin{})
		require.Equal(t, good, err == nil, i)
	}
	on(t, data, exitFailed, "", "user", "sessions", "nobody")
	on(t, data, exitUsage, "", "user", "sessions")
}

// threat S3
func TestKeysOfARestoreAreConfirmed(t *testing.T) {
	data := folder(t)
	for _, label := range []string{"one", "two", "three"} {
		r := guardhouse(t, "", "key", "create", "--user", "alice", "--label", label, "--data", data)
		require.Equal(t, exitGood, r.code, r.err)
	}
	r := guardhouse(t, "", "key", "confirm", "--all", "--data", data)
	require.Equal(t, "no key is switched off\n", r.out)
	a := opened(t, data)
	require.NoError(t, a.DB.Write(func(tx *db.Tx) error { return auth.EndAll(tx, tx.Now()) }))

	var list struct {
		Items []struct {
			ID          string     `json:"id"`
			SuspendedAt *time.Time `json:"suspended_at"`
		} `json:"items"`
	}
	listed := func() {
		r := guardhouse(t, "", "key", "list", "--json", "--data", data)
		require.NoError(t, json.Unmarshal([]byte(r.out), &list))
		require.Len(t, list.Items, 3)
	}
	listed()
	for _, k := range list.Items {
		require.NotNil(t, k.SuspendedAt)
	}
	one := list.Items[0].ID
	r = guardhouse(t, "", "key", "confirm", one, "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	require.Equal(t, "confirmed "+one+" of alice\n", r.out)
	listed()
	require.Nil(t, list.Items[0].SuspendedAt)
	require.NotNil(t, list.Items[1].SuspendedAt)
	r = guardhouse(t, "", "key", "confirm", "--all", "--json", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	listed()
	for _, k := range list.Items {
		require.Nil(t, k.SuspendedAt)
	}
	require.Equal(t, exitFailed, guardhouse(t, "", "key", "confirm", "key_nosuchkey0", "--data", data).code)
	for _, args := range [][]string{{"key", "confirm"}, {"key", "confirm", one, "--all"}, {"key", "confirm", one, one}} {
		require.Equal(t, exitUsage, guardhouse(t, "", append(args, "--data", data)...).code, args)
	}
}

func TestRotateSigning(t *testing.T) {
	data := folder(t)
	keys := func() []string {
		files, err := filepath.Glob(filepath.Join(data, "secrets", "jwt-*.key"))
		require.NoError(t, err)
		return files
	}
	require.Len(t, keys(), 1)
	r := guardhouse(t, "", "key", "rotate-signing", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, "signs from now on")
	require.Len(t, keys(), 2)
	r = guardhouse(t, "", "key", "rotate-signing", "--retire-now", "--json", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, `"retired_now":true`)
	require.Len(t, keys(), 1)
	r = guardhouse(t, "", "key", "rotate-signing", "--data", filepath.Join(data, "elsewhere"))
	require.Equal(t, exitFailed, r.code, "a mistyped folder gets no key")

	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("g7Rk2vQx9LpZ4mWc8TnB1yHd6JfSaEuo\n"), 0o600))
	t.Setenv("GUARDHOUSE_AUTH_JWT_SECRET_FILE", secret)
	r = guardhouse(t, "", "key", "rotate-signing", "--data", data)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "auth.jwt_secret_previous")
	require.Len(t, keys(), 1)
}
