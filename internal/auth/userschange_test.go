package auth

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

const otherPassword = "another horse battery staple"

func ptr[T any](v T) *T { return &v }

// details answers those of the newest audit row.
func (b *bench) details() map[string]any {
	b.t.Helper()
	var text string
	require.NoError(b.t, b.db.ReadSQL().QueryRowContext(context.Background(), "SELECT details FROM audit_events ORDER BY seq DESC LIMIT 1").Scan(&text))
	out := map[string]any{}
	require.NoError(b.t, json.Unmarshal([]byte(text), &out))
	return out
}

// change changes a user, demands one row, and answers it.
func (b *bench) change(p access.Principal, id string, c UserChange) (u User, r row, err error) {
	b.t.Helper()
	r = b.oneRow(func() { u, err = b.ChangeUser(context.Background(), p, id, c) })
	return u, r, err
}

func (b *bench) byKey(secret string) access.Principal {
	b.t.Helper()
	p, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
	require.NoError(b.t, err)
	return p
}

func TestChangeUserSaysWhatItChanged(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	rita := b.user("rita", "reviewer")
	policy := b.guard.PolicyVersion()
	for _, c := range []struct {
		change  UserChange
		details map[string]any
		version int64
	}{
		{UserChange{DisplayName: ptr("Rita Ω")}, map[string]any{"change": "profile"}, 2},
		{UserChange{Language: ptr("zh-CN"), Version: ptr(int64(2))}, map[string]any{"change": "profile"}, 3},
		{UserChange{DisplayName: ptr("Rita Ω")}, map[string]any{"change": "none"}, 3},
		{UserChange{}, map[string]any{"change": "none"}, 3},
		{UserChange{Role: ptr("nurse")}, map[string]any{"change": "role", "role": map[string]any{"from": "reviewer", "to": "nurse"}}, 4},
		{UserChange{Status: ptr("disabled")}, map[string]any{"change": "status", "status": map[string]any{"from": "active", "to": "disabled"}}, 5},
		{UserChange{Password: ptr(otherPassword)}, map[string]any{"change": "password"}, 6},
		{
			UserChange{Status: ptr("active"), Role: ptr("guest"), Password: ptr(adminPassword), DisplayName: ptr("")},
			map[string]any{
				"change": "role+status+password+profile", "role": map[string]any{"from": "nurse", "to": "guest"},
				"status": map[string]any{"from": "disabled", "to": "active"},
			},
			7,
		},
	} {
		b.clock.Advance(time.Second)
		u, r, err := b.change(admin, rita.ID, c.change)
		require.NoError(t, err)
		require.Equal(t, row{"user", "user.manage", "allow", "", "user:" + rita.ID}, r)
		require.Equal(t, c.details, b.details())
		require.Equal(t, c.version, u.Version)
		again, err := b.GetUser(context.Background(), admin, rita.ID)
		require.NoError(t, err)
		require.NotNil(t, again.Use)
		again.Use, again.Groups = nil, nil // of details and lists alone
		require.Equal(t, again, u)
		if c.details["change"] != "none" {
			require.Equal(t, b.clock.Now(), u.UpdatedAt)
		}
	}
	require.Equal(t, policy+2, b.guard.PolicyVersion(), "one version for each change of a role")
	require.Equal(t, 1, b.count("SELECT count(*) FROM users WHERE id = ? AND password_changed_at = updated_at", rita.ID))
	require.Zero(t, b.count("SELECT count(*) FROM audit_events WHERE details LIKE '%horse%' OR details LIKE '%argon%'"))
}

