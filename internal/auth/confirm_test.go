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

// shown is what a request with c is signed in as, unconfirmed or not.
func (b *bench) shown(c Credential) access.Principal {
	b.t.Helper()
	p, err := b.Authenticate(context.Background(), c, origin())
	require.NoError(b.t, err)
	return p
}

// threat A4: a confirmation is good for one session and five minutes, and ends with the session.
func TestAConfirmationLastsFiveMinutes(t *testing.T) {
	b := newBench(t)
	b.user("rita", "admin")
	in := b.login("rita", true)
	p := b.shown(Credential{Cookie: in.CookieToken})
	require.True(t, p.Unconfirmed, "a sign-in is no confirmation: the desk may be left a minute later")
	require.Zero(t, b.ConfirmedUntil(p))
	var c Confirmation
	r := b.oneRow(func() {
		var err error
		c, err = b.Confirm(context.Background(), p, adminPassword, "")
		require.NoError(t, err)
	})
	require.Equal(t, row{"user", "auth.confirm", "allow", "", "session:" + in.SessionID}, r)
	require.Equal(t, b.clock.Now().Add(confirmFor), c.Until)
	require.NotEqual(t, in.CookieToken, c.CookieToken)

	fresh := b.shown(Credential{Cookie: c.CookieToken})
	require.False(t, fresh.Unconfirmed)
	require.Equal(t, in.SessionID, fresh.SessionID)
	require.Equal(t, c.Until, b.ConfirmedUntil(fresh))
	other := b.login("rita", true)
	require.True(t, b.shown(Credential{Cookie: other.CookieToken}).Unconfirmed, "another session of hers is not confirmed")

	b.clock.Advance(confirmFor - time.Millisecond)
	require.False(t, b.shown(Credential{Cookie: c.CookieToken}).Unconfirmed)
	b.clock.Advance(time.Millisecond)
	require.True(t, b.shown(Credential{Cookie: c.CookieToken}).Unconfirmed)
	require.Zero(t, b.ConfirmedUntil(fresh))
}

// TestTheFormerCookieFades: who took the cookie before a confirmation has no part in it, and is out ten seconds later; a
// clock that was set back lends nobody time.
func TestTheFormerCookieFades(t *testing.T) {
	b := newBench(t)
	b.user("rita", "admin")
	in := b.login("rita", true)
	c, err := b.Confirm(context.Background(), b.shown(Credential{Cookie: in.CookieToken}), adminPassword, "")
	require.NoError(t, err)
	former := b.shown(Credential{Cookie: in.CookieToken})
	require.Equal(t, in.SessionID, former.SessionID, "another tab's request is still answered")
	require.True(t, former.Unconfirmed)
	b.clock.Advance(formerFor)
	requireRefused(t, b, Credential{Cookie: in.CookieToken})
	require.False(t, b.shown(Credential{Cookie: c.CookieToken}).Unconfirmed)
	b.clock.Advance(-formerFor - time.Second)
	require.True(t, b.shown(Credential{Cookie: c.CookieToken}).Unconfirmed)
	requireRefused(t, b, Credential{Cookie: in.CookieToken})
}

