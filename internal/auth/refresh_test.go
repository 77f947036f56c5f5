package auth

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

func TestRefreshGivesANewPair(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "reviewer")
	in := b.login("rita", false)
	b.clock.Advance(14 * time.Minute)
	var out SignIn
	r := b.oneRow(func() {
		var err error
		out, err = b.RefreshProgram(context.Background(), origin(), in.RefreshToken)
		require.NoError(t, err)
	})
	require.Equal(t, row{"user", "auth.refresh", "allow", "", "session:" + in.SessionID}, r)
	require.Equal(t, u.ID, out.User.ID)
	require.Equal(t, in.SessionID, out.SessionID)
	require.NotEqual(t, in.RefreshToken, out.RefreshToken)
	require.NotEqual(t, in.AccessToken, out.AccessToken)
	require.Equal(t, defaultAccessTTL, out.ExpiresIn)
	b.clock.Advance(2 * time.Minute)
	requireRefused(t, b, Credential{Bearer: in.AccessToken})
	p, err := b.Authenticate(context.Background(), Credential{Bearer: out.AccessToken}, origin())
	require.NoError(t, err)
	require.Equal(t, "rita", p.Name)
}

func TestRefreshUsedTwiceEndsTheFamily(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	in, other := b.login("rita", false), b.login("rita", false)
	next, err := b.RefreshProgram(context.Background(), origin(), in.RefreshToken)
	require.NoError(t, err)
	last, err := b.RefreshProgram(context.Background(), origin(), next.RefreshToken)
	require.NoError(t, err)

	r := b.oneRow(func() {
		_, err := b.RefreshProgram(context.Background(), origin(), in.RefreshToken)
		requireCode(t, fault.Unauthenticated, err)
	})
	require.Equal(t, row{"anonymous", "auth.refresh", "deny", reasonReuse, "session:" + in.SessionID}, r)
	requireRefused(t, b, Credential{Bearer: last.AccessToken})
	_, err = b.RefreshProgram(context.Background(), origin(), last.RefreshToken)
	requireCode(t, fault.Unauthenticated, err)

	_, err = b.Authenticate(context.Background(), Credential{Bearer: other.AccessToken}, origin())
	require.NoError(t, err, "another family lives on")
}

func TestRefreshReuseInParallelEndsTheFamilyOnce(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	in := b.login("rita", false)
	outs, errs := make([]SignIn, 16), make([]error, 16)
	rows := b.rowsOf(func() {
		var wg sync.WaitGroup
		for i := range outs {
			wg.Go(func() { outs[i], errs[i] = b.RefreshProgram(context.Background(), origin(), in.RefreshToken) })
		}
		wg.Wait()
	})
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
			requireRefused(t, b, Credential{Bearer: outs[i].AccessToken})
			continue
		}
		requireCode(t, fault.Unauthenticated, err)
	}
	require.Equal(t, 1, won)
	require.Len(t, rows, len(outs), "one row each")
	allowed := 0
	for _, r := range rows {
		if r.Decision == "allow" {
			allowed++
			continue
		}
		require.Equal(t, row{"anonymous", "auth.refresh", "deny", reasonReuse, "session:" + in.SessionID}, r)
	}
	require.Equal(t, 1, allowed)
	require.Equal(t, 2, b.count("SELECT count(*) FROM refresh_tokens"), "no second successor was made")
	require.Equal(t, 1, b.count("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL"))
}

func TestRefreshRefusals(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	browser := b.login("rita", true)
	for name, token := range map[string]string{
		"empty": "", "short": "x", "unknown": hashToken("x")[:tokenLen], "a cookie": browser.CookieToken, "a bearer": b.login("rita", false).AccessToken,
		"SQL": "' OR 1=1-- ' OR 1=1-- ' OR 1=1-- ' OR 1=1--",
	} {
		r := b.oneRow(func() {
			_, err := b.RefreshProgram(context.Background(), origin(), token)
			requireCode(t, fault.Unauthenticated, err)
		})
		require.Equal(t, row{"anonymous", "auth.refresh", "deny", reasonNoToken, ""}, r, name)
	}
	in := b.login("rita", false)
	b.clock.Advance(defaultSessionMax)
	r := b.oneRow(func() {
		_, err := b.RefreshProgram(context.Background(), origin(), in.RefreshToken)
		requireCode(t, fault.Unauthenticated, err)
	})
	require.Equal(t, reasonEnded, r.Reason)
}

func TestRefreshOfACallerWhoLeftSpendsNothing(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	in := b.login("rita", false)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := b.oneRow(func() {
		_, err := b.RefreshProgram(ctx, origin(), in.RefreshToken)
		requireCode(t, fault.Canceled, err)
	})
	require.Equal(t, "error", r.Decision)
	_, err := b.RefreshProgram(context.Background(), origin(), in.RefreshToken)
	require.NoError(t, err)
}

func TestFamilyEndsAtItsMaximumAndNoBearerOutlivesIt(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	in := b.login("rita", false)
	end := b.clock.Now().Add(defaultSessionMax)
	var err error
	for b.clock.Now().Before(end.Add(-10 * time.Minute)) {
		b.clock.Advance(10 * time.Minute)
		if !b.clock.Now().Before(end) {
			break
		}
		in, err = b.RefreshProgram(context.Background(), origin(), in.RefreshToken)
		require.NoError(t, err)
	}
	require.Equal(t, end.Sub(b.clock.Now()), in.ExpiresIn)
	require.LessOrEqual(t, in.ExpiresIn, 10*time.Minute)
	b.clock.Advance(in.ExpiresIn)
	requireRefused(t, b, Credential{Bearer: in.AccessToken})
}

func TestALongAccessTokenMakesALongFamily(t *testing.T) {
	b := newBenchIn(t, t.TempDir(), newClock(), Options{AccessTTL: 24 * time.Hour})
	b.user("rita", "reviewer")
	in := b.login("rita", false)
	require.Equal(t, 24*time.Hour, in.ExpiresIn)
	b.clock.Advance(24*time.Hour - time.Second)
	_, err := b.Authenticate(context.Background(), Credential{Bearer: in.AccessToken}, origin())
	require.NoError(t, err)
	b.clock.Advance(time.Second)
	requireRefused(t, b, Credential{Bearer: in.AccessToken})
}

func TestExchangeInsideTheTransactionHoldsWithoutTheLock(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	in := b.login("rita", false)
	r, ok, err := b.lookupRefresh(context.Background(), in.RefreshToken)
	require.NoError(t, err)
	require.True(t, ok)
	_, err = b.rotate(context.Background(), r, origin(), in.RefreshToken)
	require.NoError(t, err)
	// r is stale now, as it would be if another process had been first.
	rows := b.rowsOf(func() {
		_, err = b.rotate(context.Background(), r, origin(), in.RefreshToken)
		requireCode(t, fault.Unauthenticated, err)
	})
	require.Len(t, rows, 1)
	require.Equal(t, 2, b.count("SELECT count(*) FROM refresh_tokens"))
}
