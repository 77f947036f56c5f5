package auth

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

func TestListUsersFilters(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	for _, u := range []NewUser{
		{Username: "rita", DisplayName: "Rita Meier 100%", Role: "reviewer"},
		{Username: "nora_1", DisplayName: "Nora Über", Role: "nurse"},
		{Username: "ned", DisplayName: `Ned \ Ost`, Role: "nurse"},
		{Username: "bot", Kind: KindService, Role: "reviewer"},
		{Username: "李娜", DisplayName: "护士 李", Role: "nurse"},
	} {
		b.clock.Advance(1e6)
		if u.Kind == "" {
			u.Password = adminPassword
		}
		_, err := b.CreateUser(context.Background(), admin, u)
		require.NoError(t, err)
	}
	off, gone := b.user("off", "guest"), b.user("gone", "guest")
	_, _, err := b.change(admin, off.ID, UserChange{Status: ptr("disabled")})
	require.NoError(t, err)
	require.NoError(t, b.DeleteUser(context.Background(), admin, gone.ID, nil))

	for name, c := range map[string]struct {
		f    UserFilter
		want string
	}{
		"all":              {UserFilter{}, "alice rita nora_1 ned bot 李娜 off"},
		"role":             {UserFilter{Role: "nurse"}, "nora_1 ned 李娜"},
		"a role of nobody": {UserFilter{Role: "auditor"}, ""},
		"kind":             {UserFilter{Kind: "service"}, "bot"},
		"disabled":         {UserFilter{Status: "disabled"}, "off"},
		"active":           {UserFilter{Status: "active"}, "alice rita nora_1 ned bot 李娜"},
		"invited":          {UserFilter{Status: "invited"}, ""},
		"deleted":          {UserFilter{Status: "deleted"}, "gone"},
		"name":             {UserFilter{Query: "RIT"}, "rita"},
		"shown name":       {UserFilter{Query: "meier"}, "rita"},
		"umlaut":           {UserFilter{Query: "ÜBER"}, "nora_1"},
		"small umlaut":     {UserFilter{Query: "über"}, "nora_1"},
		"chinese":          {UserFilter{Query: "李"}, "李娜"},
		"percent":          {UserFilter{Query: "0%"}, "rita"},
		"percent alone":    {UserFilter{Query: "%"}, "rita"},
		"underscore":       {UserFilter{Query: "a_"}, "nora_1"},
		"backslash":        {UserFilter{Query: `\`}, "ned"},
		"quote":            {UserFilter{Query: "' OR 1=1--"}, ""}, // threat K1
		"several":          {UserFilter{Role: "nurse", Status: "active", Kind: "person", Query: "n"}, "nora_1 ned"},
		"and, not or":      {UserFilter{Role: "guest", Query: "rita"}, ""},
	} {
		for _, limit := range []int{1, 50} {
			var got []string
			for cursor := ""; ; {
				page, err := b.ListUsers(context.Background(), admin, c.f, limit, cursor)
				require.NoError(t, err, name)
				for _, u := range page.Items {
					got = append(got, u.Username)
				}
				if cursor = page.NextCursor; cursor == "" {
					break
				}
			}
			require.ElementsMatch(t, strings.Fields(c.want), got, name)
		}
	}
	page, err := b.ListUsers(context.Background(), admin, UserFilter{Role: "nurse"}, 1, "")
	require.NoError(t, err)
	for _, other := range []UserFilter{{}, {Role: "reviewer"}, {Role: "nurse", Kind: "person"}, {Query: "nurse"}, {Status: "nurse"}} {
		_, err := b.ListUsers(context.Background(), admin, other, 1, page.NextCursor)
		requireCode(t, fault.Invalid, err)
	}
	for field, f := range map[string]UserFilter{
		"status": {Status: "asleep"}, "kind": {Kind: "robot"}, "role": {Role: "no role"}, "q": {Query: "a\nb"},
	} {
		_, err := b.ListUsers(context.Background(), admin, f, 0, "")
		requireCode(t, fault.Invalid, err)
		require.Equal(t, field, fault.From(err).Field)
	}
	_, err = b.ListUsers(context.Background(), admin, UserFilter{Query: strings.Repeat("x", 129)}, 0, "")
	requireCode(t, fault.Invalid, err)
}

func TestGetUserAndPermissions(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	rita := b.user("rita", "reviewer")
	asRita := b.as("rita")
	got, err := b.GetUser(context.Background(), admin, rita.ID)
	require.NoError(t, err)
	require.Equal(t, "rita", got.Username)
	for _, p := range []access.Principal{asRita, access.Anonymous(origin())} {
		for name, read := range map[string]func() error{
			"get": func() error { _, err := b.GetUser(context.Background(), p, admin.UserID); return err },
			"permissions": func() error {
				_, err := b.UserPermissions(context.Background(), p, admin.UserID)
				return err
			},
			"unknown": func() error { _, err := b.GetUser(context.Background(), p, "no such"); return err },
		} {
			r := b.oneRow(func() { requireCode(t, fault.Forbidden, read()) })
			require.Equal(t, "deny", r.Decision, name)
		}
	}
	_, err = b.UserPermissions(context.Background(), access.Anonymous(origin()), "")
	requireCode(t, fault.Forbidden, err)
	_, err = b.UserPermissions(context.Background(), access.System("root"), "")
	requireCode(t, fault.NotFound, err)

	// Why: as shipped, then as somebody changed it.
	reviewer := []access.Action{"example.read", "model.view", "moderation.run", "moderation.read", "image.generate", "chat.run", "key.own", "session.own"}
	check := func(p access.Principal, may []access.Action, status string) []PermissionLine {
		t.Helper()
		var lines []PermissionLine
		require.Empty(t, b.rowsOf(func() {
			lines, err = b.UserPermissions(context.Background(), p, rita.ID)
			require.NoError(t, err)
		}))
		require.Len(t, lines, 20)
		for i, l := range lines {
			require.Equal(t, access.AllActions()[i], l.Action)
			holds := slices.Contains(may, l.Action)
			require.Equal(t, holds && status == "active", l.Allowed, l.Action)
			want := "role_lacks"
			if holds {
				want = map[bool]string{true: "role", false: "not_active"}[status == "active"]
			}
			require.Equal(t, want, l.Reason, l.Action)
			require.Equal(t, "reviewer", l.Role)
		}
		return lines
	}
	for _, l := range check(asRita, reviewer, "active") {
		require.Equal(t, "shipped", l.Source)
		require.Empty(t, l.ChangedBy+l.EventID)
	}
	b.clock.Advance(1e9)
	_, _, err = b.guard.PutRole(context.Background(), admin, "reviewer", access.RoleChange{Actions: append(slices.Clone(reviewer), "moderation.read_all")})
	require.NoError(t, err)
	for _, l := range check(asRita, append(reviewer, "moderation.read_all"), "active") {
		if l.Action == "moderation.read_all" {
			require.Equal(t, "changed", l.Source)
			require.Equal(t, adminName, l.ChangedBy)
			require.Equal(t, b.clock.Now(), *l.ChangedAt)
			require.Equal(t, 1, b.count("SELECT count(*) FROM audit_events WHERE id = ? AND resource = 'role:reviewer'", l.EventID))
		}
	}
	_, _, err = b.change(admin, rita.ID, UserChange{Status: ptr("disabled")})
	require.NoError(t, err)
	check(admin, append(reviewer, "moderation.read_all"), "disabled")
}
