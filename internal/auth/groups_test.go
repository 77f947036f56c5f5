package auth

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

func (b *bench) group(name string, members ...User) Group {
	b.t.Helper()
	g, err := b.CreateGroup(context.Background(), access.System("root"), NewGroup{Name: name})
	require.NoError(b.t, err)
	for _, u := range members {
		require.NoError(b.t, b.SetMember(context.Background(), access.System("root"), g.ID, u.ID, true))
	}
	return g
}

// ruleOn stores a rule that names the group, as the policy's writer would, and has it in force.
func (b *bench) ruleOn(effect, mode, group, model string, operations ...string) string {
	b.t.Helper()
	id := fmt.Sprintf("r-%s-%s-%d", effect, mode, b.count("SELECT count(*) FROM acl_rules"))
	b.exec(`INSERT INTO acl_rules (id, effect, mode, origin, created_at, updated_at) VALUES (?, ?, ?, 'admin', 0, 0)`, id, effect, mode)
	b.exec(`INSERT INTO acl_rule_principals (rule_id, kind, ref) VALUES (?, 'group', ?)`, id, group)
	b.exec(`INSERT INTO acl_rule_models (rule_id, model) VALUES (?, ?)`, id, model)
	for _, o := range operations {
		b.exec(`INSERT INTO acl_rule_operations (rule_id, operation) VALUES (?, ?)`, id, o)
	}
	require.NoError(b.t, b.guard.Reload(context.Background()))
	return id
}

// enters asks the gate for one use of a model.
func (b *bench) enters(p access.Principal, o access.Operation, model string) error {
	b.t.Helper()
	pass, err := b.guard.Enter(context.Background(), p, access.Op{Action: access.ModerationRun, Operation: o, Model: model})
	if err == nil {
		failed := error(nil)
		pass.Close(&failed)
	}
	return err
}

func TestGroupIsMadeFilledAndEnded(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	rita := b.user("rita", "reviewer")
	var g Group
	r := b.oneRow(func() {
		var err error
		g, err = b.CreateGroup(context.Background(), admin, NewGroup{Name: "radiology", Note: "third floor"})
		require.NoError(t, err)
	})
	require.Equal(t, row{"user", "user.manage", "allow", "", "group:" + g.ID}, r)
	require.Equal(t, map[string]any{"change": "group_create", "name": "radiology"}, b.details())
	require.Equal(t, Group{ID: g.ID, Name: "radiology", Note: "third floor", CreatedAt: b.clock.Now(), Version: 1}, g)

	version := b.guard.PolicyVersion()
	r = b.oneRow(func() { require.NoError(t, b.SetMember(context.Background(), admin, g.ID, rita.ID, true)) })
	require.Equal(t, row{"user", "user.manage", "allow", "", "group:" + g.ID}, r)
	require.Equal(t, map[string]any{"change": "group_add", "name": "radiology", "member": "user:" + rita.ID}, b.details())
	require.Equal(t, version+1, b.guard.PolicyVersion(), "in force when it is answered")
	r = b.oneRow(func() { require.NoError(t, b.SetMember(context.Background(), admin, g.ID, rita.ID, true)) })
	require.Equal(t, "allow", r.Decision)
	require.Equal(t, "none", b.details()["change"])
	require.Equal(t, version+1, b.guard.PolicyVersion(), "again changes nothing")

	u, err := b.GetUser(context.Background(), admin, rita.ID)
	require.NoError(t, err)
	require.Equal(t, []GroupRef{{g.ID, "radiology"}}, u.Groups)
	page, err := b.ListUsers(context.Background(), admin, UserFilter{Group: g.ID}, 0, "")
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, rita.ID, page.Items[0].ID)
	require.Equal(t, []GroupRef{{g.ID, "radiology"}}, page.Items[0].Groups)

	require.NoError(t, b.SetMember(context.Background(), admin, g.ID, rita.ID, false))
	require.Equal(t, "group_remove", b.details()["change"])
	r = b.oneRow(func() { require.NoError(t, b.DeleteGroup(context.Background(), admin, g.ID, nil)) })
	require.Equal(t, row{"user", "user.manage", "allow", "", "group:" + g.ID}, r)
	_, err = b.GetGroup(context.Background(), admin, g.ID)
	requireCode(t, fault.NotFound, err)
	requireCode(t, fault.NotFound, b.SetMember(context.Background(), admin, g.ID, rita.ID, true))
	requireCode(t, fault.NotFound, b.DeleteGroup(context.Background(), admin, g.ID, nil))
}

