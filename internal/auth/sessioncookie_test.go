package auth

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

func TestAProgramsCookieKeepsItsOwnLimits(t *testing.T) {
	b := newBenchIn(t, t.TempDir(), newClock(), Options{AccessTTL: 24 * time.Hour})
	b.user("rita", "reviewer")
	start := b.clock.Now()
	in := b.login("rita", false)
	at := func(d time.Duration) { b.clock.Advance(start.Add(d).Sub(b.clock.Now())) }
	p := b.principal(in.CookieToken)
	require.Equal(t, access.ViaCookie, p.Via)
	require.Equal(t, in.SessionID, p.SessionID)
	var last time.Duration
	for last+20*time.Minute < defaultSessionMax {
		last += 20 * time.Minute
		at(last)
		b.principal(in.CookieToken)
	}
	at(defaultSessionMax - time.Millisecond)
	b.principal(in.CookieToken)
	_, code := b.rechecked(p)
	require.Empty(t, code)
	at(defaultSessionMax)
	requireRefused(t, b, Credential{Cookie: in.CookieToken})
	_, code = b.rechecked(p)
	require.Equal(t, fault.Unauthenticated, code)
	b.authenticated(Credential{Bearer: in.AccessToken})
	at(24*time.Hour - time.Millisecond)
	b.authenticated(Credential{Bearer: in.AccessToken})
	at(24 * time.Hour)
	requireRefused(t, b, Credential{Bearer: in.AccessToken})
}

func TestNoUseOfABearerWakesAnIdleCookie(t *testing.T) {
	for name, wake := range map[string]func(b *bench, in SignIn) error{
		"bearer": func(b *bench, in SignIn) error {
			_, err := b.Authenticate(context.Background(), Credential{Bearer: in.AccessToken}, origin())
			return err
		},
		"refresh": func(b *bench, in SignIn) error {
			_, err := b.RefreshProgram(context.Background(), origin(), in.RefreshToken)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, c := t.TempDir(), newClock()
			b := newBenchIn(t, dir, c, Options{AccessTTL: time.Hour})
			b.user("rita", "reviewer")
			in, awake := b.login("rita", false), b.login("rita", false)
			c.Advance(defaultSessionIdle - time.Millisecond)
			require.NoError(t, wake(b, awake))
			b.principal(awake.CookieToken)
			c.Advance(time.Millisecond)
			require.NoError(t, wake(b, in), "a program's tokens know no idle limit")
			for _, s := range []*bench{b, newBenchIn(t, dir, c, Options{})} {
				requireRefused(t, s, Credential{Cookie: in.CookieToken})
				s.principal(awake.CookieToken)
			}
			c.Advance(time.Minute)
			if name == "bearer" {
				require.NoError(t, wake(b, in))
			}
			requireRefused(t, b, Credential{Cookie: in.CookieToken})
		})
	}
}

func TestAProgramRefreshesItsCookieLikeABrowser(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	in := b.login("rita", false)
	b.clock.Advance(20 * time.Minute)
	out, err := b.RefreshBrowser(context.Background(), b.principal(in.CookieToken))
	require.NoError(t, err)
	require.Equal(t, defaultSessionIdle, out.ExpiresIn)
	require.Empty(t, out.CookieToken+out.AccessToken+out.RefreshToken)
	_, err = b.RefreshBrowser(context.Background(), b.authenticated(Credential{Bearer: b.login("rita", false).AccessToken}))
	requireCode(t, fault.Invalid, err)
}

func TestEverySignInHasANewIDAndToken(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	seen := map[string]bool{}
	for i := range 20 {
		in := b.login("rita", i%2 == 0)
		for _, secret := range []string{in.SessionID, in.CookieToken, in.RefreshToken, in.AccessToken} {
			require.False(t, secret != "" && seen[secret])
			seen[secret] = true
		}
		require.Equal(t, 1, b.count("SELECT count(*) FROM sessions WHERE token_hash = ?", hashToken(in.CookieToken)))
		require.Zero(t, b.count("SELECT count(*) FROM sessions WHERE token_hash IN (?, ?, ?)", in.CookieToken, in.RefreshToken, hashToken(in.RefreshToken)+"x"))
	}
}