func TestWhatEndsAConfirmation(t *testing.T) {
	for name, end := range map[string]func(b *bench, id string, p access.Principal) error{
		"another password": func(b *bench, id string, _ access.Principal) error {
			_, err := b.ChangeUser(context.Background(), access.System("root"), id, UserChange{Password: ptr(freshPassword)})
			return err
		},
		"another role": func(b *bench, id string, _ access.Principal) error {
			_, err := b.ChangeUser(context.Background(), access.System("root"), id, UserChange{Role: ptr("reviewer")})
			return err
		},
		"sign-out": func(b *bench, _ string, p access.Principal) error { return b.Logout(context.Background(), p) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.admin()
			u := b.user("rita", "admin")
			p := b.shown(Credential{Cookie: b.login("rita", true).CookieToken})
			c, err := b.Confirm(context.Background(), p, adminPassword, "")
			require.NoError(t, err)
			late := b.shown(Credential{Cookie: c.CookieToken}) // its request was under way
			require.NoError(t, end(b, u.ID, p))
			requireRefused(t, b, Credential{Cookie: c.CookieToken})
			_, err = b.ChangeUser(context.Background(), late, b.user("olga", "nurse").ID, UserChange{Password: ptr(freshPassword)})
			requireCode(t, fault.Unauthenticated, err)
			b.user("rita2", "admin")
			next := b.login("rita2", true)
			require.True(t, b.shown(Credential{Cookie: next.CookieToken}).Unconfirmed)
		})
	}
	t.Run("one's own new password", func(t *testing.T) {
		b := newBench(t)
		b.user("rita", "admin")
		c, err := b.Confirm(context.Background(), b.shown(Credential{Cookie: b.login("rita", true).CookieToken}), adminPassword, "")
		require.NoError(t, err)
		in, err := b.ChangePassword(context.Background(), b.shown(Credential{Cookie: c.CookieToken}), adminPassword, freshPassword)
		require.NoError(t, err)
		require.True(t, b.shown(Credential{Cookie: in.CookieToken}).Unconfirmed)
	})
}

// threat A5: guessing at a confirmation is guessing at a sign-in: the same counters, rows without the password, and no answer
// that tells more.
func TestConfirmRefusals(t *testing.T) {
	b := newBench(t)
	b.user("rita", "admin")
	in, prog := b.login("rita", true), b.login("rita", false)
	p := b.shown(Credential{Cookie: in.CookieToken})
	_, secret := b.key(p, NewKey{Models: []string{"guard-nano"}})
	for name, c := range map[string]struct {
		p     access.Principal
		typed string
		field string
	}{
		"wrong":    {p, "not my password at all", "password"},
		"empty":    {p, "", "password"},
		"endless":  {p, strings.Repeat("x", password.MaxBytes+1), "password"},
		"a key":    {b.shown(Credential{Bearer: secret}), adminPassword, ""},
		"a bearer": {b.shown(Credential{Bearer: prog.AccessToken}), adminPassword, ""},
		"nobody":   {access.Anonymous(origin()), adminPassword, ""},
		"system":   {access.System("root"), adminPassword, ""},
	} {
		r := b.oneRow(func() {
			_, err := b.Confirm(context.Background(), c.p, c.typed, "")
			requireCode(t, fault.Forbidden, err)
			require.Equal(t, c.field, fault.From(err).Field, name)
		})
		require.Equal(t, "deny", r.Decision, name)
		require.Equal(t, "auth.confirm", r.Action, name)
	}
	for range freeTries {
		_, err := b.Confirm(context.Background(), p, "not my password at all", "")
		require.Error(t, err)
	}
	_, err := b.Confirm(context.Background(), p, adminPassword, "")
	requireCode(t, fault.RateLimited, err)
	require.Positive(t, fault.From(err).RetryAfter)
	_, err = b.signIn(origin(), "rita", adminPassword, true)
	requireCode(t, fault.RateLimited, err)
	require.True(t, b.shown(Credential{Cookie: in.CookieToken}).Unconfirmed)
	require.Zero(t, b.count("SELECT count(*) FROM audit_events WHERE details LIKE '%my password%'"))
}

// TestConfirmationsAtOnce: of several with one cookie exactly one gives a new one, and that one works.
func TestConfirmationsAtOnce(t *testing.T) {
	b := newBench(t)
	b.user("rita", "admin")
	p := b.shown(Credential{Cookie: b.login("rita", true).CookieToken})
	var mu sync.Mutex
	var wg sync.WaitGroup
	good, codes := []Confirmation{}, []fault.Code{}
	for range 4 {
		wg.Go(func() {
			c, err := b.Confirm(context.Background(), p, adminPassword, "")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				good = append(good, c)
				return
			}
			codes = append(codes, fault.CodeOf(err))
		})
	}
	wg.Wait()
	require.NotEmpty(t, good)
	last := 0
	for _, c := range good {
		if _, ok, err := b.store.sessionByToken(context.Background(), c.CookieToken); err == nil && ok {
			last++
			require.False(t, b.shown(Credential{Cookie: c.CookieToken}).Unconfirmed)
		}
	}
	require.Equal(t, 1, last)
	for _, code := range codes {
		require.Contains(t, []fault.Code{fault.Conflict, fault.RateLimited}, code)
	}
}