// threat Z7: a name that was ever given is nobody else's, neither is one that looks like it.
func TestGroupNamesAreNeverGivenAgain(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	gone := b.group("radiology")
	require.NoError(t, b.DeleteGroup(context.Background(), admin, gone.ID, nil))
	for _, name := range []string{"radiology", "RADIOLOGY", "rad1ology", "radiоlogy", "ｒadiology", "rädiology"} {
		_, err := b.CreateGroup(context.Background(), admin, NewGroup{Name: name})
		requireCode(t, fault.Conflict, err)
		require.Equal(t, "name", fault.From(err).Field, name)
	}
	for name, n := range map[string]NewGroup{
		"empty": {}, "short": {Name: "r"}, "long": {Name: strings.Repeat("r", 65)}, "pattern": {Name: "radio*"}, "space": {Name: "the ward"},
		"colon": {Name: "deleted:x"}, "bidi": {Name: "ra\u202Edio"}, "two scripts": {Name: "radioทlogy"}, "huge": {Name: strings.Repeat("r", 1<<16)},
		"long note": {Name: "ward", Note: strings.Repeat("n", 257)}, "two lines": {Name: "ward", Note: "a\nb"}, "escape": {Name: "ward", Note: "a\x1b[2J"},
	} {
		r := b.oneRow(func() {
			_, err := b.CreateGroup(context.Background(), admin, n)
			requireCode(t, fault.Invalid, err)
			require.Contains(t, []string{"name", "note"}, fault.From(err).Field, name)
		})
		require.Equal(t, "error", r.Decision)
		require.Equal(t, map[string]any{"change": "group_create"}, b.details(), "what nobody got may be anything, a password too")
	}
	_, err := b.CreateGroup(context.Background(), admin, NewGroup{Name: "放射科", Note: strings.Repeat("注", 256)})
	require.NoError(t, err)
	g, err := b.GroupByName(context.Background(), "放射科")
	require.NoError(t, err)
	require.Equal(t, "放射科", g.Name)
	for _, name := range []string{"radiology", "rad1ology", "", strings.Repeat("r", 1<<16)} {
		_, err := b.GroupByName(context.Background(), name)
		requireCode(t, fault.NotFound, err)
	}
}

func TestGroupVersions(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	rita := b.user("rita", "reviewer")
	g := b.group("ward")
	note, seen := "first floor", g.Version
	changed, err := b.ChangeGroup(context.Background(), admin, g.ID, GroupChange{Note: &note, Version: &seen})
	require.NoError(t, err)
	require.Equal(t, note, changed.Note)
	require.Equal(t, seen+1, changed.Version)
	_, err = b.ChangeGroup(context.Background(), admin, g.ID, GroupChange{Note: &note, Version: &seen})
	requireCode(t, fault.Stale, err)
	policy := b.guard.PolicyVersion()
	same, err := b.ChangeGroup(context.Background(), admin, g.ID, GroupChange{Note: &note})
	require.NoError(t, err)
	require.Equal(t, changed, same, "the same note is no change")
	require.Equal(t, policy, b.guard.PolicyVersion(), "a note is no policy")
	require.NoError(t, b.SetMember(context.Background(), admin, g.ID, rita.ID, true))
	requireCode(t, fault.Stale, b.DeleteGroup(context.Background(), admin, g.ID, &changed.Version))
	require.NoError(t, b.DeleteUser(context.Background(), admin, rita.ID, nil))
	now, err := b.GetGroup(context.Background(), admin, g.ID)
	require.NoError(t, err)
	require.Zero(t, now.Members, "who is deleted is in no group")
	require.Equal(t, changed.Version+2, now.Version)
	require.NoError(t, b.DeleteGroup(context.Background(), admin, g.ID, &now.Version))
}

func TestGroupsHaveBounds(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	rita := b.user("rita", "reviewer")
	for i := range maxGroups - 1 {
		b.exec(`INSERT INTO groups (id, name, name_key, created_at) VALUES (?, ?, ?, 0)`, fmt.Sprintf("grp_%026d", i), fmt.Sprint("g", i), fmt.Sprint("key", i))
	}
	for i := range maxGroupsOf {
		b.exec(`INSERT INTO group_members (group_id, user_id, added_at) VALUES (?, ?, 0)`, fmt.Sprintf("grp_%026d", i), rita.ID)
	}
	g := b.group("ward")
	_, err := b.CreateGroup(context.Background(), admin, NewGroup{Name: "another"})
	requireCode(t, fault.Unprocessable, err)
	requireCode(t, fault.Unprocessable, b.SetMember(context.Background(), admin, g.ID, rita.ID, true))
	require.NoError(t, b.SetMember(context.Background(), admin, "grp_"+strings.Repeat("0", 26), rita.ID, false))
	require.NoError(t, b.SetMember(context.Background(), admin, g.ID, rita.ID, true))

	seen := 0
	for cursor := ""; ; {
		page, err := b.ListGroups(context.Background(), admin, "", 300, cursor)
		require.NoError(t, err)
		seen += len(page.Items)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
		_, err = b.ListGroups(context.Background(), admin, "g", 300, cursor)
		requireCode(t, fault.Invalid, err)
	}
	require.Equal(t, maxGroups, seen)
	page, err := b.ListGroups(context.Background(), admin, "WAR", 0, "")
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, 1, page.Items[0].Members)
	for _, q := range []string{"%", "_", `\`, "' OR 1=1--"} {
		page, err := b.ListGroups(context.Background(), admin, q, 0, "")
		require.NoError(t, err)
		require.Empty(t, page.Items, q)
	}
}
