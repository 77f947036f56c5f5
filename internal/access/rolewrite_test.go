package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// person makes an active person with that role in the database and answers him signed in.
func (g gate) person(t testing.TB, name, role string) access.Principal {
	t.Helper()
	g.exec(t, `INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at)
		VALUES (?1, 'person', ?2, ?2, ?3, 'active', 0, 0)`, "usr_"+name, name, role)
	g.exec(t, `INSERT INTO sessions (id, user_id, kind, token_hash, epoch, ip, last_ip, user_agent, created_at, last_used_at, expires_at)
		VALUES (?1, ?2, 'browser', ?1, 1, '', '', '', 0, 0, ?3)`, "ses_"+name, "usr_"+name, time.Now().Add(time.Hour).UnixMilli())
	p := user(role)
	p.UserID, p.Name, p.SessionID = "usr_"+name, name, "ses_"+name
	return p
}

func (g gate) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	require.NoError(t, g.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	}))
}

// last answers the newest row, after asserting that there are n.
func (g gate) last(t testing.TB, n int) audit.Event {
	t.Helper()
	rows := g.events(t)
	require.Len(t, rows, n)
	return rows[n-1]
}

func actions(list ...access.Action) []access.Action { return append([]access.Action{}, list...) }

func ptr[T any](v T) *T { return &v }

var root = access.System("root") //nolint:gochecknoglobals // a constant in all but type

func TestARoleIsMadeChangedAndDeleted(t *testing.T) {
	g := newGate(t, "")
	alice := g.person(t, "alice", "admin")
	r, created, err := g.guard.PutRole(t.Context(), alice, "auditor", access.RoleChange{
		Description: ptr("reads the log"), Actions: actions(access.SessionOwn, access.AuditRead, access.AuditRead), Create: true,
	})
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, actions(access.SessionOwn, access.AuditRead), r.Actions, "in the order of the table, once each")
	require.Equal(t, "reads the log", r.Description)
	require.EqualValues(t, 1, r.Version)
	require.False(t, r.Builtin)
	made := g.last(t, 1)
	require.Equal(t, audit.Allow, made.Decision)
	require.Equal(t, "role:auditor", made.Resource)
	require.Equal(t, map[string]any{"change": "create", "granted": []any{"session.own", "audit.read"}}, made.Details)
	for _, c := range r.Cells {
		require.Equal(t, "changed", c.Source)
		require.Equal(t, "alice", c.ChangedBy)
		require.Equal(t, made.ID, c.EventID)
		require.Equal(t, made.At, *c.ChangedAt)
	}
	require.EqualValues(t, 2, g.guard.PolicyVersion())
	require.True(t, g.guard.Can(user("auditor"), access.AuditRead), "in force at once")
	require.False(t, g.guard.Can(user("auditor"), access.AuditExport))

	r, created, err = g.guard.PutRole(t.Context(), root, "auditor", access.RoleChange{Actions: actions(access.AuditRead, access.AuditExport), Version: ptr(int64(1))})
	require.NoError(t, err)
	require.False(t, created)
	require.EqualValues(t, 2, r.Version)
	require.Equal(t, "reads the log", r.Description, "not given, so kept")
	changed := g.last(t, 2)
	require.Equal(t, map[string]any{"change": "role", "granted": []any{"audit.export"}, "revoked": []any{"session.own"}}, changed.Details)
	for _, c := range r.Cells {
		by, event := "alice", made.ID
		if c.Action == access.AuditExport || c.Action == access.SessionOwn {
			by, event = "cli:root", changed.ID
		}
		require.Equal(t, by, c.ChangedBy, c.Action)
		require.Equal(t, event, c.EventID, c.Action)
	}
	require.False(t, g.guard.Can(user("auditor"), access.SessionOwn))

	before := g.guard.PolicyVersion()
	r, _, err = g.guard.PutRole(t.Context(), alice, "auditor", access.RoleChange{Description: ptr("审计员")})
	require.NoError(t, err)
	require.EqualValues(t, 3, r.Version)
	require.Equal(t, before, g.guard.PolicyVersion(), "words change no decision")
	r, _, err = g.guard.PutRole(t.Context(), alice, "auditor", access.RoleChange{Description: ptr("审计员"), Actions: actions(access.AuditRead, access.AuditExport)})
	require.NoError(t, err)
	require.EqualValues(t, 3, r.Version, "it is that already")
	require.Equal(t, map[string]any{"change": "none"}, g.last(t, 4).Details)

	require.NoError(t, g.guard.DeleteRole(t.Context(), alice, "auditor", ptr(int64(3))))
	require.Equal(t, map[string]any{"change": "delete", "revoked": []any{"audit.read", "audit.export"}}, g.last(t, 5).Details)
	require.False(t, g.guard.Can(user("auditor"), access.AuditRead))
	_, err = g.guard.Role(t.Context(), alice, "auditor")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	require.Equal(t, fault.NotFound, fault.CodeOf(g.guard.DeleteRole(t.Context(), alice, "auditor", nil)))

	r, created, err = g.guard.PutRole(t.Context(), alice, "auditor", access.RoleChange{})
	require.NoError(t, err)
	require.True(t, created)
	require.Empty(t, r.Actions, "nothing of the one before is left")
	require.Empty(t, r.Description)
	g.verify(t)
}