func TestRefreshReuseEndsTheFamilysCookieToo(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	e := b.everyCredential("rita")
	_, err := b.RefreshProgram(context.Background(), origin(), e.prog.RefreshToken)
	require.NoError(t, err)
	b.principal(e.prog.CookieToken)
	_, err = b.RefreshProgram(context.Background(), origin(), e.prog.RefreshToken)
	requireCode(t, fault.Unauthenticated, err)
	requireRefused(t, b, Credential{Cookie: e.prog.CookieToken})
	requireRefused(t, b, Credential{Bearer: e.prog.AccessToken})
	for _, p := range e.streams[1:] {
		_, code := b.rechecked(p)
		require.Equal(t, fault.Unauthenticated, code)
	}
	b.principal(e.browser.CookieToken)
}

func TestRefreshRaceBetweenProcessesEndsTheFamily(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	one, two := newBenchIn(t, dir, c, Options{}), newBenchIn(t, dir, c, Options{})
	one.user("rita", "reviewer")
	for range 10 {
		in := one.login("rita", false)
		var outs [2]SignIn
		var errs [2]error
		var wg sync.WaitGroup
		for i, b := range []*bench{one, two} {
			wg.Go(func() { outs[i], errs[i] = b.RefreshProgram(context.Background(), origin(), in.RefreshToken) })
		}
		wg.Wait()
		won := 0
		for i, err := range errs {
			if err == nil {
				won++
				requireRefused(t, one, Credential{Bearer: outs[i].AccessToken})
			} else {
				requireCode(t, fault.Unauthenticated, err)
			}
		}
		require.Equal(t, 1, won)
		requireRefused(t, two, Credential{Cookie: in.CookieToken})
		require.Equal(t, 2, one.count("SELECT count(*) FROM refresh_tokens WHERE session_id = ?", in.SessionID))
	}
}

func TestAClockSetBackLendsNoTime(t *testing.T) {
	for name, restart := range map[string]bool{"the same process": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			dir, c := t.TempDir(), newClock()
			b := newBenchIn(t, dir, c, Options{AccessTTL: time.Hour})
			b.user("rita", "reviewer")
			browser, prog := b.login("rita", true), b.login("rita", false)
			c.Advance(20 * time.Minute)
			b.principal(browser.CookieToken)
			p := b.authenticated(Credential{Bearer: prog.AccessToken})
			if restart {
				b = newBenchIn(t, dir, c, Options{AccessTTL: time.Hour})
			}
			c.Advance(-clockSlack)
			b.principal(browser.CookieToken)
			c.Advance(-time.Millisecond)
			for _, cr := range []Credential{{Cookie: browser.CookieToken}, {Bearer: prog.AccessToken}, {Cookie: prog.CookieToken}} {
				requireRefused(t, b, cr)
			}
			_, code := b.rechecked(p)
			require.Equal(t, fault.Unauthenticated, code)
			_, err := b.RefreshProgram(context.Background(), origin(), prog.RefreshToken)
			requireCode(t, fault.Unauthenticated, err)
			require.Empty(t, b.sessions(access.System("root"), b.userID("rita")))
			again := b.login("rita", true)
			b.principal(again.CookieToken)
			c.Advance(clockSlack + time.Millisecond)
			b.principal(browser.CookieToken)
			b.authenticated(Credential{Bearer: prog.AccessToken})
		})
	}
}

// A restart forgets the exact time of last use; what is left of it is never later than it was.
func TestLosingMemoryNeverLengthensASession(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	b := newBenchIn(t, dir, c, Options{})
	b.user("rita", "reviewer")
	in := b.login("rita", true)
	for range 100 {
		c.Advance(7 * time.Second)
		b.principal(in.CookieToken)
	}
	last := c.Now()
	c.Advance(defaultSessionIdle)
	requireRefused(t, newBenchIn(t, dir, c, Options{}), Credential{Cookie: in.CookieToken})
	requireRefused(t, b, Credential{Cookie: in.CookieToken})
	stored := fromMillis(int64(b.count("SELECT last_used_at FROM sessions WHERE id = ?", in.SessionID)))
	require.False(t, stored.After(last))
	require.Less(t, last.Sub(stored), touchEvery)
}

func TestTouchesWhenAllAreFresh(t *testing.T) {
	var m touches
	c := newClock()
	for i := range 2*maxTouched + 10 {
		m.mark("ses_"+strconv.Itoa(i), use{now: c.Now()})
		require.LessOrEqual(t, len(m.at), maxTouched)
	}
	require.True(t, m.mark("ses_0", use{now: c.Now()}), "what was dropped is written anew")
	require.False(t, m.mark("ses_0", use{now: c.Now()}))
	require.Equal(t, c.Now(), m.last("ses_0", time.Time{}))
	m.mark("ses_0", use{now: c.Now().Add(-time.Hour)})
	require.Equal(t, c.Now(), m.last("ses_0", time.Time{}), "the last use never moves back")
}
