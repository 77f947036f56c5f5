package auth

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

func TestCreateUser(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	var u User
	r := b.oneRow(func() {
		var err error
		u, err = b.CreateUser(context.Background(), admin, NewUser{
			Username: "Rita", Password: adminPassword, Role: "reviewer", DisplayName: "Rita Ο'Neill", Language: "zh-CN",
		})
		require.NoError(t, err)
	})
	require.Equal(t, row{"user", "user.manage", "allow", "", "user:" + u.ID}, r)
	require.Equal(t, User{
		ID: u.ID, Username: "Rita", DisplayName: "Rita Ο'Neill", Role: "reviewer", Kind: KindPerson, Status: "active", Language: "zh-CN", CreatedAt: b.clock.Now(),
		UpdatedAt: b.clock.Now(), Version: 1,
	}, u)
	require.True(t, strings.HasPrefix(u.ID, "usr_"))
	require.Equal(t, "rita", strings.ToLower(b.as("rita").Name))
}

func TestCreateUserRefusals(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	good := NewUser{Username: "rita", Password: adminPassword, Role: "reviewer"}
	change := func(f func(*NewUser)) NewUser { u := good; f(&u); return u }
	cases := map[string]struct {
		u     NewUser
		code  fault.Code
		field string
	}{
		"bad name":          {change(func(u *NewUser) { u.Username = "a b" }), fault.Invalid, "username"},
		"pattern as name":   {change(func(u *NewUser) { u.Username = "*" }), fault.Invalid, "username"}, // threat Z7
		"weak password":     {change(func(u *NewUser) { u.Password = "password1234" }), fault.Invalid, "password"},
		"no password":       {change(func(u *NewUser) { u.Password = "" }), fault.Invalid, "password"},
		"service password":  {change(func(u *NewUser) { u.Kind = KindService }), fault.Invalid, "password"},
		"unknown kind":      {change(func(u *NewUser) { u.Kind = "robot" }), fault.Invalid, "kind"},
		"unknown language":  {change(func(u *NewUser) { u.Language = "fr" }), fault.Invalid, "language"},
		"control in name":   {change(func(u *NewUser) { u.DisplayName = "a\nb" }), fault.Invalid, "display_name"}, // threat W3
		"long name":         {change(func(u *NewUser) { u.DisplayName = strings.Repeat("x", 129) }), fault.Invalid, "display_name"},
		"unknown role":      {change(func(u *NewUser) { u.Role = "root" }), fault.Unprocessable, "role"},
		"no role":           {change(func(u *NewUser) { u.Role = "" }), fault.Unprocessable, "role"},
		"taken":             {change(func(u *NewUser) { u.Username = adminName }), fault.Conflict, "username"},
		"taken, case":       {change(func(u *NewUser) { u.Username = "ALICE" }), fault.Conflict, "username"},
		"taken, look-alike": {change(func(u *NewUser) { u.Username = "аl1се" }), fault.Conflict, "username"},
	}
	for name, c := range cases {
		r := b.oneRow(func() {
			_, err := b.CreateUser(context.Background(), admin, c.u)
			requireCode(t, c.code, err)
			require.Equal(t, c.field, fault.From(err).Field, name)
		})
		require.Equal(t, "error", r.Decision, name)
		require.Empty(t, r.Resource, name)
		require.Equal(t, "create", b.details()["change"], name)
		require.NotContains(t, b.details(), "username", name)
	}
	require.Equal(t, 1, b.count("SELECT count(*) FROM users"))
}

// threat Z7: a deleted user's name is never given again.
func TestNamesAreNeverReused(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "reviewer")
	b.exec("UPDATE users SET status = 'deleted' WHERE id = ?", u.ID)
	_, err := b.UserByName(context.Background(), "rita")
	requireCode(t, fault.NotFound, err)
	for _, name := range []string{"rita", "Rita", "r1tа"} {
		_, err := b.CreateUser(context.Background(), access.System("root"), NewUser{Username: name, Password: adminPassword, Role: "guest"})
		requireCode(t, fault.Conflict, err)
	}
	page, err := b.ListUsers(context.Background(), access.System("root"), UserFilter{}, 0, "")
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