func TestAShippedCellShowsItsChange(t *testing.T) {
	g := newGate(t, "")
	_, _, err := g.guard.PutRole(t.Context(), root, "nurse", access.RoleChange{Actions: actions(access.ExampleRead, access.ModelView, access.AnalysisView, access.KeyOwn)})
	require.NoError(t, err)
	_, _, err = g.guard.PutRole(t.Context(), root, "nurse", access.RoleChange{Actions: access.ShippedActions("nurse")})
	require.NoError(t, err)
	r, err := g.guard.Role(t.Context(), root, "nurse")
	require.NoError(t, err)
	back := g.last(t, 2)
	for _, c := range r.Cells {
		if c.Action != access.SessionOwn {
			require.Equal(t, "shipped", c.Source, c.Action)
			require.Nil(t, c.ChangedAt)
			continue
		}
		require.True(t, c.Allowed)
		require.Equal(t, "changed", c.Source, "somebody took it and somebody gave it back")
		require.Equal(t, back.ID, c.EventID)
	}
}

func TestWhatARoleCanNotBe(t *testing.T) {
	g := newGate(t, "")
	g.exec(t, "INSERT INTO roles (name, builtin, created_at) VALUES ('mine', 0, 0)")
	floor := "user.manage, key.manage, acl.manage, settings.manage, audit.read, session.own"
	cases := map[string]struct {
		role    string
		c       access.RoleChange
		code    fault.Code
		field   string
		message string
	}{
		"short name":         {"a", access.RoleChange{}, fault.Invalid, "role", ""},
		"long name":          {strings.Repeat("a", 65), access.RoleChange{}, fault.Invalid, "role", ""},
		"capital":            {"Admin", access.RoleChange{}, fault.Invalid, "role", ""},
		"look-alike":         {"аdmin", access.RoleChange{}, fault.Invalid, "role", ""}, // threat Z7
		"pattern":            {"role*", access.RoleChange{}, fault.Invalid, "role", ""}, // threat Z8
		"list":               {"admin,guest", access.RoleChange{}, fault.Invalid, "role", ""},
		"line break":         {"ab\n", access.RoleChange{}, fault.Invalid, "role", ""},
		"unknown action":     {"mine", access.RoleChange{Actions: actions("root")}, fault.Unprocessable, "actions", ""},
		"pattern as action":  {"mine", access.RoleChange{Actions: actions("*")}, fault.Unprocessable, "actions", ""},
		"sign-in as action":  {"mine", access.RoleChange{Actions: actions(access.AuthSetup)}, fault.Unprocessable, "actions", ""},
		"action in capitals": {"mine", access.RoleChange{Actions: actions("Audit.Read")}, fault.Unprocessable, "actions", ""},
		"long description":   {"mine", access.RoleChange{Description: ptr(strings.Repeat("x", 257))}, fault.Invalid, "description", ""},
		"line in it":         {"mine", access.RoleChange{Description: ptr("a\nb")}, fault.Invalid, "description", ""}, // threat W3
		"turned text":        {"mine", access.RoleChange{Description: ptr("a\u202eb")}, fault.Invalid, "description", ""},
		"no text":            {"mine", access.RoleChange{Description: ptr("\xff")}, fault.Invalid, "description", ""},
		"exists":             {"mine", access.RoleChange{Create: true}, fault.Conflict, "role", ""},
		"shipped, exists":    {"guest", access.RoleChange{Create: true}, fault.Conflict, "role", ""},
		"stale":              {"mine", access.RoleChange{Version: ptr(int64(2))}, fault.Stale, "", ""},
		"version of none":    {"new-one", access.RoleChange{Version: ptr(int64(1))}, fault.Stale, "", ""},
		"version 0 of none":  {"new-one", access.RoleChange{Version: ptr(int64(0))}, fault.Stale, "", ""},
		"admin with nothing": {"admin", access.RoleChange{Actions: actions()}, fault.Conflict, "actions", floor},
		"admin, one less":    {"admin", access.RoleChange{Actions: without(access.AllActions(), access.ACLManage)}, fault.Conflict, "actions", "acl.manage."},
	}
	n := 0
	for name, c := range cases {
		_, _, err := g.guard.PutRole(t.Context(), root, c.role, c.c)
		require.Equal(t, c.code, fault.CodeOf(err), "%s: %v", name, err)
		require.Equal(t, c.field, fault.From(err).Field, name)
		require.Contains(t, fault.From(err).Message, c.message, name)
		n++
		row := g.last(t, n)
		require.Equal(t, "error", row.Decision, name)
		require.Equal(t, string(c.code), row.Reason, name)
		require.LessOrEqual(t, len(row.Resource), len("role:")+64, name)
	}
	require.EqualValues(t, 1, g.guard.PolicyVersion())
	require.Equal(t, 6, g.count(t, "SELECT count(*) FROM roles"))
	require.Zero(t, g.count(t, "SELECT count(*) FROM role_changes"))
	_, _, err := g.guard.PutRole(t.Context(), root, "admin", access.RoleChange{Actions: actions(access.UserManage, access.KeyManage,
		access.ACLManage, access.SettingsManage, access.AuditRead, access.SessionOwn)})
	require.NoError(t, err, "all beyond the floor can be taken")
	g.verify(t)
}

