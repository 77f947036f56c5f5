package auth

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// threat Z3
func TestRevokeKeyOfOthers(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	b.user("rita", "reviewer")
	b.user("olaf", "reviewer")
	rita, olaf := b.as("rita"), b.as("olaf")
	k, secret := b.key(rita, NewKey{})
	var messages []string
	for _, id := range []string{k.ID, "key_0000000000", "", "' OR 1=1--", strings.Repeat("k", 1<<16)} {
		r := b.oneRow(func() {
			err := b.RevokeKey(context.Background(), olaf, id)
			requireCode(t, fault.NotFound, err)
			messages = append(messages, fault.From(err).Message)
		})
		require.Equal(t, "error", r.Decision)
	}
	for _, m := range messages {
		require.Equal(t, messages[0], m, "a foreign key is an unknown one")
	}
	_, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
	require.NoError(t, err)
	requireCode(t, fault.NotFound, b.RevokeKey(context.Background(), admin, "key_0000000000"))
	r := b.oneRow(func() { require.NoError(t, b.RevokeKey(context.Background(), admin, k.ID)) })
	require.Equal(t, "key.manage", r.Action)
	require.Equal(t, map[string]any{"change": "revoke", "owner": "user:" + rita.UserID}, b.details(), "whose key it was stands in the row")
	require.Empty(t, b.RevokedShown())
	requireRefused(t, b, Credential{Bearer: secret[:len(secret)-1] + "!"})
	require.Empty(t, b.RevokedShown(), "a guess shows nothing")
	requireRefused(t, b, Credential{Bearer: secret})
	require.Equal(t, []string{k.ID}, b.RevokedShown(), "somebody has a copy of it")

	k, secret = b.key(rita, NewKey{})
	cli := newBenchIn(t, b.dir, b.clock, Options{})
	require.NoError(t, cli.RevokeKey(context.Background(), access.System("root"), k.ID))
	requireRefused(t, b, Credential{Bearer: secret})
}

func TestListKeysPagesAndScopes(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	b.user("rita", "reviewer")
	b.user("olaf", "reviewer")
	b.user("guido", "guest")
	rita, olaf := b.as("rita"), b.as("olaf")
	var want []string
	for i := range 7 {
		if i != 3 {
			b.clock.Advance(time.Millisecond) // two of one moment: the id decides
		}
		k, _ := b.key(rita, NewKey{})
		want = append(want, k.ID)
	}
	b.key(olaf, NewKey{})

	walk := func(p access.Principal, limit int) []string {
		var ids []string
		for cursor := ""; ; {
			var page KeyPage
			rows := b.rowsOf(func() {
				var err error
				page, err = b.ListKeys(context.Background(), p, limit, cursor)
				require.NoError(t, err)
			})
			require.Empty(t, rows, "plain lists leave no row")
			require.LessOrEqual(t, len(page.Items), limit)
			for _, k := range page.Items {
				ids = append(ids, k.ID)
			}
			if cursor = page.NextCursor; cursor == "" {
				return ids
			}
		}
	}
	for _, limit := range []int{1, 2, 3, 7, 500} {
		require.ElementsMatch(t, want, walk(rita, limit))
		require.Len(t, walk(admin, limit), 8)
		require.Len(t, walk(access.System("root"), limit), 8)
	}
	require.Len(t, walk(olaf, 10), 1)

	page, err := b.ListKeys(context.Background(), rita, 2, "")
	require.NoError(t, err)
	for name, cursor := range map[string]string{
		"junk": "x", "cut": page.NextCursor[:10], "changed": flip(page.NextCursor[0]) + page.NextCursor[1:], "huge": strings.Repeat("A", 1<<16), "SQL": "' OR 1=1--",
	} {
		_, err := b.ListKeys(context.Background(), rita, 2, cursor)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
	}
	_, err = b.ListKeys(context.Background(), olaf, 2, page.NextCursor)
	requireCode(t, fault.Invalid, err)
	_, err = b.ListUsers(context.Background(), admin, UserFilter{}, 2, page.NextCursor)
	requireCode(t, fault.Invalid, err)
	for _, limit := range []int{-1, 501} {
		_, err = b.ListKeys(context.Background(), rita, limit, "")
		requireCode(t, fault.Invalid, err)
	}
	r := b.oneRow(func() {
		_, err := b.ListKeys(context.Background(), b.principalOf("guido"), 0, "")
		requireCode(t, fault.Forbidden, err)
	})
	require.Equal(t, "deny", r.Decision)
}

// principalOf answers name's principal without a sign-in, which would leave a row.
func (b *bench) principalOf(name string) access.Principal {
	u, err := b.UserByName(context.Background(), name)
	require.NoError(b.t, err)
	return access.Principal{Kind: access.KindUser, UserID: u.ID, Name: u.Username, Role: u.Role, Origin: origin()}
}

func TestAKeyOfAServiceAccountActsWithItsRole(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	robot := b.service("mobile-bank", "reviewer")
	_, secret := b.key(admin, NewKey{UserID: robot.ID})
	p, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
	require.NoError(t, err)
	require.Equal(t, "reviewer", p.Role)
	require.Equal(t, "mobile-bank", p.Name)
	me, err := b.Me(context.Background(), p)
	require.NoError(t, err)
	require.Equal(t, KindService, me.Kind)
}