func TestChangeUserRefusals(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	rita, robot := b.user("rita", "reviewer"), b.service("robot", "guest")
	gone := b.user("gone", "guest")
	require.NoError(t, b.DeleteUser(context.Background(), admin, gone.ID, nil))
	cases := map[string]struct {
		id    string
		c     UserChange
		code  fault.Code
		field string
	}{
		"unknown":             {"usr_01ARZ3NDEKTSV4RRFFQ69G5FAV", UserChange{Language: ptr("en")}, fault.NotFound, ""},
		"unknown, password":   {"usr_01ARZ3NDEKTSV4RRFFQ69G5FAV", UserChange{Password: ptr(otherPassword)}, fault.NotFound, ""},
		"no id":               {"x' OR 1=1--", UserChange{Status: ptr("disabled")}, fault.NotFound, ""},
		"pattern":             {"usr_%", UserChange{Status: ptr("disabled")}, fault.NotFound, ""},
		"deleted":             {gone.ID, UserChange{Status: ptr("active")}, fault.NotFound, ""},
		"stale":               {rita.ID, UserChange{Language: ptr("en"), Version: ptr(int64(2))}, fault.Stale, ""},
		"unknown role":        {rita.ID, UserChange{Role: ptr("root")}, fault.Unprocessable, "role"},
		"empty role":          {rita.ID, UserChange{Role: ptr("")}, fault.Unprocessable, "role"},
		"role as a list":      {rita.ID, UserChange{Role: ptr("guest,admin")}, fault.Unprocessable, "role"},
		"unknown status":      {rita.ID, UserChange{Status: ptr("asleep")}, fault.Invalid, "status"},
		"deleted as status":   {rita.ID, UserChange{Status: ptr("deleted")}, fault.Invalid, "status"},
		"invited as status":   {rita.ID, UserChange{Status: ptr("invited")}, fault.Invalid, "status"},
		"unknown language":    {rita.ID, UserChange{Language: ptr("fr")}, fault.Invalid, "language"},
		"two lines":           {rita.ID, UserChange{DisplayName: ptr("a\nb")}, fault.Invalid, "display_name"}, // threat W3
		"turned name":         {rita.ID, UserChange{DisplayName: ptr("a\u202eb")}, fault.Invalid, "display_name"},
		"weak password":       {rita.ID, UserChange{Password: ptr("password1234")}, fault.Invalid, "password"},
		"empty password":      {rita.ID, UserChange{Password: ptr("")}, fault.Invalid, "password"},
		"long password":       {rita.ID, UserChange{Password: ptr(strings.Repeat("x", 1025))}, fault.Invalid, "password"}, // threat A7
		"a robot's password":  {robot.ID, UserChange{Password: ptr(otherPassword)}, fault.Invalid, "password"},
		"own password":        {admin.UserID, UserChange{Password: ptr(otherPassword)}, fault.Forbidden, "password"},
		"the last admin, off": {admin.UserID, UserChange{Status: ptr("disabled")}, fault.Conflict, ""},
	}
	for name, c := range cases {
		_, r, err := b.change(admin, c.id, c.c)
		requireCode(t, c.code, err)
		require.Equal(t, c.field, fault.From(err).Field, name)
		require.Equal(t, string(c.code), r.Reason, name)
		require.Equal(t, map[bool]string{true: "deny", false: "error"}[c.code == fault.Forbidden], r.Decision, name)
		if !strings.HasPrefix(c.id, "usr_0") {
			require.Empty(t, r.Resource, "what is no id is not written down: %s", name)
		}
	}
	require.Equal(t, 3, b.count("SELECT count(*) FROM users WHERE version = 1"))
}

// threat A4
func TestWhatEndsWithAChange(t *testing.T) {
	for name, c := range map[string]struct {
		change UserChange
		keys   bool // go on
	}{
		"disable":  {UserChange{Status: ptr("disabled")}, false},
		"role":     {UserChange{Role: ptr("nurse")}, true},
		"password": {UserChange{Password: ptr(otherPassword)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			admin := b.admin()
			rita := b.user("rita", "reviewer")
			browser, program := b.login("rita", true), b.login("rita", false)
			_, secret := b.key(b.principal(browser.CookieToken), NewKey{})
			bystander := b.login(b.user("bo", "reviewer").Username, true)
			_, _, err := b.change(admin, rita.ID, c.change)
			require.NoError(t, err)

			requireRefused(t, b, Credential{Cookie: browser.CookieToken})
			requireRefused(t, b, Credential{Bearer: program.AccessToken})
			_, err = b.RefreshProgram(context.Background(), origin(), program.RefreshToken)
			requireCode(t, fault.Unauthenticated, err)
			require.Zero(t, b.count("SELECT count(*) FROM sessions WHERE user_id = ? AND revoked_at IS NULL", rita.ID))
			if c.keys {
				require.Equal(t, rita.ID, b.byKey(secret).UserID)
			} else {
				requireRefused(t, b, Credential{Bearer: secret})
			}
			b.principal(bystander.CookieToken)
			b.principalOf(adminName)

			if name == "disable" {
				_, _, err = b.change(admin, rita.ID, UserChange{Status: ptr("active")})
				require.NoError(t, err)
				requireRefused(t, b, Credential{Cookie: browser.CookieToken}) // what ended stays ended
				requireRefused(t, b, Credential{Bearer: program.AccessToken})
				require.Equal(t, rita.ID, b.byKey(secret).UserID, "keys rest only while he is disabled")
			}
		})
	}
}

