package auth

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/auth/password"
	"guardhouse/internal/fault"
)

const freshPassword = "another horse battery staple"

func TestChangePasswordVoidsEverythingAndAnswersInTheSameForm(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "reviewer")
	e := b.everyCredential("rita")
	_, key := b.key(b.as("rita"), NewKey{})
	var in SignIn
	r := b.oneRow(func() {
		var err error
		in, err = b.ChangePassword(context.Background(), e.streams[0], adminPassword, freshPassword)
		require.NoError(t, err)
	})
	require.Equal(t, row{"user", "session.own", "allow", "", "user:" + u.ID}, r)
	b.requireVoid(e)
	require.Empty(t, in.AccessToken+in.RefreshToken, "a browser gets no token")
	require.NotEqual(t, e.browser.SessionID, in.SessionID)
	require.NotEqual(t, e.browser.CookieToken, in.CookieToken)
	require.Equal(t, in.SessionID, b.principal(in.CookieToken).SessionID)
	require.Len(t, in.DeviceToken, deviceTokenLen)
	_, err := b.Authenticate(context.Background(), Credential{Bearer: key}, origin())
	require.NoError(t, err, "keys have secrets of their own")
	_, err = b.signIn(origin(), "rita", adminPassword, true)
	requireCode(t, fault.Unauthenticated, err)
	require.Equal(t, 1, b.count("SELECT count(*) FROM users WHERE id = ? AND epoch = 2 AND version = 2 AND password_changed_at = ?", u.ID, millis(b.clock.Now())))

	prog, err := b.signIn(origin(), "rita", freshPassword, false)
	require.NoError(t, err)
	e = everyCredential{browser: in, prog: prog}
	for _, c := range []Credential{{Bearer: prog.AccessToken}, {Cookie: prog.CookieToken}} {
		p := b.authenticated(c)
		e.streams = append(e.streams, p)
	}
	prog, err = b.ChangePassword(context.Background(), e.streams[1], freshPassword, adminPassword)
	require.NoError(t, err)
	b.requireVoid(e)
	require.Equal(t, prog.SessionID, b.authenticated(Credential{Bearer: prog.AccessToken}).SessionID)
	require.Equal(t, prog.SessionID, b.principal(prog.CookieToken).SessionID)
	require.NotEmpty(t, prog.AccessToken)
	require.NotEmpty(t, prog.RefreshToken)
	_, err = b.RefreshProgram(context.Background(), origin(), prog.RefreshToken)
	require.NoError(t, err)
	requireRefused(t, b, Credential{Cookie: in.CookieToken})
}

func TestChangePasswordRefusals(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	p, e := b.as("rita"), b.everyCredential("rita")
	_, secret := b.key(p, NewKey{})
	key, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
	require.NoError(t, err)
	ended := b.as("rita")
	require.NoError(t, b.Logout(context.Background(), ended))
	borrowed := p
	borrowed.UserID = b.user("olga", "nurse").ID
	before := b.count("SELECT count(*) FROM users WHERE epoch > 1")
	cases := map[string]struct {
		p              access.Principal
		current, fresh string
		code           fault.Code
		field          string
	}{
		"wrong current":      {p, "not my password at all", freshPassword, fault.Forbidden, "current_password"},
		"no current":         {p, "", freshPassword, fault.Forbidden, "current_password"},
		"endless current":    {p, strings.Repeat("x", password.MaxBytes+1), freshPassword, fault.Forbidden, "current_password"},
		"the same":           {p, adminPassword, adminPassword, fault.Invalid, "new_password"},
		"short":              {p, adminPassword, "short", fault.Invalid, "new_password"},
		"common":             {p, adminPassword, "password1234", fault.Invalid, "new_password"},
		"endless":            {p, adminPassword, strings.Repeat("ab c9 ", 400), fault.Invalid, "new_password"},
		"a key":              {key, adminPassword, freshPassword, fault.Forbidden, ""},
		"system":             {access.System("root"), adminPassword, freshPassword, fault.Forbidden, ""},
		"nobody":             {access.Anonymous(origin()), adminPassword, freshPassword, fault.Forbidden, ""},
		"an ended session":   {ended, adminPassword, freshPassword, fault.Unauthenticated, ""},
		"another's session":  {borrowed, adminPassword, freshPassword, fault.Unauthenticated, ""},
		"a user, no session": {access.Principal{Kind: access.KindUser, UserID: p.UserID, Role: "reviewer"}, adminPassword, freshPassword, fault.Forbidden, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b.clock.Advance(time.Minute) // no delay of the throttle in between
			r := b.oneRow(func() {
				in, err := b.ChangePassword(context.Background(), c.p, c.current, c.fresh)
				requireCode(t, c.code, err)
				require.Equal(t, c.field, fault.From(err).Field)
				require.Zero(t, in)
			})
			require.NotEqual(t, "allow", r.Decision)
		})
	}
	require.Equal(t, before, b.count("SELECT count(*) FROM users WHERE epoch > 1"))
	for _, s := range e.streams {
		_, err := b.Recheck(context.Background(), s)
		require.NoError(t, err, "a refused change ends nothing")
	}
}

// threat A5: an open session is no place to guess the password from.
func TestGuessingTheCurrentPasswordIsThrottled(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	p := b.as("rita")
	limited := false
	for range freeTries + 1 {
		_, err := b.ChangePassword(context.Background(), p, "not my password at all", freshPassword)
		limited = fault.CodeOf(err) == fault.RateLimited
		if limited {
			require.Positive(t, fault.From(err).RetryAfter)
			break
		}
		requireCode(t, fault.Forbidden, err)
	}
	require.True(t, limited)
	_, err := b.ChangePassword(context.Background(), p, adminPassword, freshPassword)
	requireCode(t, fault.RateLimited, err)
	b.clock.Advance(maxDelay)
	_, err = b.ChangePassword(context.Background(), p, adminPassword, freshPassword)
	require.NoError(t, err)
}

func TestTwoPasswordChangesAtOnceAreOne(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "reviewer")
	one, two := b.as("rita"), b.as("rita")
	var wg sync.WaitGroup
	var ins [2]SignIn
	var errs [2]error
	for i, p := range []access.Principal{one, two} {
		wg.Go(func() {
			ins[i], errs[i] = b.ChangePassword(context.Background(), p, adminPassword, freshPassword+strings.Repeat("!", i+1))
		})
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
			b.principal(ins[i].CookieToken)
			continue
		}
		require.Contains(t, []fault.Code{fault.Unauthenticated, fault.Conflict, fault.Forbidden}, fault.CodeOf(err))
	}
	require.Equal(t, 1, won)
	require.Equal(t, 1, b.count("SELECT count(*) FROM users WHERE id = ? AND epoch = 2", u.ID))
	require.Len(t, b.sessions(access.System("root"), u.ID), 1)
}

func TestChangePasswordAnswersTheUserAsHeIsThen(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	p := b.as("rita")
	b.clock.Advance(time.Second)
	in, err := b.ChangePassword(context.Background(), p, adminPassword, freshPassword)
	require.NoError(t, err)
	me, err := b.Me(context.Background(), b.principal(in.CookieToken))
	require.NoError(t, err)
	require.Equal(t, me, in.User)
}
