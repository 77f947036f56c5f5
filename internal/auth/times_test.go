package auth

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

func TestShorterTimesEndWhatIsPastThem(t *testing.T) {
	b := newBenchIn(t, t.TempDir(), newClock(), Options{})
	b.user("rita", "reviewer")
	browser, program := b.login("rita", true), b.login("rita", false)
	p := b.principal(browser.CookieToken)

	b.clock.Advance(10 * time.Minute)
	b.SetTimes(Times{Idle: 5 * time.Minute, Max: time.Hour, Access: 15 * time.Minute})
	requireRefused(t, b, Credential{Cookie: browser.CookieToken})
	_, code := b.rechecked(p)
	require.Equal(t, fault.Unauthenticated, code, "streams that are open end too")
	b.authenticated(Credential{Bearer: program.AccessToken})

	b.SetTimes(Times{})
	requireRefused(t, b, Credential{Cookie: browser.CookieToken})
	browser, program = b.login("rita", true), b.login("rita", false)
	for range 3 {
		b.clock.Advance(20 * time.Minute)
		b.principal(browser.CookieToken)
	}
	b.SetTimes(Times{Idle: 30 * time.Minute, Max: time.Hour, Access: 15 * time.Minute})
	requireRefused(t, b, Credential{Cookie: browser.CookieToken})
	_, err := b.RefreshProgram(context.Background(), origin(), program.RefreshToken)
	require.Equal(t, fault.Unauthenticated, fault.CodeOf(err), "a program's family is older than a session may be")
	page, err := b.ListSessions(context.Background(), b.principal(b.login("rita", true).CookieToken), "", 0, "")
	require.NoError(t, err)
	require.Len(t, page.Items, 1, "none of the old ones is shown")
}

func TestLongerTimesGiveNoSessionMoreThanItWasMadeFor(t *testing.T) {
	b := newBenchIn(t, t.TempDir(), newClock(), Options{SessionIdle: time.Hour, SessionMax: time.Hour})
	b.user("rita", "reviewer")
	in := b.login("rita", true)
	b.SetTimes(Times{Idle: 3 * time.Hour, Max: 3 * time.Hour, Access: time.Hour})
	b.clock.Advance(time.Hour - time.Millisecond)
	b.principal(in.CookieToken)
	b.clock.Advance(time.Millisecond)
	requireRefused(t, b, Credential{Cookie: in.CookieToken})

	in = b.login("rita", true)
	b.clock.Advance(2 * time.Hour)
	b.principal(in.CookieToken)
}

// Somebody left a browser open, and its session ended: a longer limit does not sign in who sits down there now.
func TestALongerIdleLimitWakesNoSession(t *testing.T) {
	b := newBenchIn(t, t.TempDir(), newClock(), Options{})
	b.user("rita", "reviewer")
	left := b.login("rita", true)
	b.clock.Advance(20 * time.Minute)
	used := b.login("rita", true)
	b.clock.Advance(10 * time.Minute)
	b.SetTimes(Times{Idle: 8 * time.Hour})
	requireRefused(t, b, Credential{Cookie: left.CookieToken})
	p := b.principal(used.CookieToken)
	page, err := b.ListSessions(context.Background(), p, "", 0, "")
	require.NoError(t, err)
	require.Len(t, page.Items, 1, "what ended is not shown as living")

	b.SetTimes(Times{Idle: 8 * time.Hour, Access: time.Minute})
	b.SetTimes(Times{Idle: 9 * time.Hour})
	requireRefused(t, b, Credential{Cookie: left.CookieToken})
	b.clock.Advance(3 * time.Hour)
	b.principal(used.CookieToken)

	b.clock.Advance(-4 * time.Hour)
	b.principal(b.login("rita", true).CookieToken)
}

func TestABearerLivesAsLongAsWhenItWasSigned(t *testing.T) {
	b := newBenchIn(t, t.TempDir(), newClock(), Options{})
	b.user("rita", "reviewer")
	long := b.login("rita", false)
	b.SetTimes(Times{Access: time.Minute})
	short := b.login("rita", false)
	require.Equal(t, time.Minute, short.ExpiresIn)
	b.clock.Advance(2 * time.Minute)
	b.authenticated(Credential{Bearer: long.AccessToken})
	requireRefused(t, b, Credential{Bearer: short.AccessToken})
}

// Run with -race.
func TestTimesChangeWhileOthersSignIn(t *testing.T) {
	b := newBenchIn(t, t.TempDir(), newClock(), Options{})
	b.user("rita", "reviewer")
	in := b.login("rita", true)
	var all sync.WaitGroup
	stop := make(chan struct{})
	all.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
				b.SetTimes(Times{Idle: time.Duration(i%5+1) * time.Minute, Max: time.Hour, Access: time.Minute})
			}
		}
	})
	for range 200 {
		b.principal(in.CookieToken)
	}
	close(stop)
	all.Wait()
}
