package auth

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// A leaked key is revoked in a hurry, with what is in the clipboard: the secret must not stand in the log for ever because
// of that, nor a cookie, whatever it was put in the place of.
//
// threat U5
func TestASecretInPlaceOfAnID(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	_, secret := b.key(admin, NewKey{})
	cookie := b.login(adminName, true).CookieToken
	ctx := context.Background()
	for _, pasted := range []string{secret, cookie, "key_" + secret, "ses_" + cookie, "usr_" + cookie, "a wrong paste"} {
		for what, act := range map[string]func() error{
			"revoke key":    func() error { return b.RevokeKey(ctx, admin, pasted) },
			"confirm key":   func() error { _, err := b.ConfirmKey(ctx, admin, pasted); return err },
			"end session":   func() error { return b.EndSession(ctx, admin, pasted) },
			"end sessions":  func() error { _, err := b.EndSessions(ctx, admin, pasted, KeepNone); return err },
			"change user":   func() error { _, err := b.ChangeUser(ctx, admin, pasted, UserChange{}); return err },
			"delete user":   func() error { return b.DeleteUser(ctx, admin, pasted, nil) },
			"revoke on CLI": func() error { return b.RevokeKey(ctx, access.System("root"), pasted) },
		} {
			r := b.oneRow(func() { requireCode(t, fault.NotFound, act()) })
			require.Empty(t, r.Resource, what)
		}
	}
}

// What could be an id stands in the row, known or not: an attack on ids can be seen.
func TestAnIDStandsInTheRow(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	ctx := context.Background()
	const ulid = "01M7ZBJQ4S66YM8G4DHYMMKSPS"
	r := b.oneRow(func() { requireCode(t, fault.NotFound, b.RevokeKey(ctx, admin, "key_0000000000")) })
	require.Equal(t, "key:key_0000000000", r.Resource)
	r = b.oneRow(func() { requireCode(t, fault.NotFound, b.EndSession(ctx, admin, "ses_"+ulid)) })
	require.Equal(t, "session:ses_"+ulid, r.Resource)
	r = b.oneRow(func() {
		_, err := b.EndSessions(ctx, admin, "usr_"+ulid, KeepNone)
		requireCode(t, fault.NotFound, err)
	})
	require.Equal(t, "user:usr_"+ulid, r.Resource)
}
