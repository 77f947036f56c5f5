package access_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// What somebody saw of a role that is gone is no version of the one that bears its name now: neither a change nor a
// deletion made from it goes through.
//
// threat Z7
func TestAVersionOfADeletedRoleIsGone(t *testing.T) {
	g := newGate(t, "")
	seen := map[int64]bool{}
	for range 4 {
		r, created, err := g.guard.PutRole(t.Context(), root, "auditor", access.RoleChange{Actions: actions(access.AuditRead)})
		require.NoError(t, err)
		require.True(t, created)
		for version := range seen {
			_, _, err = g.guard.PutRole(t.Context(), root, "auditor", access.RoleChange{Actions: actions(), Version: &version})
			require.Equal(t, fault.Stale, fault.CodeOf(err), "version %d, now %d", version, r.Version)
			require.Equal(t, fault.Stale, fault.CodeOf(g.guard.DeleteRole(t.Context(), root, "auditor", &version)))
		}
		seen[r.Version] = true
		for _, words := range []string{"a", "b", "c"} {
			r, _, err = g.guard.PutRole(t.Context(), root, "auditor", access.RoleChange{Description: &words, Version: &r.Version})
			require.NoError(t, err)
			require.False(t, seen[r.Version])
			seen[r.Version] = true
		}
		require.NoError(t, g.guard.DeleteRole(t.Context(), root, "auditor", &r.Version))
	}
}