// threats A9 and Z4: every way to an administrator's rights asks a browser for the password, and asks nobody else.
func TestWhatNeedsAConfirmation(t *testing.T) {
	b := newBench(t)
	alice := b.admin()
	rita, robot, olga := b.user("rita", "nurse"), b.service("robot", "admin"), b.user("olga", "admin")
	_, err := b.ChangeUser(context.Background(), alice, olga.ID, UserChange{Status: ptr(statusDisabled)})
	require.NoError(t, err)
	ctx := context.Background()
	risky := map[string]func(p access.Principal) error{
		"a password":           func(p access.Principal) error { return b.patch(p, rita.ID, UserChange{Password: ptr(freshPassword)}) },
		"an administrator":     func(p access.Principal) error { return b.patch(p, rita.ID, UserChange{Role: ptr("admin")}) },
		"an old administrator": func(p access.Principal) error { return b.patch(p, olga.ID, UserChange{Status: ptr(statusActive)}) },
		"a new administrator": func(p access.Principal) error {
			_, err := b.CreateUser(ctx, p, NewUser{Username: "eve", Role: "admin", Password: adminPassword})
			return err
		},
		"a key that does all": func(p access.Principal) error {
			_, _, err := b.CreateKey(ctx, p, NewKey{Label: "mine"}, nil)
			return err
		},
		"another's key that does all": func(p access.Principal) error {
			_, _, err := b.CreateKey(ctx, p, NewKey{Label: "its", UserID: robot.ID}, nil)
			return err
		},
		"a role": func(p access.Principal) error {
			_, _, err := b.guard.PutRole(ctx, p, "nurse", access.RoleChange{Actions: []access.Action{access.AuditRead}})
			return err
		},
		"a role's end": func(p access.Principal) error {
			_, _, err := b.guard.PutRole(ctx, access.System("root"), "short", access.RoleChange{})
			require.NoError(b.t, err)
			return b.guard.DeleteRole(ctx, p, "short", nil)
		},
	}
	calm := map[string]func(p access.Principal) error{
		"another role": func(p access.Principal) error { return b.patch(p, rita.ID, UserChange{Role: ptr("guest")}) },
		"a name":       func(p access.Principal) error { return b.patch(p, rita.ID, UserChange{DisplayName: ptr("Rita")}) },
		"shut out":     func(p access.Principal) error { return b.patch(p, rita.ID, UserChange{Status: ptr(statusDisabled)}) },
		"let in":       func(p access.Principal) error { return b.patch(p, rita.ID, UserChange{Status: ptr(statusActive)}) },
		"a new colleague": func(p access.Principal) error {
			_, err := b.CreateUser(ctx, p, NewUser{Username: "nora", Role: "nurse", Password: adminPassword})
			return err
		},
		"a narrow key": func(p access.Principal) error {
			_, _, err := b.CreateKey(ctx, p, NewKey{Label: "narrow", Operations: []string{"infer"}}, nil)
			return err
		},
		"a session's end": func(p access.Principal) error { _, err := b.EndSessions(ctx, p, rita.ID, KeepNone); return err },
	}
	unconfirmed := alice
	unconfirmed.Unconfirmed = true
	for name, act := range risky {
		rows := b.rowsOf(func() { requireCode(t, fault.ConfirmationRequired, act(unconfirmed)) })
		r := rows[len(rows)-1]
		require.Equal(t, "deny", r.Decision, name)
		require.Equal(t, "confirmation_required", r.Reason, name)
	}
	for name, act := range calm {
		require.NoError(t, act(unconfirmed), name)
	}
	for name, act := range risky {
		require.NoError(t, act(alice), name)
	}
}

func (b *bench) patch(p access.Principal, id string, c UserChange) error {
	_, err := b.ChangeUser(context.Background(), p, id, c)
	return err
}

