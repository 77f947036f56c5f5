package access_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
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
		_, err := g.guard.AllowModel(tx, "m", []string{"role:named"}, "admin")
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
			for _, a := range r.Actions {
				require.True(t, may["admin"][a])
				require.Contains(t, wish, a)
			}
		case fault.Invalid, fault.Unprocessable, fault.Conflict:
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
