package auth

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

func TestSetupMakesTheFirstAdminOnce(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	require.True(t, b.SetupRequired(ctx))
	token, needed, err := b.SetupToken(ctx)
	require.NoError(t, err)
	require.True(t, needed)
	require.Len(t, token, 64, "256 bits in hex")

	var in SignIn
	r := b.oneRow(func() {
		in, err = b.CompleteSetup(ctx, origin(), token, "Alice", adminPassword)
		require.NoError(t, err)
	})
	require.Equal(t, row{"user", "auth.setup", "allow", "", "user:" + in.User.ID}, r)
	require.Equal(t, "admin", in.User.Role)
	require.NotNil(t, in.User.LastLoginAt)
	require.Empty(t, in.AccessToken)
	p := b.principal(in.CookieToken)
	require.Equal(t, in.User.ID, p.UserID)
	require.Equal(t, "Alice", p.Name)
	require.Equal(t, in.SessionID, p.SessionID)

	require.False(t, b.SetupRequired(ctx))
	_, err = b.CompleteSetup(ctx, origin(), token, "bob", adminPassword)
	requireCode(t, fault.NotFound, err)
	token, needed, err = b.SetupToken(ctx)
	require.NoError(t, err)
	require.False(t, needed)
	require.Empty(t, token)
}

func TestSetupForAProgramAnswersTokens(t *testing.T) {
	b := newBench(t)
	token, _, err := b.SetupToken(context.Background())
	require.NoError(t, err)
	in, err := b.FinishSetup(context.Background(), origin(), Setup{Token: token, Username: adminName, Password: adminPassword})
	require.NoError(t, err)
	require.Equal(t, adminName, b.principal(in.CookieToken).Name)
	p, err := b.Authenticate(context.Background(), Credential{Bearer: in.AccessToken}, origin())
	require.NoError(t, err)
	require.Equal(t, adminName, p.Name)
}

// threat A1
func TestSetupStaysClosedWhenTheUsersTableIsEmptied(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	b := newBenchIn(t, dir, c, Options{})
	b.finishSetup()
	for _, table := range []string{"refresh_tokens", "sessions", "api_keys", "users"} {
		b.exec("DELETE FROM " + table)
	}
	for _, again := range []*bench{b, newBenchIn(t, dir, c, Options{})} {
		require.False(t, again.SetupRequired(context.Background()))
		_, needed, err := again.SetupToken(context.Background())
		require.NoError(t, err)
		require.False(t, needed)
		_, err = again.CompleteSetup(context.Background(), origin(), "", "mallory", adminPassword)
		requireCode(t, fault.NotFound, err)
	}
	require.Zero(t, b.count("SELECT count(*) FROM users"))
}

// threat A1
func TestSetupTokenRefusals(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	_, err := b.CompleteSetup(ctx, origin(), "", adminName, adminPassword)
	requireCode(t, fault.Unauthenticated, err)

	old, _, err := b.SetupToken(ctx)
	require.NoError(t, err)
	token, _, err := b.SetupToken(ctx)
	require.NoError(t, err)
	require.NotEqual(t, old, token)
	for name, wrong := range map[string]string{"none": "", "of an earlier start": old, "cut": token[:63], "longer": token + "0", "guess": "admin"} {
		r := b.oneRow(func() {
			_, err := b.CompleteSetup(ctx, origin(), wrong, adminName, adminPassword)
			requireCode(t, fault.Unauthenticated, err)
		})
		require.Equal(t, row{"anonymous", "auth.setup", "deny", "unauthenticated", ""}, r, name)
	}
	for name, f := range map[string][2]string{"name": {"a b", adminPassword}, "password": {adminName, "short"}} {
		r := b.oneRow(func() {
			_, err := b.CompleteSetup(ctx, origin(), token, f[0], f[1])
			requireCode(t, fault.Invalid, err)
		})
		require.Equal(t, "error", r.Decision, name)
	}
	b.clock.Advance(setupLife)
	_, err = b.CompleteSetup(ctx, origin(), token, adminName, adminPassword)
	requireCode(t, fault.Unauthenticated, err)
	require.Zero(t, b.count("SELECT count(*) FROM users"))

	// A restart prints a new one, which works; the refused name and password above had not used it up.
	b.finishSetup()
}

func TestSetupIsWonByOne(t *testing.T) {
	b := newBench(t)
	token, _, err := b.SetupToken(context.Background())
	require.NoError(t, err)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = b.CompleteSetup(context.Background(), origin(), token, "admin"+string(rune('a'+i)), adminPassword)
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		require.Contains(t, []fault.Code{fault.NotFound, fault.Unauthenticated}, fault.CodeOf(err))
	}
	require.Equal(t, 1, won)
	require.Equal(t, 1, b.count("SELECT count(*) FROM users"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM audit_events WHERE action = 'auth.setup' AND decision = 'allow'"))
}

func TestFirstAdminOfTheCommandLineClosesTheSetup(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	server, cli := newBenchIn(t, dir, c, Options{}), newBenchIn(t, dir, c, Options{})
	token, needed, err := server.SetupToken(context.Background())
	require.NoError(t, err)
	require.True(t, needed)

	cli.user("rita", "reviewer")
	cli.service("robot", "admin")
	require.True(t, server.SetupRequired(context.Background()), "only a person with the admin role counts")
	cli.user("root", "admin")
	require.False(t, server.SetupRequired(context.Background()))
	_, err = server.CompleteSetup(context.Background(), origin(), token, "mallory", adminPassword)
	requireCode(t, fault.NotFound, err)
}

func TestSetupOfACallerWhoLeftMakesNobody(t *testing.T) {
	b := newBench(t)
	token, _, err := b.SetupToken(context.Background())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := b.oneRow(func() {
		_, err := b.CompleteSetup(ctx, origin(), token, adminName, adminPassword)
		requireCode(t, fault.Canceled, err)
	})
	require.Equal(t, "error", r.Decision)
	require.Zero(t, b.count("SELECT count(*) FROM users"))
	require.True(t, b.SetupRequired(context.Background()))
	_, err = b.CompleteSetup(context.Background(), origin(), token, adminName, adminPassword)
	require.NoError(t, err)
}
