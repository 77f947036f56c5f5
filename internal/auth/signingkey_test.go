package auth

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/auth/keyring"
	"guardhouse/internal/auth/secretfile"
	"guardhouse/internal/fault"
)

// What the keyring promises.
const (
	lookEvery   = time.Second
	rotateAfter = 90 * 24 * time.Hour
	retireAfter = 24*time.Hour + time.Minute
)

func kidIn(t *testing.T, token string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	require.NoError(t, err)
	var header struct{ Kid string }
	require.NoError(t, json.Unmarshal(raw, &header))
	return header.Kid
}

func (b *bench) rotateKey(o Rotation) string {
	b.t.Helper()
	kid, err := b.RotateSigningKey(context.Background(), access.System("root"), o)
	require.NoError(b.t, err)
	return kid
}

func (b *bench) keyFiles() []string {
	b.t.Helper()
	files, err := filepath.Glob(filepath.Join(b.dir, secretfile.Folder, "*"))
	require.NoError(b.t, err)
	hidden, err := filepath.Glob(filepath.Join(b.dir, secretfile.Folder, ".*"))
	require.NoError(b.t, err)
	require.Empty(b.t, hidden, "no half-written key is left")
	var keys []string
	for _, f := range files {
		if strings.HasPrefix(filepath.Base(f), "jwt-") {
			keys = append(keys, f)
		}
	}
	return keys
}

func TestRotationSignsNobodyOut(t *testing.T) {
	b := newBenchIn(t, t.TempDir(), newClock(), Options{AccessTTL: 24 * time.Hour})
	b.user("rita", "reviewer")
	old := b.login("rita", false)
	stream := b.authenticated(Credential{Bearer: old.AccessToken})
	var kid string
	r := b.oneRow(func() { kid = b.rotateKey(Rotation{}) })
	require.Equal(t, row{"system", "settings.manage", "allow", "", "signing-key:" + kid}, r)
	fresh := b.login("rita", false)
	require.Equal(t, kid, kidIn(t, fresh.AccessToken))
	require.NotEqual(t, kid, kidIn(t, old.AccessToken))
	b.clock.Advance(24*time.Hour - time.Millisecond)
	b.authenticated(Credential{Bearer: old.AccessToken})
	b.authenticated(Credential{Bearer: fresh.AccessToken})
	_, code := b.rechecked(stream)
	require.Empty(t, code, "streams go on")
	b.clock.Advance(time.Millisecond)
	requireRefused(t, b, Credential{Bearer: old.AccessToken})
	require.Len(t, b.keyFiles(), 2)
	b.clock.Advance(time.Minute + time.Millisecond) // keys made in one millisecond are told apart by another
	b.rotateKey(Rotation{})
	require.Len(t, b.keyFiles(), 2, "what no bearer can be signed with any more is gone, file and all")
	for _, f := range b.keyFiles() {
		info, err := os.Stat(f)
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm())
	}
}

// A server and the command line on one folder.
func TestARunningServerNoticesARotation(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	server, cli := newBenchIn(t, dir, c, Options{}), newBenchIn(t, dir, c, Options{})
	server.user("rita", "reviewer")
	old := server.login("rita", false)
	kid := cli.rotateKey(Rotation{})
	c.Advance(lookEvery - time.Millisecond)
	server.authenticated(Credential{Bearer: old.AccessToken})
	c.Advance(time.Millisecond)
	require.Equal(t, kid, kidIn(t, server.login("rita", false).AccessToken))
	server.authenticated(Credential{Bearer: old.AccessToken})

	// A bearer of a key that is a moment old makes the server look, without waiting for the second.
	again := cli.rotateKey(Rotation{})
	in := cli.login("rita", false)
	require.Equal(t, again, kidIn(t, in.AccessToken))
	server.authenticated(Credential{Bearer: in.AccessToken})
}

func TestRetireNowVoidsEveryBearer(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	server, cli := newBenchIn(t, dir, c, Options{}), newBenchIn(t, dir, c, Options{})
	server.user("rita", "reviewer")
	in := server.login("rita", false)
	cli.rotateKey(Rotation{})
	c.Advance(lookEvery)
	second := server.login("rita", false)
	stream := server.authenticated(Credential{Bearer: second.AccessToken})
	require.NoError(t, os.Chmod(cli.keyFiles()[0], 0o644), "also one that can't be read today")
	kid := cli.rotateKey(Rotation{RetireNow: true})
	require.Len(t, cli.keyFiles(), 1)
	for _, token := range []string{in.AccessToken, second.AccessToken} {
		requireRefused(t, cli, Credential{Bearer: token})
	}
	c.Advance(lookEvery)
	for _, token := range []string{in.AccessToken, second.AccessToken} {
		requireRefused(t, server, Credential{Bearer: token})
	}
	_, code := server.rechecked(stream)
	require.Equal(t, fault.Unauthenticated, code, "a stream that such a bearer opened ends")

	// Nobody has to sign in again: sessions and refresh tokens hang on no key.
	server.principal(in.CookieToken)
	pair, err := server.RefreshProgram(context.Background(), origin(), in.RefreshToken)
	require.NoError(t, err)
	require.Equal(t, kid, kidIn(t, pair.AccessToken))
	server.authenticated(Credential{Bearer: pair.AccessToken})
}

