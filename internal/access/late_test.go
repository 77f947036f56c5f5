package access_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// A change that is stored and cannot be read anew is said to be so, with its one row, and is in force once it can be read.
func TestAChangeThatIsNotInForceYet(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	broken := "ALTER TABLE group_members RENAME TO gone"
	pass, err := g.guard.Enter(t.Context(), admin, access.Op{Action: access.ACLManage})
	require.NoError(t, err)
	_, err = g.guard.PutPolicy(t.Context(), pass, 0, func(*db.Tx, access.Policy) (access.PolicyWrite, error) {
		return access.PolicyWrite{Also: func(tx *db.Tx, _ audit.Event, _ int64) error {
			_, err := tx.Exec(broken)
			return err
		}}, nil
	})
	pass.Close(&err)
	require.Equal(t, fault.NotInForce, fault.CodeOf(err))
	require.True(t, g.guard.Decide(user("reviewer"), inferNano).Allowed, "the old policy still decides")
	require.Equal(t, audit.Allow, g.only(t).Decision)
	require.Zero(t, g.count(t, "SELECT count(*) FROM acl_rules"), "it is stored")

	g.exec(t, "ALTER TABLE gone RENAME TO group_members")
	require.NoError(t, g.guard.Reload(t.Context()))
	require.False(t, g.guard.Decide(user("reviewer"), inferNano).Allowed)
	g.verify(t)
}
