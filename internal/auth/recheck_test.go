package auth

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

func (b *bench) authenticated(c Credential) access.Principal {
	b.t.Helper()
	p, err := b.Authenticate(context.Background(), c, origin())
	require.NoError(b.t, err)
	return p
}

func (b *bench) rechecked(p access.Principal) (access.Principal, fault.Code) {
	p, err := b.Recheck(context.Background(), p)
	if err != nil {
		require.Zero(b.t, p)
		return p, fault.CodeOf(err)
	}
	return p, ""
}

// threat A4: a stream ends with what opened it.
func TestRecheckEndsWithTheCredential(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	start := b.clock.Now()
	prog := b.login("rita", false)
	bearer, cookie := b.authenticated(Credential{Bearer: prog.AccessToken}), b.authenticated(Credential{Cookie: b.login("rita", true).CookieToken})
	until := start.Add(2 * time.Hour)
	_, secret := b.key(cookie, NewKey{ValidUntil: &until, Models: []string{"guard-nano"}, Operations: []string{"infer"}})
	key := b.authenticated(Credential{Bearer: secret})
	for name, p := range map[string]access.Principal{"bearer": bearer, "cookie": cookie, "key": key} {
		fresh, code := b.rechecked(p)
		require.Empty(t, code, name)
		require.Equal(t, p, fresh, name)
	}
	at := func(d time.Duration) { b.clock.Advance(start.Add(d).Sub(b.clock.Now())) }

	at(defaultAccessTTL - time.Millisecond)
	_, code := b.rechecked(bearer)
	require.Empty(t, code)
	at(defaultAccessTTL)
	_, code = b.rechecked(bearer)
	require.Equal(t, fault.Unauthenticated, code, "the bearer ended")

	at(defaultSessionIdle - time.Millisecond)
	_, code = b.rechecked(cookie)
	require.Empty(t, code)
	at(defaultSessionIdle)
	_, code = b.rechecked(cookie)
	require.Equal(t, fault.Unauthenticated, code, "asking is no use: who only listens is idle")

	at(2*time.Hour - time.Millisecond)
	_, code = b.rechecked(key)
	require.Empty(t, code)
	at(2 * time.Hour)
	_, code = b.rechecked(key)
	require.Equal(t, fault.Unauthenticated, code, "the key ended")
}

func TestRecheckReadsTheRoleAnew(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "reviewer")
	p := b.as("rita")
	_, secret := b.key(p, NewKey{})
	key := b.authenticated(Credential{Bearer: secret})
	b.exec("UPDATE users SET role = 'nurse' WHERE id = ?", u.ID)
	for _, p := range []access.Principal{p, key} {
		fresh, code := b.rechecked(p)
		require.Empty(t, code)
		require.Equal(t, "nurse", fresh.Role)
	}
}

func TestRecheckKnowsNobodyElse(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	other := b.user("olga", "nurse")
	p := b.as("rita")
	_, secret := b.key(p, NewKey{})
	key := b.authenticated(Credential{Bearer: secret})
	bearer := b.authenticated(Credential{Bearer: b.login("rita", false).AccessToken})
	changed := func(p access.Principal, f func(*access.Principal)) access.Principal {
		f(&p)
		return p
	}
	for name, p := range map[string]access.Principal{
		"zero": {}, "anonymous": access.Anonymous(origin()), "system": access.System("root"),
		"no session":       changed(p, func(p *access.Principal) { p.SessionID = "" }),
		"another's":        changed(p, func(p *access.Principal) { p.UserID = other.ID }),
		"unknown session":  changed(p, func(p *access.Principal) { p.SessionID = "ses_x" }),
		"shown by nothing": changed(p, func(p *access.Principal) { p.Via = "" }),
		"a key's owner":    changed(key, func(p *access.Principal) { p.UserID = other.ID }),
		"unknown key":      changed(key, func(p *access.Principal) { p.KeyID = "key_x" }),
		"bearer, no end":   changed(bearer, func(p *access.Principal) { p.Until = time.Time{} }),
		"bearer, no kid":   changed(bearer, func(p *access.Principal) { p.Via = "ed-x" }),
	} {
		_, code := b.rechecked(p)
		require.Equal(t, fault.Unauthenticated, code, name)
	}
	require.NoError(t, b.db.ReadSQL().Close())
	for _, p := range []access.Principal{p, key} {
		_, code := b.rechecked(p)
		require.NotEmpty(t, code, "a database that can't be read is never a yes")
		require.NotEqual(t, fault.Unauthenticated, code)
	}
}

// threat A4: keys rest with their owner, a person's as well as a service account's.
func TestKeysRestWithTheirOwner(t *testing.T) {
	b := newBench(t)
	b.admin()
	bank := b.service("bank", "reviewer")
	_, secret, err := b.CreateKey(context.Background(), access.System("root"), NewKey{UserName: "bank", Label: "k"}, nil)
	require.NoError(t, err)
	p := b.authenticated(Credential{Bearer: secret})
	off, on := statusDisabled, statusActive
	_, err = b.ChangeUser(context.Background(), access.System("root"), bank.ID, UserChange{Status: &off})
	require.NoError(t, err)
	requireRefused(t, b, Credential{Bearer: secret})
	_, code := b.rechecked(p)
	require.Equal(t, fault.Unauthenticated, code)
	_, err = b.ChangeUser(context.Background(), access.System("root"), bank.ID, UserChange{Status: &on})
	require.NoError(t, err)
	b.authenticated(Credential{Bearer: secret})
	require.NoError(t, b.DeleteUser(context.Background(), access.System("root"), bank.ID, nil))
	requireRefused(t, b, Credential{Bearer: secret})
}
