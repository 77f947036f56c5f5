package auth

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

func (b *bench) renew(p access.Principal, id string, r KeyRotation) (Key, string) {
	b.t.Helper()
	k, secret, err := b.RotateKey(context.Background(), p, id, r, nil)
	require.NoError(b.t, err)
	return k, secret
}

func span(d time.Duration) *time.Duration { return &d }

func TestRotatedKeysOverlap(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	rita := b.as("rita")
	until := b.clock.Now().Add(90 * 24 * time.Hour)
	old, oldSecret := b.key(rita, NewKey{
		Label: "tablets", Models: []string{"guard-nano"}, Operations: []string{"infer"}, IPRanges: []string{"10.1.0.0/16"}, RateLimit: "6/min", ValidUntil: &until,
	})
	b.clock.Advance(30 * 24 * time.Hour)
	rita = b.as("rita")
	var fresh Key
	var secret string
	r := b.oneRow(func() { fresh, secret = b.renew(rita, old.ID, KeyRotation{Overlap: span(time.Hour)}) })
	require.Equal(t, row{"user", "key.own", "allow", "", "key:" + fresh.ID}, r)
	require.Equal(t, map[string]any{
		"change": "rotate", "from": "key:" + old.ID, "owner": "user:" + rita.UserID, "label": "tablets", "overlap_seconds": float64(3600),
	}, b.details())
	require.Regexp(t, keyForm, secret)
	require.NotEqual(t, oldSecret, secret)
	want := old
	want.ID, want.Prefix, want.CreatedAt, want.Unused = fresh.ID, fresh.Prefix, b.clock.Now(), false
	ends := b.clock.Now().Add(90 * 24 * time.Hour)
	want.ValidUntil = &ends
	require.Equal(t, want, fresh, "the same key but for its name and time, which is as long as it was")

	p, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
	require.NoError(t, err)
	q, err := b.Authenticate(context.Background(), Credential{Bearer: oldSecret}, origin())
	require.NoError(t, err, "both work")
	require.Equal(t, old.ID, p.KeyLine)
	require.Equal(t, old.ID, q.KeyLine)
	require.Equal(t, q.KeyIPRanges, p.KeyIPRanges)
	require.Equal(t, q.KeyRate, p.KeyRate)
	page, err := b.ListKeys(context.Background(), rita, 0, "")
	require.NoError(t, err)
	require.Equal(t, fresh.ID, page.Items[1].RotatedTo)
	require.False(t, page.Items[1].Expiring, "its end is meant")

	b.clock.Advance(time.Hour - time.Millisecond)
	_, err = b.Authenticate(context.Background(), Credential{Bearer: oldSecret}, origin())
	require.NoError(t, err)
	b.clock.Advance(time.Millisecond)
	requireRefused(t, b, Credential{Bearer: oldSecret})
	_, err = b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
	require.NoError(t, err)
}

func TestRotationEndsTheOldKey(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	rita := b.as("rita")
	now := b.clock.Now()
	soon := now.Add(time.Minute)
	for name, c := range map[string]struct {
		k    NewKey
		r    KeyRotation
		ends time.Time // the zero time: at once
		last *time.Time
	}{
		"a day, where nobody says":   {NewKey{}, KeyRotation{}, now.Add(24 * time.Hour), nil},
		"at once":                    {NewKey{}, KeyRotation{Overlap: span(0)}, time.Time{}, nil},
		"no later than it would":     {NewKey{ValidUntil: &soon}, KeyRotation{Overlap: span(time.Hour)}, soon, &soon},
		"thirty days":                {NewKey{}, KeyRotation{Overlap: span(maxOverlap)}, now.Add(maxOverlap), nil},
		"with an end that was asked": {NewKey{}, KeyRotation{Overlap: span(time.Hour), ValidUntil: &soon}, now.Add(time.Hour), &soon},
	} {
		t.Run(name, func(t *testing.T) {
			old, secret := b.key(rita, c.k)
			fresh, _ := b.renew(rita, old.ID, c.r)
			require.Equal(t, c.last, fresh.ValidUntil)
			if c.ends.IsZero() {
				requireRefused(t, b, Credential{Bearer: secret})
				return
			}
			require.Equal(t, c.ends.UnixMilli(), int64(b.count("SELECT valid_until FROM api_keys WHERE id = ?", old.ID)))
		})
	}
}