func TestWhoMayRotate(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	b.user("rita", "reviewer")
	_, secret := b.key(admin, NewKey{})
	key := b.authenticated(Credential{Bearer: secret})
	stale := admin
	stale.SessionID = "ses_x"
	before := b.keyFiles()
	for name, c := range map[string]struct {
		p    access.Principal
		code fault.Code
	}{
		"a reviewer": {b.as("rita"), fault.Forbidden}, "nobody": {access.Anonymous(origin()), fault.Forbidden},
		"a key": {key, fault.Forbidden}, "a session that ended": {stale, fault.Unauthenticated},
	} {
		for _, o := range []Rotation{{}, {RetireNow: true}} {
			r := b.oneRow(func() {
				_, err := b.RotateSigningKey(context.Background(), c.p, o)
				requireCode(t, c.code, err)
			})
			require.Equal(t, "deny", r.Decision, name)
		}
	}
	require.Equal(t, before, b.keyFiles())
	_, err := b.RotateSigningKey(context.Background(), admin, Rotation{})
	require.NoError(t, err)
}

func TestRotationUnderAClockThatWasSetBack(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	b.rotateKey(Rotation{})
	b.clock.Advance(-300 * 24 * time.Hour)
	old := b.login("rita", false)
	kid := b.rotateKey(Rotation{})
	in := b.login("rita", false)
	require.Equal(t, kid, kidIn(t, in.AccessToken), "the newest signs, whatever the clock says")
	b.authenticated(Credential{Bearer: old.AccessToken})
	b.authenticated(Credential{Bearer: in.AccessToken})
	for range 3 { // several in one millisecond
		kid = b.rotateKey(Rotation{})
		require.Equal(t, kid, kidIn(t, b.login("rita", false).AccessToken))
	}
}