// What the command line changes beside a running server is so at the server's next call.
func TestAnotherProcessChangesPeople(t *testing.T) {
	server := newBench(t)
	server.admin()
	rita := server.user("rita", "reviewer")
	shell := newBenchIn(t, server.dir, server.clock, Options{})
	for name, c := range map[string]UserChange{"role": {Role: ptr("nurse")}, "password": {Password: ptr(adminPassword)}, "disable": {Status: ptr("disabled")}} {
		in := server.login("rita", true)
		require.Equal(t, rita.ID, server.principal(in.CookieToken).UserID, name)
		_, err := shell.ChangeUser(context.Background(), access.System("root"), rita.ID, c)
		require.NoError(t, err)
		requireRefused(t, server, Credential{Cookie: in.CookieToken})
		_, err = shell.ChangeUser(context.Background(), access.System("root"), rita.ID, UserChange{Role: ptr("reviewer"), Status: ptr("active")})
		require.NoError(t, err)
	}
	in := server.login("rita", true)
	require.NoError(t, shell.DeleteUser(context.Background(), access.System("root"), rita.ID, nil))
	requireRefused(t, server, Credential{Cookie: in.CookieToken})
}

func TestResetPassword(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	rita := b.user("rita", "reviewer")
	_, _, err := b.change(admin, rita.ID, UserChange{Password: ptr(otherPassword)})
	require.NoError(t, err)
	_, err = b.Login(context.Background(), origin(), LoginRequest{Username: "rita", Password: adminPassword, Browser: true})
	requireCode(t, fault.Unauthenticated, err)
	_, err = b.Login(context.Background(), origin(), LoginRequest{Username: "rita", Password: otherPassword, Browser: true})
	require.NoError(t, err)
	_, _, err = b.change(access.System("root"), admin.UserID, UserChange{Password: ptr(otherPassword)})
	require.NoError(t, err, "the command line sets anybody's")
	_, err = b.Login(context.Background(), origin(), LoginRequest{Username: adminName, Password: otherPassword, Browser: true})
	require.NoError(t, err)
}

func TestTheFirstAdminByRoleClosesTheSetUp(t *testing.T) {
	for name, make := range map[string]func(b *bench){
		"role": func(b *bench) {
			u := b.user("ada", "guest")
			_, _, err := b.change(access.System("root"), u.ID, UserChange{Role: ptr("admin")})
			require.NoError(b.t, err)
		},
		"status": func(b *bench) {
			u := b.user("ada", "guest")
			_, _, err := b.change(access.System("root"), u.ID, UserChange{Status: ptr("disabled")})
			require.NoError(b.t, err)
			_, _, err = b.change(access.System("root"), u.ID, UserChange{Role: ptr("admin"), Status: ptr("active")})
			require.NoError(b.t, err)
		},
	} {
		b := newBench(t)
		token, needed, err := b.SetupToken(context.Background())
		require.NoError(t, err)
		require.True(t, needed)
		make(b)
		_, err = b.CompleteSetup(context.Background(), origin(), token, "mallory", adminPassword)
		requireCode(t, fault.NotFound, err)
		require.Equal(t, 1, b.count("SELECT count(*) FROM users"), name)
	}
}

// threat Z4
func TestAHelpdeskCanNotRise(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	b.role("helpdesk", "user.manage")
	b.role("empty")
	b.user("hugo", "helpdesk")
	rita, ed, second := b.user("rita", "reviewer"), b.user("ed", "empty"), b.user("second", "admin")
	robot := b.service("robot", "admin")
	hugo := b.as("hugo")
	_, secret := b.key(b.as("second"), NewKey{Models: []string{"guard-nano"}}) // an admin's key, narrowed
	before := b.count("SELECT count(*) FROM audit_events")

	tries := map[string]func() error{}
	for who, id := range map[string]string{"an admin": second.ID, "a robot admin": robot.ID, "a reviewer": rita.ID, "the first admin": admin.UserID} {
		for what, c := range map[string]UserChange{
			"resets the password of": {Password: ptr(otherPassword)}, "disables": {Status: ptr("disabled")}, "demotes": {Role: ptr("empty")},
			"names": {DisplayName: ptr("x")}, "all of": {Role: ptr("empty"), Status: ptr("disabled"), Password: ptr(otherPassword)}, "nothing of": {},
		} {
			tries[what+" "+who] = func() error { _, err := b.ChangeUser(context.Background(), hugo, id, c); return err }
		}
		tries["deletes "+who] = func() error { return b.DeleteUser(context.Background(), hugo, id, nil) }
	}
	for _, role := range []string{"admin", "reviewer", "guest"} {
		tries["makes himself "+role] = func() error {
			_, err := b.ChangeUser(context.Background(), hugo, hugo.UserID, UserChange{Role: ptr(role)})
			return err
		}
		tries["makes another "+role] = func() error {
			_, err := b.ChangeUser(context.Background(), hugo, ed.ID, UserChange{Role: ptr(role)})
			return err
		}
		tries["creates a "+role] = func() error {
			_, err := b.CreateUser(context.Background(), hugo, NewUser{Username: "new-" + role, Password: adminPassword, Role: role})
			return err
		}
		tries["edits "+role] = func() error {
			_, _, err := b.guard.PutRole(context.Background(), hugo, role, access.RoleChange{Actions: []access.Action{access.UserManage}})
			return err
		}
	}
	tries["grants his role more"] = func() error {
		_, _, err := b.guard.PutRole(context.Background(), hugo, "helpdesk", access.RoleChange{Actions: []access.Action{access.UserManage, access.KeyManage}})
		return err
	}
	tries["makes a greater role"] = func() error {
		_, _, err := b.guard.PutRole(context.Background(), hugo, "greater", access.RoleChange{Actions: []access.Action{access.SessionOwn}})
		return err
	}
	tries["makes a key for the robot admin"] = func() error {
		_, _, err := b.CreateKey(context.Background(), hugo, NewKey{Label: "x", UserID: robot.ID}, nil)
		return err
	}
	tries["with an admin's narrowed key"] = func() error {
		_, err := b.ChangeUser(context.Background(), b.byKey(secret), hugo.UserID, UserChange{Role: ptr("admin")})
		return err
	}
	users := b.count("SELECT count(*) FROM users")
	for name, try := range tries {
		r := b.oneRow(func() { requireCode(t, fault.Forbidden, try()) })
		require.Equal(t, "deny", r.Decision, name)
	}
	require.Equal(t, before+len(tries), b.count("SELECT count(*) FROM audit_events"))
	require.Equal(t, users, b.count("SELECT count(*) FROM users WHERE version = 1 AND status = 'active'"), "nothing came of it")

	// Within his own set he does his work.
	_, _, err := b.change(hugo, ed.ID, UserChange{Password: ptr(otherPassword), Role: ptr("helpdesk"), Status: ptr("disabled")})
	require.NoError(t, err)
	require.NoError(t, b.DeleteUser(context.Background(), hugo, ed.ID, nil))
}