// A rotation sheds no rule: one that narrows the key or denies it goes on with the new one, and with the one after that.
func TestRotatedKeysKeepTheirRules(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	rita := b.as("rita")
	k, secret := b.key(rita, NewKey{})
	free, freeSecret := b.key(rita, NewKey{})
	by := func(secret string) access.Principal {
		p, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
		require.NoError(t, err)
		return p
	}
	deny := b.ruleOn("deny", "enforce", "grp_none", "guard-nano", "infer")
	b.exec("UPDATE acl_rule_principals SET kind = 'key', ref = ? WHERE rule_id = ?", k.ID, deny)
	require.NoError(t, b.guard.Reload(context.Background()))
	require.NoError(t, b.enters(by(freeSecret), access.Infer, "guard-nano"))
	for range 3 {
		requireCode(t, fault.Forbidden, b.enters(by(secret), access.Infer, "guard-nano"))
		k, secret = b.renew(rita, k.ID, KeyRotation{Overlap: span(0)})
	}
	requireCode(t, fault.Forbidden, b.enters(by(secret), access.Infer, "guard-nano"))

	allow := b.ruleOn("allow", "enforce", "grp_none", "guard-nano", "view")
	b.exec("UPDATE acl_rule_principals SET kind = 'key', ref = ? WHERE rule_id = ?", free.ID, allow)
	require.NoError(t, b.guard.Reload(context.Background()))
	requireCode(t, fault.Forbidden, b.enters(by(freeSecret), access.Infer, "guard-nano"))
	_, freeSecret = b.renew(rita, free.ID, KeyRotation{})
	requireCode(t, fault.Forbidden, b.enters(by(freeSecret), access.Infer, "guard-nano"))

	p, err := b.guard.PrincipalOf(context.Background(), "key:"+free.ID)
	require.NoError(t, err)
	require.Equal(t, free.ID, p.KeyID, "the one that is named, as long as it is good")
	require.Equal(t, free.ID, p.KeyLine)
	require.Empty(t, p.Barred)
	b.exec("UPDATE api_keys SET revoked_at = 1 WHERE id = ?", free.ID)
	p, err = b.guard.PrincipalOf(context.Background(), "key:"+free.ID)
	require.NoError(t, err)
	require.NotEqual(t, free.ID, p.KeyID, "whoever comes with it now comes with the last one")
	require.Equal(t, free.ID, p.KeyLine)
	require.Empty(t, p.Barred)
}

// threat Z5, threat Z3: who gets the secret of a rotation is who could have made the key.
func TestWhoMayRotateAKey(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	b.role("keeper", "key.own", "key.manage", "session.own", "model.view", "moderation.run")
	b.user("kim", "keeper")
	b.user("rita", "reviewer")
	robot, boss := b.service("robot", "keeper"), b.service("boss", "admin")
	kim := b.as("kim")
	mine, _ := b.key(kim, NewKey{})
	ritas, ritasSecret := b.key(b.as("rita"), NewKey{})
	others, _ := b.key(b.as("rita"), NewKey{})
	robots, _ := b.key(admin, NewKey{UserID: robot.ID})
	bosses, _ := b.key(admin, NewKey{UserID: boss.ID})
	key, err := b.Authenticate(context.Background(), Credential{Bearer: ritasSecret}, origin())
	require.NoError(t, err)
	unconfirmed := admin
	unconfirmed.Unconfirmed = true
	for name, c := range map[string]struct {
		by   access.Principal
		id   string
		code fault.Code
	}{
		"own": {kim, mine.ID, ""}, "service account's": {kim, robots.ID, ""}, "stronger service account's": {kim, bosses.ID, fault.Forbidden},
		"another person's with key.manage": {admin, ritas.ID, fault.Forbidden}, "another's without it": {b.as("rita"), robots.ID, fault.NotFound},
		"by the key itself": {key, ritas.ID, fault.Forbidden}, "by nobody": {access.Anonymous(origin()), ritas.ID, fault.Forbidden},
		"unknown": {kim, "key_0000000000", fault.NotFound}, "SQL": {kim, "' OR 1=1--", fault.NotFound},
		"an administrator's, unconfirmed": {unconfirmed, bosses.ID, fault.ConfirmationRequired},
		"command line":                    {access.System("root"), others.ID, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := b.count("SELECT count(*) FROM api_keys")
			r := b.oneRow(func() {
				_, secret, err := b.RotateKey(context.Background(), c.by, c.id, KeyRotation{}, nil)
				requireCode(t, c.code, err)
				require.Equal(t, c.code == "", secret != "")
			})
			require.Equal(t, c.code == "", r.Decision == "allow")
			if c.code != "" {
				require.Equal(t, before, b.count("SELECT count(*) FROM api_keys"))
			}
		})
	}
}

