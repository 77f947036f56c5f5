package auth

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// everyCredential is one of each kind of the user, all good.
type everyCredential struct {
	browser, prog SignIn
	streams       []access.Principal
}

func (b *bench) everyCredential(name string) everyCredential {
	b.t.Helper()
	e := everyCredential{browser: b.login(name, true), prog: b.login(name, false)}
	for _, c := range e.credentials() {
		p, err := b.Authenticate(context.Background(), c, origin())
		require.NoError(b.t, err)
		e.streams = append(e.streams, p)
		_, err = b.Recheck(context.Background(), p)
		require.NoError(b.t, err)
	}
	return e
}

func (e everyCredential) credentials() []Credential {
	return []Credential{{Cookie: e.browser.CookieToken}, {Bearer: e.prog.AccessToken}, {Cookie: e.prog.CookieToken}}
}

// requireVoid demands that nothing of e opens anything any more.
func (b *bench) requireVoid(e everyCredential) {
	b.t.Helper()
	for _, c := range e.credentials() {
		requireRefused(b.t, b, c)
	}
	_, err := b.RefreshProgram(context.Background(), origin(), e.prog.RefreshToken)
	requireCode(b.t, fault.Unauthenticated, err)
	for _, p := range e.streams {
		p, err := b.Recheck(context.Background(), p)
		requireCode(b.t, fault.Unauthenticated, err)
		require.Zero(b.t, p)
	}
}

func TestEndSessionEndsAllThatHangsOnIt(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "reviewer")
	p, e := b.as("rita"), b.everyCredential("rita")
	for _, id := range []string{e.browser.SessionID, e.prog.SessionID} {
		r := b.oneRow(func() { require.NoError(t, b.EndSession(context.Background(), p, id)) })
		require.Equal(t, row{"user", "session.own", "allow", "", "session:" + id}, r)
		require.NoError(t, b.EndSession(context.Background(), p, id), "again")
	}
	b.requireVoid(e)
	require.Len(t, b.sessions(p, u.ID), 1)

	// The session that asks can end itself, once.
	require.NoError(t, b.EndSession(context.Background(), p, p.SessionID))
	requireCode(t, fault.Unauthenticated, b.EndSession(context.Background(), p, p.SessionID))
}

// threat Z3, threat Z4
func TestEndSessionOfAnotherIsUnknown(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	b.role("helpdesk", "user.manage", "session.own", "example.read")
	for name, role := range map[string]string{"rita": "reviewer", "olga": "nurse", "hilda": "helpdesk", "greta": "guest"} {
		b.user(name, role)
	}
	rita, hilda := b.as("rita"), b.as("hilda")
	olga, greta := b.everyCredential("olga"), b.everyCredential("greta")
	unknown := fault.From(b.EndSession(context.Background(), rita, "ses_01ARZ3NDEKTSV4RRFFQ69G5FAV"))
	cases := map[string]struct {
		p  access.Principal
		id string
	}{
		"a reviewer, a nurse's": {rita, olga.browser.SessionID}, "helpdesk, one beyond it": {hilda, olga.browser.SessionID},
		"helpdesk, an admin's": {hilda, admin.SessionID}, "unknown": {hilda, "ses_x"}, "empty": {rita, ""},
		"SQL": {rita, "' OR 1=1--"}, "long": {rita, strings.Repeat("x", 1<<16)}, "an LIKE": {rita, "ses_%"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := b.oneRow(func() {
				err := b.EndSession(context.Background(), c.p, c.id)
				requireCode(t, fault.NotFound, err)
				require.Equal(t, unknown.Message, fault.From(err).Message)
				require.Equal(t, unknown.Field, fault.From(err).Field)
			})
			require.NotEqual(t, "allow", r.Decision)
		})
	}
	for _, p := range olga.streams {
		_, err := b.Recheck(context.Background(), p)
		require.NoError(t, err, "nothing ended")
	}
	r := b.oneRow(func() { require.NoError(t, b.EndSession(context.Background(), hilda, greta.browser.SessionID)) })
	require.Equal(t, "user.manage", r.Action)
	requireRefused(t, b, Credential{Cookie: greta.browser.CookieToken})
	require.NoError(t, b.EndSession(context.Background(), admin, olga.browser.SessionID))
	requireRefused(t, b, Credential{Cookie: olga.browser.CookieToken})
}

