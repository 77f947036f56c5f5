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

func TestNoCredentialIsNobody(t *testing.T) {
	b := newBench(t)
	b.admin()
	for name, c := range map[string]Credential{
		"none": {}, "a dash": {Bearer: "-"}, "cookie of another form": {Cookie: "x"}, "cookie as bearer": {Bearer: b.login(adminName, true).CookieToken},
		"bearer as cookie": {Cookie: b.login(adminName, false).AccessToken}, "refresh as bearer": {Bearer: b.login(adminName, false).RefreshToken},
		"refresh as cookie": {Cookie: b.login(adminName, false).RefreshToken}, "unknown cookie": {Cookie: hashToken("x")[:tokenLen]},
		"SQL": {Cookie: "' OR 1=1-- ' OR 1=1-- ' OR 1=1-- ' OR 1=1--"}, "stored hash": {Cookie: hashToken("x")},
	} {
		t.Run(name, func(t *testing.T) { requireRefused(t, b, c) })
	}
}

// threat A8
func TestBearerHidesTheCookie(t *testing.T) {
	b := newBench(t)
	b.admin()
	cookie := b.login(adminName, true).CookieToken
	requireRefused(t, b, Credential{Bearer: "wrong", Cookie: cookie})
	b.user("rita", "nurse")
	p, err := b.Authenticate(context.Background(), Credential{Bearer: b.login("rita", false).AccessToken, Cookie: cookie}, origin())
	require.NoError(t, err)
	require.Equal(t, "rita", p.Name)
	require.Equal(t, "nurse", p.Role)
	require.Equal(t, origin(), p.Origin)
}

func TestBrowserSessionEndsWhenIdle(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	in := b.login("rita", true)
	for range 10 {
		b.clock.Advance(defaultSessionIdle - time.Millisecond)
		b.principal(in.CookieToken)
	}
	b.clock.Advance(defaultSessionIdle)
	requireRefused(t, b, Credential{Cookie: in.CookieToken})
}

func TestBrowserSessionEndsAtItsMaximumHoweverUsed(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	in := b.login("rita", true)
	for range 71 {
		b.clock.Advance(10 * time.Minute)
		b.principal(in.CookieToken)
	}
	b.clock.Advance(10*time.Minute - time.Millisecond)
	b.principal(in.CookieToken)
	b.clock.Advance(time.Millisecond)
	requireRefused(t, b, Credential{Cookie: in.CookieToken})
}

func TestLastUseIsWrittenOnceAMinuteAndIdleStaysExact(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	b := newBenchIn(t, dir, c, Options{})
	b.user("rita", "reviewer")
	in := b.login("rita", true)
	start := c.Now()
	stored := func() time.Time {
		return fromMillis(int64(b.count("SELECT last_used_at FROM sessions WHERE id = ?", in.SessionID)))
	}
	c.Advance(59 * time.Second)
	b.principal(in.CookieToken)
	require.Equal(t, start, stored(), "not within the minute")
	c.Advance(defaultSessionIdle - time.Millisecond)
	b.principal(in.CookieToken)
	require.Equal(t, c.Now(), stored())
	rows := b.rowsOf(func() { b.principal(in.CookieToken) })
	require.Empty(t, rows, "being recognised leaves no audit row")

	// Another process, or a restart, goes by what is written.
	c.Advance(30 * time.Second)
	b.principal(in.CookieToken)
	c.Advance(defaultSessionIdle - 30*time.Second)
	b.principal(in.CookieToken)
	newBenchIn(t, dir, c, Options{}).principal(in.CookieToken)
}