func TestRotationsAtOnceAndUnderUse(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	server, cli := newBenchIn(t, dir, c, Options{}), newBenchIn(t, dir, c, Options{})
	server.user("rita", "reviewer")
	in := server.login("rita", false)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := []*bench{server, cli}[i%2].RotateSigningKey(context.Background(), access.System("root"), Rotation{}); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for range 50 {
				c.Advance(time.Millisecond)
				if _, err := server.Authenticate(context.Background(), Credential{Bearer: in.AccessToken}, origin()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, server.keyFiles(), 9)
	c.Advance(lookEvery)
	fresh := server.login("rita", false)
	cli.authenticated(Credential{Bearer: fresh.AccessToken})
	server.authenticated(Credential{Bearer: in.AccessToken})
}

func TestKeyFilesThatGoWrongUnderARunningServer(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	var logged bytes.Buffer
	b := newBenchIn(t, dir, c, Options{Log: slog.New(slog.NewTextHandler(&logged, nil))})
	b.user("rita", "reviewer")
	in := b.login("rita", false)
	foreign := filepath.Join(dir, secretfile.Folder, "jwt-mine.key")
	require.NoError(t, os.WriteFile(foreign, []byte("x"), 0o600))
	for range 5 {
		c.Advance(lookEvery)
		b.authenticated(Credential{Bearer: in.AccessToken})
	}
	require.Equal(t, 1, strings.Count(logged.String(), "reading the bearer keys"), "said once")
	require.NoError(t, os.Remove(foreign))

	// A key that others can read verifies nothing any more.
	require.NoError(t, os.Chmod(b.keyFiles()[0], 0o644))
	fresh := newBenchOr(t, dir, c)
	requireCode(t, fault.Invalid, fresh)
	require.NoError(t, os.Chmod(b.keyFiles()[0], 0o600))

	// All taken away: what they signed is void, and the next sign-in makes a new one.
	for _, f := range b.keyFiles() {
		require.NoError(t, os.Remove(f))
	}
	c.Advance(lookEvery)
	requireRefused(t, b, Credential{Bearer: in.AccessToken})
	again := b.login("rita", false)
	b.authenticated(Credential{Bearer: again.AccessToken})
	require.Len(t, b.keyFiles(), 1)
}

// newBenchOr answers why a process would not start on the folder.
func newBenchOr(t *testing.T, dir string, c *apptest.Clock) error {
	t.Helper()
	_, err := keyring.Open(keyring.Options{DataDir: dir, Now: c.Now, Log: slog.New(slog.DiscardHandler)})
	return err
}

func TestHS256KeepsThePreviousSecretForVerifyingOnly(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	const second = "Zk8w3VbqT1rXy5LmN7pQd2HsG9fJc4Ae"
	before := newBenchIn(t, dir, c, Options{JWTSecret: goodSecret})
	before.user("rita", "reviewer")
	in := before.login("rita", false)
	stream := before.authenticated(Credential{Bearer: in.AccessToken})
	_, err := before.RotateSigningKey(context.Background(), access.System("root"), Rotation{})
	requireCode(t, fault.Conflict, err)
	require.Empty(t, before.keyFiles())

	both := newBenchIn(t, dir, c, Options{JWTSecret: second, JWTSecretPrevious: goodSecret})
	both.authenticated(Credential{Bearer: in.AccessToken})
	_, code := both.rechecked(stream)
	require.Empty(t, code)
	fresh := both.login("rita", false)
	require.NotEqual(t, kidIn(t, in.AccessToken), kidIn(t, fresh.AccessToken))
	both.authenticated(Credential{Bearer: fresh.AccessToken})

	after := newBenchIn(t, dir, c, Options{JWTSecret: second})
	requireRefused(t, after, Credential{Bearer: in.AccessToken})
	_, code = after.rechecked(stream)
	require.Equal(t, fault.Unauthenticated, code)
	after.authenticated(Credential{Bearer: fresh.AccessToken})

	for name, o := range map[string]keyring.Options{
		"previous alone": {Previous: goodSecret}, "twice the same": {Secret: goodSecret, Previous: goodSecret},
		"weak previous": {Secret: goodSecret, Previous: strings.Repeat("ab", 20)}, "short previous": {Secret: goodSecret, Previous: "x"},
	} {
		o.DataDir, o.Now = dir, c.Now
		_, err := keyring.Open(o)
		requireCode(t, fault.Invalid, err)
		require.Equal(t, "auth.jwt_secret_previous", fault.From(err).Field, name)
		require.NotContains(t, err.Error(), goodSecret)
	}
}

func TestADueKeyGoesOnWhereNoneCanBeWritten(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	var logged bytes.Buffer
	b := newBenchIn(t, dir, c, Options{Log: slog.New(slog.NewTextHandler(&logged, nil))})
	b.user("rita", "reviewer")
	kid := kidIn(t, b.login("rita", false).AccessToken)
	secrets := filepath.Join(dir, secretfile.Folder)
	require.NoError(t, os.Rename(secrets, secrets+".away"))
	c.Advance(rotateAfter)
	for range 3 {
		in := b.login("rita", false)
		require.Equal(t, kid, kidIn(t, in.AccessToken))
		b.authenticated(Credential{Bearer: in.AccessToken})
	}
	require.Equal(t, 1, strings.Count(logged.String(), "no new one can be made"), "said once")
	require.NoError(t, os.Rename(secrets+".away", secrets))
	c.Advance(lookEvery)
	require.NotEqual(t, kid, kidIn(t, b.login("rita", false).AccessToken))
	require.Contains(t, logged.String(), "a new bearer key signs")
}

// Who can write to the folder, but is not its owner, plants a key of which he knows the secret.
func TestAPlantedKeySignsNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	const stranger, owner = 54321, 12345
	dir, c := t.TempDir(), newClock()
	b := newBenchIn(t, dir, c, Options{})
	b.user("rita", "reviewer")
	in := b.login("rita", false)
	planted := filepath.Join(dir, secretfile.Folder, "jwt-7zzzzzzzzzzzzzzzzzzzzzzzzz.key")
	require.NoError(t, os.WriteFile(planted, bytes.Repeat([]byte{7}, ed25519.SeedSize), 0o600))
	require.NoError(t, os.Chown(planted, stranger, stranger))
	c.Advance(lookEvery)
	require.Equal(t, kidIn(t, in.AccessToken), kidIn(t, b.login("rita", false).AccessToken))
	b.authenticated(Credential{Bearer: in.AccessToken})
	err := newBenchOr(t, dir, c)
	requireCode(t, fault.Invalid, err)
	require.ErrorContains(t, err, "belongs to a user")
	require.NoError(t, os.Remove(planted))

	// What root makes for a server that runs under another name is that one's to read.
	require.NoError(t, os.Chown(filepath.Join(dir, secretfile.Folder), owner, owner))
	require.NoError(t, os.Chown(b.keyFiles()[0], owner, owner))
	kid := b.rotateKey(Rotation{})
	info, err := os.Stat(filepath.Join(dir, secretfile.Folder, "jwt-"+strings.TrimPrefix(kid, "ed-")+".key"))
	require.NoError(t, err)
	st, ok := info.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	require.EqualValues(t, owner, st.Uid)
	require.NoError(t, newBenchOr(t, dir, c))
}