func TestEndSessions(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	p, e := b.as("rita"), b.everyCredential("rita")
	other := b.user("olga", "nurse")
	foreign := b.everyCredential("olga")
	var n int
	r := b.oneRow(func() {
		var err error
		n, err = b.EndSessions(context.Background(), p, "", KeepCurrent)
		require.NoError(t, err)
	})
	require.Equal(t, row{"user", "session.own", "allow", "", "user:" + p.UserID}, r)
	require.Equal(t, 2, n)
	b.requireVoid(e)
	_, err := b.Recheck(context.Background(), p)
	require.NoError(t, err)
	n, err = b.EndSessions(context.Background(), p, p.UserID, KeepCurrent)
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = b.EndSessions(context.Background(), p, "", KeepNone)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, err = b.Recheck(context.Background(), p)
	requireCode(t, fault.Unauthenticated, err)
	_, err = b.EndSessions(context.Background(), p, "", KeepNone)
	requireCode(t, fault.Unauthenticated, err)

	for _, s := range foreign.streams {
		_, err := b.Recheck(context.Background(), s)
		require.NoError(t, err)
	}
	n, err = b.EndSessions(context.Background(), access.System("root"), other.ID, KeepCurrent)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	b.requireVoid(foreign)
}

// threat Z4
func TestEndSessionsOfAnotherNeedsAllThatHeMay(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	b.role("helpdesk", "user.manage", "session.own", "example.read")
	b.user("hilda", "helpdesk")
	nurse, guest := b.user("olga", "nurse"), b.user("greta", "guest")
	b.user("rita", "reviewer")
	olga := b.everyCredential("olga")
	hilda := b.as("hilda")
	for name, c := range map[string]struct {
		p    access.Principal
		id   string
		code fault.Code
	}{
		"helpdesk, a nurse": {hilda, nurse.ID, fault.Forbidden}, "helpdesk, the admin": {hilda, admin.UserID, fault.Forbidden},
		"reviewer": {b.as("rita"), guest.ID, fault.Forbidden}, "unknown user": {hilda, "usr_x", fault.NotFound},
		"nobody": {access.Anonymous(origin()), guest.ID, fault.Forbidden}, "system, nobody's": {access.System("root"), "", fault.NotFound},
	} {
		r := b.oneRow(func() {
			_, err := b.EndSessions(context.Background(), c.p, c.id, KeepNone)
			requireCode(t, c.code, err)
		})
		require.NotEqual(t, "allow", r.Decision, name)
	}
	_, err := b.Recheck(context.Background(), olga.streams[0])
	require.NoError(t, err)
	_, err = b.EndSessions(context.Background(), hilda, guest.ID, KeepNone)
	require.NoError(t, err)

	// Who was demoted while he waited ends nothing: the row as it is then decides.
	b.exec("UPDATE users SET role = 'guest' WHERE id = ?", hilda.UserID)
	_, err = b.EndSessions(context.Background(), hilda, guest.ID, KeepNone)
	requireCode(t, fault.Forbidden, err)
}

