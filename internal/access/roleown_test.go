package access_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
)

// threat Z4
func TestNobodyEditsARoleBeyondHisOwn(t *testing.T) {
	g := newGate(t, "")
	for role, list := range map[string][]access.Action{
		"helpdesk": actions(access.UserManage, access.SessionOwn, access.ExampleRead), "auditor": actions(access.AuditRead), "lean": actions(access.SessionOwn),
	} {
		_, _, err := g.guard.PutRole(t.Context(), root, role, access.RoleChange{Actions: list})
		require.NoError(t, err)
	}
	hugo := g.person(t, "hugo", "helpdesk")
	narrowed := hugo
	narrowed.Kind, narrowed.KeyID, narrowed.SessionID, narrowed.KeyModels = access.KindKey, "key_1", "", []string{"guard-nano"}
	version := g.guard.PolicyVersion()
	n := len(g.events(t))
	refuse := func(what string, err error, code fault.Code) {
		t.Helper()
		require.Equal(t, code, fault.CodeOf(err), "%s: %v", what, err)
		n++
		row := g.last(t, n)
		require.Equal(t, audit.Deny, row.Decision, what)
		require.Equal(t, version, g.guard.PolicyVersion(), what)
	}
	put := func(p access.Principal, role string, list ...access.Action) error {
		_, _, err := g.guard.PutRole(t.Context(), p, role, access.RoleChange{Actions: actions(list...)})
		return err
	}
	refuse("his own role more", put(hugo, "helpdesk", access.UserManage, access.SessionOwn, access.ExampleRead, access.AuditRead), fault.Forbidden)
	refuse("his own role everything", put(hugo, "helpdesk", access.AllActions()...), fault.Forbidden)
	refuse("a lesser role beyond him", put(hugo, "lean", access.KeyOwn), fault.Forbidden)
	refuse("a new role beyond him", put(hugo, "mighty", access.AuditRead), fault.Forbidden)
	refuse("a greater role less", put(hugo, "auditor"), fault.Forbidden)
	refuse("the admins' role less", put(hugo, "admin", access.UserManage), fault.Forbidden)
	refuse("to delete a greater role", g.guard.DeleteRole(t.Context(), hugo, "auditor", nil), fault.Forbidden)
	_, _, err := g.guard.PutRole(t.Context(), hugo, "auditor", access.RoleChange{Description: ptr("mine now")})
	refuse("to describe a greater role", err, fault.Forbidden)
	refuse("by a narrowed key", put(narrowed, "lean"), fault.Forbidden)
	_, _, err = g.guard.PutRole(t.Context(), user("reviewer"), "lean", access.RoleChange{})
	refuse("by a reviewer", err, fault.Forbidden)

	require.NoError(t, put(hugo, "lean", access.SessionOwn, access.ExampleRead), "within his own")
	require.NoError(t, put(hugo, "porter", access.ExampleRead))
	require.NoError(t, g.guard.DeleteRole(t.Context(), hugo, "porter", nil))
	n += 3
	version = g.guard.PolicyVersion()

	// What he was when he entered does not count: his rights are asked for again in the transaction.
	before := hugo
	for what, c := range map[string]struct {
		change, undo string
		code         fault.Code
	}{
		"demoted":       {"UPDATE users SET role = 'guest' WHERE id = 'usr_hugo'", "UPDATE users SET role = 'helpdesk' WHERE id = 'usr_hugo'", fault.Forbidden},
		"disabled":      {"UPDATE users SET status = 'disabled' WHERE id = 'usr_hugo'", "UPDATE users SET status = 'active' WHERE id = 'usr_hugo'", fault.Unauthenticated},
		"a new epoch":   {"UPDATE users SET epoch = 2 WHERE id = 'usr_hugo'", "UPDATE users SET epoch = 1 WHERE id = 'usr_hugo'", fault.Unauthenticated},
		"signed out":    {"UPDATE sessions SET revoked_at = 1 WHERE id = 'ses_hugo'", "UPDATE sessions SET revoked_at = NULL WHERE id = 'ses_hugo'", fault.Unauthenticated},
		"session ended": {"UPDATE sessions SET expires_at = 1 WHERE id = 'ses_hugo'", "UPDATE sessions SET expires_at = 4000000000000 WHERE id = 'ses_hugo'", fault.Unauthenticated},
	} {
		g.exec(t, c.change)
		refuse(what, put(before, "lean"), c.code)
		g.exec(t, c.undo)
	}
	require.NoError(t, put(before, "lean"))
	g.verify(t)
}

func TestAKeyActsAsLongAsItLives(t *testing.T) {
	g := newGate(t, "")
	alice := g.person(t, "alice", "admin")
	g.exec(t, `INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, created_by, created_at) VALUES ('key_1', 'usr_alice', 'x', 'x', 'x', 'x', 0)`)
	alice.Kind, alice.KeyID, alice.SessionID = access.KindKey, "key_1", ""
	put := func() fault.Code {
		_, _, err := g.guard.PutRole(t.Context(), alice, "fresh", access.RoleChange{})
		return fault.CodeOf(err)
	}
	require.Empty(t, put())
	for _, column := range []string{"revoked_at", "suspended_at", "valid_until"} {
		g.exec(t, "UPDATE api_keys SET "+column+" = 1")
		require.Equal(t, fault.Unauthenticated, put(), column)
		g.exec(t, "UPDATE api_keys SET "+column+" = NULL")
	}
	require.Empty(t, put())
	alice.UserID = "usr_other"
	require.Equal(t, fault.Unauthenticated, put(), "another's key")
}

func TestOneOfManyPutsWins(t *testing.T) {
	g := newGate(t, "")
	errs, made := make([]error, 16), make([]bool, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, made[i], errs[i] = g.guard.PutRole(t.Context(), root, "same", access.RoleChange{Create: true, Description: ptr(fmt.Sprint(i))})
		})
	}
	wg.Wait()
	wins := 0
	for i, err := range errs {
		if err == nil {
			require.True(t, made[i])
			wins++
			continue
		}
		require.Equal(t, fault.Conflict, fault.CodeOf(err))
	}
	require.Equal(t, 1, wins)
	for i := range errs {
		wg.Go(func() {
			_, _, errs[i] = g.guard.PutRole(t.Context(), root, "same", access.RoleChange{Version: ptr(int64(1)), Description: ptr(fmt.Sprintf("second %d", i))})
		})
	}
	wg.Wait()
	wins = 0
	for _, err := range errs {
		if err == nil {
			wins++
			continue
		}
		require.Equal(t, fault.Stale, fault.CodeOf(err))
	}
	require.Equal(t, 1, wins, "all others saw another state")
	require.Len(t, g.events(t), 32)
	g.verify(t)
}