// A request that waited while its caller lost the right does not go through.
func TestARightIsAskedForAgainInTheTransaction(t *testing.T) {
	b := newBench(t)
	b.admin()
	b.user("second", "admin")
	rita := b.user("rita", "reviewer")
	acts := map[string]func(p access.Principal) error{
		"change": func(p access.Principal) error {
			_, err := b.ChangeUser(context.Background(), p, rita.ID, UserChange{Role: ptr("admin")})
			return err
		},
		"delete": func(p access.Principal) error { return b.DeleteUser(context.Background(), p, rita.ID, nil) },
		"create": func(p access.Principal) error {
			_, err := b.CreateUser(context.Background(), p, NewUser{Username: "late", Password: adminPassword, Role: "guest"})
			return err
		},
		"key": func(p access.Principal) error {
			_, _, err := b.CreateKey(context.Background(), p, NewKey{Label: "late"}, nil)
			return err
		},
	}
	for name, act := range acts {
		for what, c := range map[string]UserChange{
			"demoted": {Role: ptr("guest")}, "disabled": {Status: ptr("disabled")}, "given a password": {Password: ptr(adminPassword)},
		} {
			if name == "key" && what == "disabled" {
				continue // found before the transaction: there is no active owner
			}
			second := b.as("second") // entered while he was an admin
			_, _, err := b.change(access.System("root"), second.UserID, c)
			require.NoError(t, err)
			r := b.oneRow(func() { requireCode(t, fault.Unauthenticated, act(second)) })
			require.Equal(t, "deny", r.Decision, "%s %s", name, what)
			_, _, err = b.change(access.System("root"), second.UserID, UserChange{Role: ptr("admin"), Status: ptr("active")})
			require.NoError(t, err)
		}
	}
	require.Equal(t, 1, b.count("SELECT count(*) FROM users WHERE id = ? AND version = 1", rita.ID))
}

// One request must not make a password of the very name that it gives, nor of the one that everybody knew until then.
func TestAPasswordIsNoNameOfTheSameChange(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	const old, fresh = "Zofia Quartermain Bellweather", "Ottoline Farthingale Brandreth"
	rita := b.user("rita", "reviewer")
	_, _, err := b.change(admin, rita.ID, UserChange{DisplayName: ptr(old)})
	require.NoError(t, err)
	for _, password := range []string{old, fresh} {
		_, _, err := b.change(admin, rita.ID, UserChange{DisplayName: ptr(fresh), Password: ptr(password)})
		requireCode(t, fault.Invalid, err)
		require.Equal(t, "password", fault.From(err).Field)
	}
}

// threat U5
func TestARoleThatCanNotBeStandsInNoRow(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	rita := b.user("rita", "reviewer")
	for _, typed := range []string{adminPassword, "ADMIN", "admin ", "x"} {
		_, r, err := b.change(admin, rita.ID, UserChange{Role: ptr(typed)})
		requireCode(t, fault.Unprocessable, err)
		require.Equal(t, "error", r.Decision)
		require.Equal(t, map[string]any{"change": "role", "code": "unprocessable", "role": map[string]any{"from": "reviewer"}}, b.details())
	}
}