func TestRotationsThatAreRefused(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	rita := b.as("rita")
	until := b.clock.Now().Add(time.Hour)
	revoked, _ := b.key(rita, NewKey{})
	require.NoError(t, b.RevokeKey(context.Background(), rita, revoked.ID))
	ended, _ := b.key(rita, NewKey{ValidUntil: &until})
	rotated, _ := b.key(rita, NewKey{})
	taken, _ := b.renew(rita, rotated.ID, KeyRotation{})
	off, _ := b.key(rita, NewKey{})
	b.exec("UPDATE api_keys SET suspended_at = 1 WHERE id = ?", off.ID)
	good, _ := b.key(rita, NewKey{})
	b.clock.Advance(time.Hour)
	past := b.clock.Now()
	for name, c := range map[string]struct {
		id   string
		r    KeyRotation
		code fault.Code
	}{
		"revoked": {revoked.ID, KeyRotation{}, fault.Conflict}, "ended": {ended.ID, KeyRotation{}, fault.Conflict}, "rotated": {rotated.ID, KeyRotation{}, fault.Conflict},
		"switched off": {off.ID, KeyRotation{}, fault.Conflict}, "too long": {good.ID, KeyRotation{Overlap: span(maxOverlap + 1)}, fault.Invalid},
		"negative": {good.ID, KeyRotation{Overlap: span(-1)}, fault.Invalid}, "past end": {good.ID, KeyRotation{ValidUntil: &past}, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, secret, err := b.RotateKey(context.Background(), rita, c.id, c.r, nil)
			requireCode(t, c.code, err)
			require.Empty(t, secret)
			require.NotContains(t, fault.From(err).Message, "gh_")
			if name == "rotated" {
				require.Contains(t, fault.From(err).Message, taken.ID)
			}
		})
	}
	b.exec("UPDATE users SET status = 'disabled' WHERE id = ?", rita.UserID)
	_, _, err := b.RotateKey(context.Background(), access.System("root"), good.ID, KeyRotation{}, nil)
	requireCode(t, fault.Unprocessable, err)
}

// threat K3: a repeat names what the first made and tells no secret. Of many at once, one makes a key.
func TestRotationsAtOnce(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	rita := b.as("rita")
	k, _ := b.key(rita, NewKey{})
	idem := &Idempotency{Key: "once", Route: "POST /rotate", Body: []byte("{}")}
	made, _, err := b.RotateKey(context.Background(), rita, k.ID, KeyRotation{}, idem)
	require.NoError(t, err)
	_, secret, err := b.RotateKey(context.Background(), rita, k.ID, KeyRotation{}, idem)
	requireCode(t, fault.Conflict, err)
	require.Contains(t, fault.From(err).Message, made.ID)
	require.Empty(t, secret)

	var wait sync.WaitGroup
	secrets := make([]string, 8)
	for i := range secrets {
		wait.Go(func() { _, secrets[i], _ = b.RotateKey(context.Background(), rita, made.ID, KeyRotation{}, nil) })
	}
	wait.Wait()
	n := 0
	for _, s := range secrets {
		if s != "" {
			n++
		}
	}
	require.Equal(t, 1, n)
	require.Equal(t, 3, b.count("SELECT count(*) FROM api_keys"))
}

func TestAllKeysOfAUserAreRevoked(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	olaf := b.user("olaf", "reviewer")
	b.user("rita", "reviewer")
	rita := b.as("rita")
	for range 3 {
		b.key(rita, NewKey{})
	}
	_, secret := b.key(rita, NewKey{})
	kept, keptSecret := b.key(b.as("olaf"), NewKey{})
	for _, id := range []string{olaf.ID, "usr_x", "' OR 1=1--"} {
		_, err := b.RevokeKeysOf(context.Background(), rita, id)
		requireCode(t, fault.Forbidden, err)
	}
	_, err := b.RevokeKeysOf(context.Background(), admin, "usr_x")
	requireCode(t, fault.NotFound, err)
	r := b.oneRow(func() {
		n, err := b.RevokeKeysOf(context.Background(), rita, rita.UserID)
		require.NoError(t, err)
		require.Equal(t, 4, n)
	})
	require.Equal(t, row{"user", "key.own", "allow", "", "user:" + rita.UserID}, r)
	require.Equal(t, map[string]any{"change": "revoke_all", "owner": "user:" + rita.UserID, "keys": float64(4)}, b.details())
	requireRefused(t, b, Credential{Bearer: secret})
	_, err = b.Authenticate(context.Background(), Credential{Bearer: keptSecret}, origin())
	require.NoError(t, err)
	n, err := b.RevokeKeysOf(context.Background(), admin, olaf.ID)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	requireRefused(t, b, Credential{Bearer: keptSecret})
	require.Equal(t, 1, b.count("SELECT count(*) FROM api_keys WHERE id = ? AND revoked_at IS NOT NULL", kept.ID))
}