func TestTheMatrixIsBounded(t *testing.T) {
	g := newGate(t, "")
	require.NoError(t, g.db.Write(func(tx *db.Tx) error {
		for i := range 256 - 5 - 1 {
			if _, err := tx.Exec("INSERT INTO roles (name, builtin, created_at) VALUES (?, 0, 0)", fmt.Sprintf("role-%d", i)); err != nil {
				return err
			}
		}
		return nil
	}))
	_, _, err := g.guard.PutRole(t.Context(), root, "last", access.RoleChange{})
	require.NoError(t, err)
	_, _, err = g.guard.PutRole(t.Context(), root, "one-too-many", access.RoleChange{})
	require.Equal(t, fault.Unprocessable, fault.CodeOf(err))
	_, _, err = g.guard.PutRole(t.Context(), root, "last", access.RoleChange{Description: ptr("still changes")})
	require.NoError(t, err)
	require.NoError(t, g.guard.DeleteRole(t.Context(), root, "role-0", nil))
	_, _, err = g.guard.PutRole(t.Context(), root, "one-too-many", access.RoleChange{})
	require.NoError(t, err)
}

func without(list []access.Action, a access.Action) []access.Action {
	return slices.DeleteFunc(slices.Clone(list), func(b access.Action) bool { return a == b })
}

func TestWhichRolesStay(t *testing.T) {
	g := newGate(t, "")
	for _, role := range []string{"held", "named", "left"} {
		_, _, err := g.guard.PutRole(t.Context(), root, role, access.RoleChange{Actions: actions(access.SessionOwn)})
		require.NoError(t, err)
	}
	g.person(t, "hans", "held")
	g.exec(t, "UPDATE users SET status = 'disabled' WHERE id = 'usr_hans'")
	g.person(t, "lea", "left")
	g.exec(t, "UPDATE users SET status = 'deleted' WHERE id = 'usr_lea'")
	require.NoError(t, g.db.Write(func(tx *db.Tx) error {
		_, err := g.guard.AllowModel(tx, audit.Event{}, "m", []string{"role:named"}, "admin")
		return err
	}))
	for role, code := range map[string]fault.Code{
		"admin": fault.Conflict, "guest": fault.Conflict, "held": fault.Conflict, "named": fault.Conflict, "no-such": fault.NotFound, "../x": fault.NotFound, "": fault.NotFound,
	} {
		require.Equal(t, code, fault.CodeOf(g.guard.DeleteRole(t.Context(), root, role, nil)), role)
	}
	require.Equal(t, fault.Stale, fault.CodeOf(g.guard.DeleteRole(t.Context(), root, "left", ptr(int64(9)))))
	require.NoError(t, g.guard.DeleteRole(t.Context(), root, "left", ptr(int64(1))), "a deleted user holds no role back")
	require.Equal(t, 1, g.count(t, "SELECT count(*) FROM users WHERE id = 'usr_lea' AND role = 'guest'"))
	rows := g.events(t)
	require.Len(t, rows, 3+7+2)
	g.verify(t)
}