func TestManyUsesInOneMinuteAreOneWrite(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	in := b.login("rita", true)
	b.clock.Advance(touchEvery)
	before, err := b.db.DataVersion(context.Background())
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if _, err := b.Authenticate(context.Background(), Credential{Cookie: in.CookieToken}, origin()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	after, err := b.db.DataVersion(context.Background())
	require.NoError(t, err)
	require.Equal(t, before+1, after)
}

func TestLogoutEndsTheSessionAlone(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	in, other, prog := b.login("rita", true), b.login("rita", true), b.login("rita", false)
	p := b.principal(in.CookieToken)
	r := b.oneRow(func() { require.NoError(t, b.Logout(context.Background(), p)) })
	require.Equal(t, row{"user", "auth.logout", "allow", "", "session:" + in.SessionID}, r)
	requireRefused(t, b, Credential{Cookie: in.CookieToken})
	b.principal(other.CookieToken)

	bearer, err := b.Authenticate(context.Background(), Credential{Bearer: prog.AccessToken}, origin())
	require.NoError(t, err)
	require.NoError(t, b.Logout(context.Background(), bearer))
	requireRefused(t, b, Credential{Bearer: prog.AccessToken})
	_, err = b.RefreshProgram(context.Background(), origin(), prog.RefreshToken)
	requireCode(t, fault.Unauthenticated, err)
	b.principal(other.CookieToken)
}

func TestLogoutNeedsASession(t *testing.T) {
	b := newBench(t)
	for name, p := range map[string]access.Principal{"system": access.System("root"), "anonymous": access.Anonymous(origin())} {
		r := b.oneRow(func() { requireCode(t, fault.Invalid, b.Logout(context.Background(), p)) })
		require.Equal(t, "error", r.Decision, name)
	}
	key := access.Principal{Kind: access.KindKey, UserID: "usr_1", Name: "alice", Role: adminRole, KeyID: "key_1"}
	r := b.oneRow(func() { requireCode(t, fault.Forbidden, b.Logout(context.Background(), key)) })
	require.Equal(t, "deny", r.Decision)
}

// threat A4: every kind of credential ends with the right, at the next call, also when another process ended it.
func TestEverythingEndsWithTheUser(t *testing.T) {
	ends := map[string]string{
		"disabled":      "UPDATE users SET status = 'disabled' WHERE id = ?",
		"deleted":       "UPDATE users SET status = 'deleted' WHERE id = ?",
		"invited again": "UPDATE users SET status = 'invited' WHERE id = ?",
		"new epoch":     "UPDATE users SET epoch = epoch + 1 WHERE id = ?",
	}
	for name, query := range ends {
		t.Run(name, func(t *testing.T) {
			dir, c := t.TempDir(), newClock()
			b, cli := newBenchIn(t, dir, c, Options{}), newBenchIn(t, dir, c, Options{})
			u := b.user("rita", "reviewer")
			prog := b.login("rita", false)
			creds := []Credential{{Cookie: b.login("rita", true).CookieToken}, {Bearer: prog.AccessToken}}
			_, key, err := b.CreateKey(context.Background(), b.as("rita"), NewKey{Label: "k"}, nil)
			require.NoError(t, err)
			if name != "new epoch" { // a new epoch voids sessions; keys are revoked by themselves
				creds = append(creds, Credential{Bearer: key})
			}
			for _, c := range creds {
				_, err := b.Authenticate(context.Background(), c, origin())
				require.NoError(t, err)
			}
			cli.exec(query, u.ID)
			for _, c := range creds {
				requireRefused(t, b, c)
			}
			_, err = b.RefreshProgram(context.Background(), origin(), prog.RefreshToken)
			requireCode(t, fault.Unauthenticated, err)
		})
	}
}

// threat A4: rights are read, not remembered in a token.
func TestRoleIsReadAtEachUse(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "admin")
	prog := b.login("rita", false)
	b.exec("UPDATE users SET role = 'guest' WHERE id = ?", u.ID)
	p, err := b.Authenticate(context.Background(), Credential{Bearer: prog.AccessToken}, origin())
	require.NoError(t, err)
	require.Equal(t, "guest", p.Role)
}

func TestRefreshBrowserKeepsTheCookieAndSlides(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "reviewer")
	in := b.login("rita", true)
	b.clock.Advance(20 * time.Minute)
	p := b.principal(in.CookieToken)
	var out SignIn
	r := b.oneRow(func() {
		var err error
		out, err = b.RefreshBrowser(context.Background(), p)
		require.NoError(t, err)
	})
	require.Equal(t, row{"user", "auth.refresh", "allow", "", "session:" + in.SessionID}, r)
	require.Equal(t, u.ID, out.User.ID)
	require.Equal(t, defaultSessionIdle, out.ExpiresIn)
	require.Empty(t, out.CookieToken+out.AccessToken+out.RefreshToken)
	b.clock.Advance(29 * time.Minute)
	b.principal(in.CookieToken)

	// Near the end the maximum is what is left.
	for range 23 {
		b.clock.Advance(29 * time.Minute)
		b.principal(in.CookieToken)
	}
	out, err := b.RefreshBrowser(context.Background(), p)
	require.NoError(t, err)
	require.Equal(t, defaultSessionMax-(20+29*24)*time.Minute, out.ExpiresIn)
}

func TestRefreshBrowserRefusals(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	prog, err := b.Authenticate(context.Background(), Credential{Bearer: b.login("rita", false).AccessToken}, origin())
	require.NoError(t, err)
	ended := b.as("rita")
	require.NoError(t, b.Logout(context.Background(), ended))
	cases := map[string]struct {
		p    access.Principal
		code fault.Code
	}{
		"a program": {prog, fault.Invalid}, "nobody": {access.Anonymous(origin()), fault.Invalid}, "an ended session": {ended, fault.Unauthenticated},
		"another's session": {access.Principal{Kind: access.KindUser, UserID: "usr_x", Role: "guest", SessionID: b.as("rita").SessionID, Via: access.ViaCookie}, fault.Unauthenticated},
	}
	for name, c := range cases {
		r := b.oneRow(func() {
			_, err := b.RefreshBrowser(context.Background(), c.p)
			requireCode(t, c.code, err)
		})
		require.NotEqual(t, "allow", r.Decision, name)
	}
}

func TestAuthenticateNeverSaysYesWithoutTheDatabase(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	in := b.login("rita", true)
	require.NoError(t, b.db.ReadSQL().Close())
	p, err := b.Authenticate(context.Background(), Credential{Cookie: in.CookieToken}, origin())
	require.Error(t, err)
	require.NotEqual(t, fault.Unauthenticated, fault.CodeOf(err), "the credential was not what failed")
	require.Zero(t, p)
	require.True(t, b.SetupRequired(context.Background()), "unknown is not open")
}

func TestTouchesStayBounded(t *testing.T) {
	var m touches
	c := newClock()
	for i := range 3 * maxTouched {
		m.mark("ses_"+strconv.Itoa(i), use{now: c.Now()})
		require.LessOrEqual(t, len(m.at), maxTouched)
		if i > maxTouched && i%100 == 0 {
			c.Advance(time.Second)
		}
	}
	require.LessOrEqual(t, len(m.at), maxTouched)
}