// threat A8: leaving the browser's headers out opens nothing to a browser's cookie, and a program's cookie is asked only
// where a browser shows it.
func TestWhoIsAsked(t *testing.T) {
	b := newBench(t)
	b.user("rita", "admin")
	browser, program := b.login("rita", true), b.login("rita", false)
	for name, c := range map[string]struct {
		credential Credential
		asked      bool
	}{
		"a browser":                       {Credential{Cookie: browser.CookieToken, Browser: true}, true},
		"its cookie without its headers":  {Credential{Cookie: browser.CookieToken}, true},
		"a program's cookie":              {Credential{Cookie: program.CookieToken}, false},
		"a program's cookie in a browser": {Credential{Cookie: program.CookieToken, Browser: true}, true},
		"a bearer":                        {Credential{Bearer: program.AccessToken}, false},
		"a bearer in a browser":           {Credential{Bearer: program.AccessToken, Browser: true}, false},
	} {
		p := b.shown(c.credential)
		require.Equal(t, c.asked, p.Unconfirmed, name)
		again, err := b.Recheck(context.Background(), p)
		require.NoError(t, err)
		require.Equal(t, c.asked, again.Unconfirmed, name)
	}
}

func TestConfirmationsAreBounded(t *testing.T) {
	var c confirmations
	now := newClock().Now()
	for i := range 3 * maxConfirmations {
		id := strings.Repeat("x", i%7) + string(rune('a'+i%26)) + time.Duration(i).String()
		c.add(id, id, now)
		require.LessOrEqual(t, len(c.of), maxConfirmations)
		require.LessOrEqual(t, len(c.before), maxConfirmations)
		require.True(t, c.holds(id, now))
	}
}

// TestHelpers: those who can give rights, by the name they go by, never oneself, nobody who is shut out.
func TestHelpers(t *testing.T) {
	b := newBench(t)
	alice := b.admin()
	b.user("rita", "nurse")
	off := b.user("off", "admin")
	require.NoError(t, b.patch(alice, off.ID, UserChange{Status: ptr(statusDisabled)}))
	b.service("robot", "admin")
	for _, name := range []string{"ada", "bea", "cara"} {
		u := b.user(name, "admin")
		require.NoError(t, b.patch(alice, u.ID, UserChange{DisplayName: ptr("Dr. " + name)}))
		b.clock.Advance(time.Minute)
		b.login(name, true)
	}
	got, err := b.Helpers(context.Background(), b.as("rita"))
	require.NoError(t, err)
	require.Equal(t, []string{"Dr. cara", "Dr. bea", "Dr. ada"}, got)
	got, err = b.Helpers(context.Background(), b.as("cara"))
	require.NoError(t, err)
	require.NotContains(t, got, "Dr. cara")
}

// TestUse: lists and details say when somebody was last seen and what of his lives.
func TestUse(t *testing.T) {
	b := newBench(t)
	alice := b.admin()
	rita := b.user("rita", "reviewer")
	in := b.login("rita", true)
	b.login("rita", false)
	_, secret := b.key(b.principal(in.CookieToken), NewKey{})
	b.clock.Advance(10 * time.Minute)
	b.authenticated(Credential{Bearer: secret})
	u, err := b.GetUser(context.Background(), alice, rita.ID)
	require.NoError(t, err)
	require.Equal(t, &Use{LastSeenAt: ptr(b.clock.Now()), Sessions: 2, Keys: 1}, u.Use)
	b.clock.Advance(defaultSessionIdle)
	page, err := b.ListUsers(context.Background(), alice, UserFilter{Query: "rita"}, 0, "")
	require.NoError(t, err)
	require.Equal(t, 1, page.Items[0].Use.Sessions, "the browser's is idle, the program's is not")
	_, err = b.EndSessions(context.Background(), alice, rita.ID, KeepNone)
	require.NoError(t, err)
	u, err = b.GetUser(context.Background(), alice, rita.ID)
	require.NoError(t, err)
	require.Zero(t, u.Use.Sessions)
	require.NotNil(t, u.Use.LastSeenAt)
}
