package access_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// matrixText is the table "Roles as shipped" of the contract, copied by hand with one action a line. Nothing of it comes
// from the code or the migration. The last column says what is left to a key that is narrowed to models or operations.
const matrixText = `
action               admin reviewer radiologist nurse guest | narrowed key
example.read         x     x        x           x     x     | x
model.view           x     x        x           x     -     | x
moderation.run       x     x        -           -     -     | x
moderation.read      x     x        -           -     -     | x
moderation.read_all  x     -        -           -     -     | -
analysis.view        x     -        x           x     -     | x
analysis.run         x     -        x           -     -     | x
analysis.report      x     -        x           -     -     | x
image.generate       x     x        -           -     -     | x
chat.run             x     x        -           -     -     | x
key.own              x     x        x           x     -     | -
session.own          x     x        x           x     x     | -
user.manage          x     -        -           -     -     | -
key.manage           x     -        -           -     -     | -
model.manage         x     -        -           -     -     | -
acl.manage           x     -        -           -     -     | -
settings.manage      x     -        -           -     -     | -
audit.read           x     -        -           -     -     | -
audit.export         x     -        -           -     -     | -
metrics.read         x     -        -           -     -     | -
`

// matrix answers role -> action -> allowed, and which actions are open to a narrowed key.
func matrix(t testing.TB) (roles []string, may map[string]map[access.Action]bool, narrowed map[access.Action]bool) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(matrixText), "\n")
	head, _, _ := strings.Cut(lines[0], "|")
	roles = strings.Fields(head)[1:]
	may, narrowed = map[string]map[access.Action]bool{}, map[access.Action]bool{}
	for _, r := range roles {
		may[r] = map[access.Action]bool{}
	}
	for _, line := range lines[1:] {
		left, right, ok := strings.Cut(line, "|")
		cells := strings.Fields(left)
		require.True(t, ok && len(cells) == len(roles)+1, line)
		for i, r := range roles {
			may[r][access.Action(cells[0])] = cells[i+1] == "x"
		}
		narrowed[access.Action(cells[0])] = strings.TrimSpace(right) == "x"
	}
	return roles, may, narrowed
}

func TestMatrixForUsersAndKeys(t *testing.T) {
	g := newGate(t, "")
	roles, may, narrowed := matrix(t)
	require.Len(t, narrowed, 20)
	require.Len(t, access.AllActions(), 20, "a new action needs its line in the table")
	key := func(role string, change func(*access.Principal)) access.Principal {
		p := user(role)
		p.Kind, p.KeyID, p.SessionID = access.KindKey, "key_1", ""
		change(&p)
		return p
	}
	for _, role := range roles {
		who := map[string]access.Principal{
			"user":                  user(role),
			"whole key":             key(role, func(*access.Principal) {}),
			"key for a model":       key(role, func(p *access.Principal) { p.KeyModels = []string{"guard-nano"} }),
			"key for every model":   key(role, func(p *access.Principal) { p.KeyModels = []string{"*"} }),
			"key for an operation":  key(role, func(p *access.Principal) { p.KeyOperations = []string{"infer"} }),
			"key for every one":     key(role, func(p *access.Principal) { p.KeyOperations = []string{"*"} }),
			"key for both":          key(role, func(p *access.Principal) { p.KeyModels, p.KeyOperations = []string{"m"}, []string{"view"} }),
			"key without an id":     key(role, func(p *access.Principal) { p.KeyID = "" }),
			"anonymous with a role": key(role, func(p *access.Principal) { p.Kind = access.KindAnonymous }),
		}
		for name, p := range who {
			var listed []access.Action
			for action, open := range narrowed {
				want := may[role][action]
				switch {
				case name == "key without an id" || name == "anonymous with a role":
					want = false
				case name != "user" && name != "whole key":
					want = want && open
				}
				require.Equal(t, want, g.guard.Can(p, action), "%s of %s: %s", name, role, action)
				require.Equal(t, want, g.guard.Decide(p, access.Op{Action: action}).Allowed, "%s of %s: %s", name, role, action)
				if want {
					listed = append(listed, action)
				}
			}
			require.ElementsMatch(t, listed, g.guard.Actions(p), "%s of %s", name, role)
		}
	}
}

func TestMatrixIsWhatTheRolesAnswer(t *testing.T) {
	g := newGate(t, "")
	names, may, _ := matrix(t)
	roles, err := g.guard.Roles(t.Context(), access.System("root"))
	require.NoError(t, err)
	var listed []string
	floor := []access.Action{access.SessionOwn, access.UserManage, access.KeyManage, access.ACLManage, access.SettingsManage, access.AuditRead}
	for _, r := range roles {
		listed = append(listed, r.Name)
		require.True(t, r.Builtin)
		require.EqualValues(t, 1, r.Version)
		require.Zero(t, r.Users)
		require.Len(t, r.Cells, 20)
		for _, c := range r.Cells {
			require.Equal(t, may[r.Name][c.Action], c.Allowed, "%s %s", r.Name, c.Action)
			require.Equal(t, may[r.Name][c.Action], r.Holds(c.Action), "%s %s", r.Name, c.Action)
			keeps := r.Name == "admin" && slices.Contains(floor, c.Action)
			require.Equal(t, access.Cell{Action: c.Action, Allowed: c.Allowed, Keeps: keeps, Source: "shipped"}, c, "nobody changed it")
		}
		require.Equal(t, r.Actions, access.ShippedActions(r.Name), "the code and the migration are one table")
		one, err := g.guard.Role(t.Context(), access.System("root"), r.Name)
		require.NoError(t, err)
		require.Equal(t, r, one)
	}
	require.ElementsMatch(t, names, listed)
	require.True(t, slices.IsSorted(listed))
	require.Nil(t, access.ShippedActions("auditor"))
	require.Empty(t, g.events(t), "reading leaves no row")
}

func TestWhoMayReadTheMatrix(t *testing.T) {
	g := newGate(t, "")
	roles, may, _ := matrix(t)
	rows := 0
	for _, role := range roles {
		_, all := g.guard.Roles(t.Context(), user(role))
		_, one := g.guard.Role(t.Context(), user(role), "nurse")
		if may[role][access.UserManage] {
			require.NoError(t, all)
			require.NoError(t, one)
			continue
		}
		require.Equal(t, fault.Forbidden, fault.CodeOf(all))
		require.Equal(t, fault.Forbidden, fault.CodeOf(one))
		rows += 2
	}
	events := g.events(t)
	require.Len(t, events, rows)
	for _, e := range events {
		require.Equal(t, "deny", e.Decision)
		require.Equal(t, "user.manage", e.Action)
	}
	for _, name := range []string{"nobody", "", "Nurse", "nurse ", "'; DROP TABLE roles; --", strings.Repeat("x", 65)} {
		_, err := g.guard.Role(t.Context(), access.System("root"), name)
		require.Equal(t, fault.NotFound, fault.CodeOf(err), name)
	}
}