// threat Z4
func TestNobodyGrantsMoreThanHeHas(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	b.role("helpdesk", "user.manage", "session.own", "example.read", "model.view", "moderation.run", "moderation.read", "key.own", "image.generate", "chat.run")
	b.role("auditor", "audit.read", "session.own")
	b.user("hugo", "helpdesk")
	hugo := b.as("hugo")
	for role, code := range map[string]fault.Code{
		"guest": "", "reviewer": "", "helpdesk": "", "admin": fault.Forbidden, "radiologist": fault.Forbidden, "nurse": fault.Forbidden, "auditor": fault.Forbidden,
	} {
		for _, kind := range []string{KindPerson, KindService} {
			u := NewUser{Kind: kind, Username: role + "-" + kind, Role: role}
			if kind == KindPerson {
				u.Password = adminPassword
			}
			r := b.oneRow(func() {
				_, err := b.CreateUser(context.Background(), hugo, u)
				requireCode(t, code, err)
			})
			if code == "" {
				require.Equal(t, "allow", r.Decision, role)
			} else {
				require.Equal(t, "deny", r.Decision, role)
			}
		}
	}
	_, err := b.CreateUser(context.Background(), admin, NewUser{Username: "second", Password: adminPassword, Role: "admin"})
	require.NoError(t, err)
}

func TestWhoMayCreateAndListUsers(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	scoped, scopedKey := b.key(admin, NewKey{Operations: []string{"infer"}})
	_, freeKey := b.key(admin, NewKey{})
	byKey := func(key string) access.Principal {
		p, err := b.Authenticate(context.Background(), Credential{Bearer: key}, origin())
		require.NoError(t, err)
		return p
	}
	refused := map[string]access.Principal{"anonymous": access.Anonymous(origin()), "zero": {}, "scoped key " + scoped.ID: byKey(scopedKey)}
	for _, role := range []string{"reviewer", "radiologist", "nurse", "guest"} {
		b.user("a-"+role, role)
		refused[role] = b.as("a-" + role)
	}
	wish := NewUser{Username: "victim", Password: adminPassword, Role: "guest"}
	for name, p := range refused {
		if name == "zero" {
			_, err := b.CreateUser(context.Background(), p, wish)
			require.Error(t, err)
			_, err = b.ListUsers(context.Background(), p, UserFilter{}, 0, "")
			require.Error(t, err)
			continue
		}
		r := b.oneRow(func() {
			_, err := b.CreateUser(context.Background(), p, wish)
			requireCode(t, fault.Forbidden, err)
		})
		require.Equal(t, "deny", r.Decision, name)
		r = b.oneRow(func() {
			_, err := b.ListUsers(context.Background(), p, UserFilter{}, 0, "")
			requireCode(t, fault.Forbidden, err)
		})
		require.Equal(t, "deny", r.Decision, name)
	}
	_, err := b.CreateUser(context.Background(), byKey(freeKey), wish)
	require.NoError(t, err)
}

func TestListUsersPages(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	want := []string{adminName}
	for _, n := range []string{"zoe", "bob", "yan", "carl"} {
		b.clock.Advance(1e6)
		b.user(n, "guest")
		want = append(want, n)
	}
	for _, limit := range []int{1, 2, 5, 500} {
		var got []string
		for cursor := ""; ; {
			page, err := b.ListUsers(context.Background(), admin, UserFilter{}, limit, cursor)
			require.NoError(t, err)
			for _, u := range page.Items {
				got = append(got, u.Username)
			}
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
		require.Equal(t, want, got, "oldest first")
	}
	_, err := b.ListUsers(context.Background(), admin, UserFilter{}, 1, "x")
	requireCode(t, fault.Invalid, err)
	_, err = b.ListUsers(context.Background(), admin, UserFilter{}, 501, "")
	requireCode(t, fault.Invalid, err)
}

func TestOneNameInParallelMakesOneUser(t *testing.T) {
	b := newBench(t)
	errs := make([]error, 12)
	spellings := []string{"rita", "RITA", "r1ta", "rіta"}
	rows := b.rowsOf(func() {
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = b.CreateUser(context.Background(), access.System("root"), NewUser{
					Username: spellings[i%len(spellings)], Password: adminPassword, Role: "guest",
				})
			})
		}
		wg.Wait()
	})
	good := 0
	for _, err := range errs {
		if err == nil {
			good++
			continue
		}
		requireCode(t, fault.Conflict, err)
	}
	require.Equal(t, 1, good)
	require.Len(t, rows, len(errs))
}

// What everybody knows of a user and of this server makes no password of his.
func TestNewPasswordsAreHeldAgainstTheNamesAround(t *testing.T) {
	s := &Service{serverNames: []string{"pacs-west", "guard.stmary.example"}}
	for _, guessed := range []string{"rita.oneill.1", "Doctor O'Neill", "guardhouse", "Gu4rdh0use!!!", "west.pacs.west", "stmary-2026!!"} {
		requireCode(t, fault.Invalid, s.checkNewPassword("rita.oneill.1", "Doctor O'Neill", guessed))
	}
	bare := &Service{}
	require.NoError(t, bare.checkNewPassword("olaf", "", "west.pacs.stmary"), "names of nobody's here")
	requireCode(t, fault.Invalid, s.checkNewPassword("olaf", "", "west.pacs.stmary"))
}
