package access_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

func FuzzPutRole(f *testing.F) {
	for _, s := range [][2]string{
		{"auditor", "audit.read audit.export"},
		{"a", ""},
		{"Admin", "user.manage"},
		{"admin", ""},
		{"role*", "*"},
		{"x\x00y", "audit.read\x00"},
		{"-_-", "session.own session.own"},
		{"аdmin", "auth.setup"},
		{"'; DROP TABLE roles; --", "%"},
		{strings.Repeat("a", 65), "example.read"},
	} {
		f.Add(s[0], s[1], "text")
	}
	g := newGate(f, "")
	_, may, _ := matrix(f)
	made := ""
	f.Fuzz(func(t *testing.T, name, list, description string) {
		var wish []access.Action
		for _, a := range strings.Split(list, " ") {
			wish = append(wish, access.Action(a))
		}
		r, _, err := g.guard.PutRole(t.Context(), root, name, access.RoleChange{Actions: wish, Description: &description})
		switch fault.CodeOf(err) {
		case "":
			require.True(t, access.ValidRoleName(name) && len(name) >= 2 && len(name) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == "")
			require.Equal(t, description, r.Description)
			if !r.Builtin {
				made = name
			}
			for _, a := range r.Actions {
				require.True(t, may["admin"][a])
				require.Contains(t, wish, a)
			}
		case fault.Invalid, fault.Unprocessable, fault.Conflict:
			if strings.Contains(fault.From(err).Message, "roles already") {
				require.NoError(t, g.guard.DeleteRole(t.Context(), root, made, nil))
			}
		default:
			t.Fatal(err)
		}
		admin, err := g.guard.Role(t.Context(), root, "admin")
		require.NoError(t, err)
		for _, a := range actions(access.UserManage, access.KeyManage, access.ACLManage, access.SettingsManage, access.AuditRead, access.SessionOwn) {
			require.True(t, admin.Holds(a), a)
		}
	})
}