// threat A4: whoever ends it, the next call is refused: cookie, bearer, refresh token and stream alike.
func TestWhatEndsEverything(t *testing.T) {
	for name, end := range map[string]func(b *bench, id string) error{
		"disable": func(b *bench, id string) error {
			off := statusDisabled
			_, err := b.ChangeUser(context.Background(), access.System("root"), id, UserChange{Status: &off})
			return err
		},
		"role": func(b *bench, id string) error {
			role := "guest"
			_, err := b.ChangeUser(context.Background(), access.System("root"), id, UserChange{Role: &role})
			return err
		},
		"password": func(b *bench, id string) error {
			fresh := "another horse battery staple"
			_, err := b.ChangeUser(context.Background(), access.System("root"), id, UserChange{Password: &fresh})
			return err
		},
		"delete": func(b *bench, id string) error {
			return b.DeleteUser(context.Background(), access.System("root"), id, nil)
		},
		"own password": func(b *bench, _ string) error {
			_, err := b.ChangePassword(context.Background(), b.as("rita"), adminPassword, "another horse battery staple")
			return err
		},
		"revoked": func(b *bench, id string) error {
			_, err := b.EndSessions(context.Background(), access.System("root"), id, KeepNone)
			return err
		},
		"restore": func(b *bench, _ string) error {
			return b.db.Write(func(tx *dbTx) error { return EndAll(tx, tx.Now()) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			u, other := b.user("rita", "reviewer"), b.user("olga", "nurse")
			e, spared := b.everyCredential("rita"), b.everyCredential("olga")
			require.NoError(t, end(b, u.ID))
			b.requireVoid(e)
			if name == "restore" {
				b.requireVoid(spared)
				return
			}
			for _, p := range spared.streams {
				fresh, err := b.Recheck(context.Background(), p)
				require.NoError(t, err)
				require.Equal(t, other.ID, fresh.UserID)
			}
		})
	}
}

func TestEndingAtOnceIsEndingOnce(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "reviewer")
	e := b.everyCredential("rita")
	var wg sync.WaitGroup
	counts := make([]int, 8)
	for i := range counts {
		wg.Go(func() {
			var err error
			if counts[i], err = b.EndSessions(context.Background(), access.System("root"), u.ID, KeepNone); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() { _, _ = b.RefreshProgram(context.Background(), origin(), e.prog.RefreshToken) })
	}
	wg.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	require.Equal(t, 2, sum, "each session was ended by one of them")
	b.requireVoid(e)
}

// threat S3
func TestNothingFromBeforeARestoreComesBack(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	b.service("bank", "reviewer")
	e := b.everyCredential("rita")
	own, ownKey := b.key(b.as("rita"), NewKey{})
	_, gone := b.key(b.as("rita"), NewKey{})
	goneID, _ := parseAPIKey(gone)
	require.NoError(t, b.RevokeKey(context.Background(), access.System("root"), goneID))
	key, err := b.Authenticate(context.Background(), Credential{Bearer: ownKey}, origin())
	require.NoError(t, err)

	at := b.clock.Now().Add(time.Hour)
	b.clock.Advance(time.Hour)
	require.NoError(t, b.db.Write(func(tx *dbTx) error { return EndAll(tx, at) }))
	b.requireVoid(e)
	for _, secret := range []string{ownKey, gone} {
		requireRefused(t, b, Credential{Bearer: secret})
	}
	_, err = b.Recheck(context.Background(), key)
	requireCode(t, fault.Unauthenticated, err)
	require.Zero(t, b.count("SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL"))
	require.Zero(t, b.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL"))
	require.Zero(t, b.count("SELECT count(*) FROM users WHERE epoch < 2"))
	b.requireVoid(e)

	// The password still opens a session; the key wants somebody to say so.
	b.as("rita")
	k, err := b.ConfirmKey(context.Background(), access.System("root"), own.ID)
	require.NoError(t, err)
	require.Nil(t, k.SuspendedAt)
	_, err = b.Authenticate(context.Background(), Credential{Bearer: ownKey}, origin())
	require.NoError(t, err)
	_, err = b.ConfirmKey(context.Background(), access.System("root"), goneID)
	requireCode(t, fault.Conflict, err)
	requireRefused(t, b, Credential{Bearer: gone})
}

// threat A4: a request that was let in and waits does nothing once its session has ended or its role was taken.
func TestAWaitingRequestOfAnEndedSessionDoesNothing(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	bank := b.service("bank", "reviewer")
	own, _ := b.key(admin, NewKey{})
	acts := map[string]func(p access.Principal) error{
		"key for oneself": func(p access.Principal) error {
			_, _, err := b.CreateKey(context.Background(), p, NewKey{Label: "k"}, nil)
			return err
		},
		"key for a service": func(p access.Principal) error {
			_, _, err := b.CreateKey(context.Background(), p, NewKey{Label: "k", UserID: bank.ID}, nil)
			return err
		},
		"revoke":  func(p access.Principal) error { return b.RevokeKey(context.Background(), p, own.ID) },
		"session": func(p access.Principal) error { return b.EndSession(context.Background(), p, p.SessionID) },
		"sessions": func(p access.Principal) error {
			_, err := b.EndSessions(context.Background(), p, bank.ID, KeepNone)
			return err
		},
		"password": func(p access.Principal) error {
			_, err := b.ChangePassword(context.Background(), p, adminPassword, freshPassword)
			return err
		},
		"refresh": func(p access.Principal) error {
			_, err := b.RefreshBrowser(context.Background(), p)
			return err
		},
		"confirm": func(p access.Principal) error {
			_, err := b.ConfirmKey(context.Background(), p, own.ID)
			return err
		},
		"rotate": func(p access.Principal) error {
			_, err := b.RotateSigningKey(context.Background(), p, Rotation{RetireNow: true})
			return err
		},
	}
	refused := func(p access.Principal, code fault.Code, except ...string) {
		t.Helper()
		for name, act := range acts {
			if slices.Contains(except, name) {
				continue
			}
			r := b.oneRow(func() { requireCode(t, code, act(p)) })
			require.Equal(t, "deny", r.Decision, name)
		}
	}
	ended := b.as(adminName)
	require.NoError(t, b.Logout(context.Background(), ended))
	refused(ended, fault.Unauthenticated)
	require.Equal(t, 1, b.count("SELECT count(*) FROM api_keys WHERE revoked_at IS NULL"))
	require.Len(t, b.keyFiles(), 1)

	// In the transaction the session is looked at again.
	now := b.clock.Now()
	require.NoError(t, b.db.Write(func(tx *dbTx) error { return stillAlive(tx, admin.SessionID, now) }))
	for _, id := range []string{ended.SessionID, "ses_x"} {
		requireCode(t, fault.Unauthenticated, b.db.Write(func(tx *dbTx) error { return stillAlive(tx, id, now) }))
	}
	requireCode(t, fault.Unauthenticated, b.db.Write(func(tx *dbTx) error { return stillAlive(tx, admin.SessionID, now.Add(defaultSessionMax)) }))

	// The gate still knows the role that came with the request; the row knows better.
	b.exec("UPDATE users SET role = 'guest' WHERE id = ?", admin.UserID)
	refused(admin, fault.Forbidden, "session", "password", "refresh")
	require.Len(t, b.keyFiles(), 1)
}
