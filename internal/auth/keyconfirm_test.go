package auth

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// threat S3, threat Z4
func TestWhoMayConfirmAKey(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	b.role("keymaster", "key.manage", "key.own", "session.own", "example.read", "model.view", "analysis.view")
	b.user("kim", "keymaster")
	b.user("rita", "reviewer")
	b.user("olga", "nurse")
	mine, _ := b.key(admin, NewKey{})
	ritas, _ := b.key(b.as("rita"), NewKey{})
	olgas, olgasSecret := b.key(b.as("olga"), NewKey{})
	byOther, otherSecret := b.key(admin, NewKey{})
	require.NoError(t, b.db.Write(func(tx *dbTx) error { return EndAll(tx, tx.Now()) }))
	_, err := b.ConfirmKey(context.Background(), access.System("root"), byOther.ID)
	require.NoError(t, err)
	adminKey, err := b.Authenticate(context.Background(), Credential{Bearer: otherSecret}, origin())
	require.NoError(t, err)

	kim, rita := b.as("kim"), b.as("rita")
	for name, c := range map[string]struct {
		p    access.Principal
		id   string
		code fault.Code
	}{
		"its owner": {rita, ritas.ID, fault.Forbidden}, "beyond his own": {kim, ritas.ID, fault.Forbidden},
		"an admin's": {kim, mine.ID, fault.Forbidden}, "a key": {adminKey, mine.ID, fault.Forbidden},
		"nobody": {access.Anonymous(origin()), mine.ID, fault.Forbidden}, "unknown": {kim, "key_x", fault.NotFound},
		"SQL": {kim, "' OR 1=1--", fault.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			r := b.oneRow(func() {
				_, err := b.ConfirmKey(context.Background(), c.p, c.id)
				requireCode(t, c.code, err)
			})
			require.NotEqual(t, "allow", r.Decision)
		})
	}
	require.Equal(t, 3, b.count("SELECT count(*) FROM api_keys WHERE suspended_at IS NOT NULL"))
	requireRefused(t, b, Credential{Bearer: olgasSecret})
	r := b.oneRow(func() {
		k, err := b.ConfirmKey(context.Background(), kim, olgas.ID)
		require.NoError(t, err)
		require.Equal(t, "olga", k.Username)
		require.Nil(t, k.SuspendedAt)
	})
	require.Equal(t, row{"user", "key.manage", "allow", "", "key:" + olgas.ID}, r)
	_, err = b.Authenticate(context.Background(), Credential{Bearer: olgasSecret}, origin())
	require.NoError(t, err)
	_, err = b.ConfirmKey(context.Background(), kim, olgas.ID)
	require.NoError(t, err, "again")
}
