package auth

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// threat Z4: who only looks after people opens no model to himself or to others, by no group.
func TestGroupsOpenNoMoreThanOneMayOpen(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	b.role("helpdesk", "user.manage", "model.view", "moderation.run", "session.own", "example.read", "key.own")
	b.role("runner", "model.view", "moderation.run")
	hedy, hans := b.user("hedy", "helpdesk"), b.user("hans", "helpdesk")
	run, boss := b.user("run", "runner"), b.user("boss", "admin")
	ruth := b.user("ruth", "runner")
	plain, opens, shuts, tried := b.group("plain"), b.group("opens"), b.group("shuts", run, ruth, hedy), b.group("tried")
	b.ruleOn("allow", "enforce", opens.ID, "secret", "view", "infer")
	b.ruleOn("deny", "enforce", shuts.ID, "guard-nano", "infer")
	b.ruleOn("allow", "report-only", tried.ID, "secret", "view")
	kim := b.as("hedy")

	move := func(p access.Principal, g Group, u User, in bool) (row, error) {
		var err error
		r := b.oneRow(func() { err = b.SetMember(context.Background(), p, g.ID, u.ID, in) })
		return r, err
	}
	for name, c := range map[string]struct {
		by   access.Principal
		g    Group
		u    User
		in   bool
		code fault.Code
	}{
		"himself, where a rule allows":       {kim, opens, hedy, true, fault.Forbidden},
		"another, where a rule allows":       {kim, opens, run, true, fault.Forbidden},
		"where a rule will allow":            {kim, tried, run, true, fault.Forbidden},
		"himself out, where a rule denies":   {kim, shuts, hedy, false, fault.Forbidden},
		"another out, where a rule denies":   {kim, shuts, run, false, fault.Forbidden},
		"an admin, anywhere":                 {kim, plain, boss, true, fault.Forbidden},
		"by who manages nobody":              {b.as("run"), plain, run, true, fault.Forbidden},
		"by nobody":                          {access.Anonymous(origin()), plain, run, true, fault.Forbidden},
		"unknown user":                       {kim, plain, User{ID: "usr_x"}, true, fault.NotFound},
		"unknown group":                      {kim, Group{ID: "grp_x"}, run, true, fault.NotFound},
		"SQL":                                {kim, Group{ID: "' OR 1=1--"}, User{ID: "' OR 1=1--"}, true, fault.NotFound},
		"another, where no rule is":          {kim, plain, run, true, ""},
		"himself, where no rule is":          {kim, plain, hedy, true, ""},
		"another in, where a rule denies":    {kim, shuts, hans, true, ""},
		"by an admin, where a rule allows":   {admin, opens, hans, true, ""},
		"by an admin, where a rule denies":   {admin, shuts, ruth, false, ""},
		"by the command line, a rule allows": {access.System("root"), opens, boss, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := b.count("SELECT count(*) FROM group_members")
			r, err := move(c.by, c.g, c.u, c.in)
			requireCode(t, c.code, err)
			if c.code != "" {
				require.NotEqual(t, "allow", r.Decision)
				require.Equal(t, before, b.count("SELECT count(*) FROM group_members"))
			}
		})
	}
	requireCode(t, fault.Forbidden, b.DeleteGroup(context.Background(), b.as("run"), plain.ID, nil))
	for _, g := range []Group{opens, shuts, tried} {
		requireCode(t, fault.Conflict, b.DeleteGroup(context.Background(), admin, g.ID, nil))
	}
	// Who is in it himself has what it opens only as long as no rule denies it to him: an account that he makes would have more.
	_, err := move(b.as("hans"), opens, ruth, true)
	requireCode(t, fault.Forbidden, err)
	_, err = move(admin, opens, ruth, true)
	require.NoError(t, err)
	_, err = move(b.as("hans"), opens, ruth, false)
	require.NoError(t, err, "where a group only gives, whoever looks after people takes out of it")
}

// A deny on the caller himself is not shed through an account of his making.
func TestWhomARuleDeniesLetsNobodyInInHisPlace(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	b.role("helpdesk", "user.manage", "model.view", "moderation.run", "session.own", "example.read", "key.own")
	hedy := b.user("hedy", "helpdesk")
	opens := b.group("radiology")
	b.ruleOn("allow", "enforce", opens.ID, "secret", "view", "infer")
	require.NoError(t, b.SetMember(context.Background(), admin, opens.ID, hedy.ID, true))
	shut := b.group("suspended", hedy)
	b.ruleOn("deny", "enforce", shut.ID, "secret", "view", "infer")
	kim := b.as("hedy")
	requireCode(t, fault.NotFound, b.enters(kim, access.Infer, "secret"))
	straw := b.user("straw", "helpdesk")
	requireCode(t, fault.Forbidden, b.SetMember(context.Background(), kim, opens.ID, straw.ID, true))
	requireCode(t, fault.NotFound, b.enters(b.as("straw"), access.Infer, "secret"))
}

// What a group opens is open when the answer is there, and shut when the next one is.
func TestMembershipIsInForceAtOnce(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	rita := b.user("rita", "reviewer")
	g := b.group("radiology")
	b.ruleOn("allow", "enforce", g.ID, "secret", "view", "infer")
	p := b.as("rita")
	for range 3 {
		requireCode(t, fault.NotFound, b.enters(p, access.Infer, "secret"))
		require.NoError(t, b.SetMember(context.Background(), admin, g.ID, rita.ID, true))
		require.NoError(t, b.enters(p, access.Infer, "secret"))
		require.NoError(t, b.SetMember(context.Background(), admin, g.ID, rita.ID, false))
	}
	requireCode(t, fault.NotFound, b.enters(p, access.Infer, "secret"))
	cli := newBenchIn(t, b.dir, b.clock, Options{})
	require.NoError(t, cli.SetMember(context.Background(), access.System("root"), g.ID, rita.ID, true))
	require.NoError(t, b.guard.Reload(context.Background()))
	require.NoError(t, b.enters(p, access.Infer, "secret"), "another process's change")
}

// A right that ends while the request waits is gone: the transaction asks again.
func TestMembersAreMovedByWhoStillMay(t *testing.T) {
	b := newBench(t)
	b.admin()
	b.role("helpdesk", "user.manage", "session.own", "example.read")
	b.role("none", "session.own")
	hedy, run := b.user("hedy", "helpdesk"), b.user("run", "none")
	g := b.group("ward")
	p := b.as("hedy")
	pass, err := b.guard.Enter(context.Background(), p, access.Op{Action: access.UserManage})
	require.NoError(t, err)
	failed := error(nil)
	pass.Close(&failed)
	b.exec("UPDATE users SET role = 'none' WHERE id = ?", hedy.ID) // the gate's snapshot doesn't know yet
	requireCode(t, fault.Forbidden, b.SetMember(context.Background(), p, g.ID, run.ID, true))
	_, err = b.CreateGroup(context.Background(), p, NewGroup{Name: "another"})
	requireCode(t, fault.Forbidden, err)
	requireCode(t, fault.Forbidden, b.DeleteGroup(context.Background(), p, g.ID, nil))
	require.Zero(t, b.count("SELECT count(*) FROM group_members"))
}

// Many at once: everybody who was told so is a member, once.
func TestMembersAtOnce(t *testing.T) {
	b := newBench(t)
	rita := b.user("rita", "reviewer")
	g := b.group("ward")
	var wait sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		wait.Go(func() { errs[i] = b.SetMember(context.Background(), access.System("root"), g.ID, rita.ID, i%2 == 0) })
	}
	wait.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.LessOrEqual(t, b.count("SELECT count(*) FROM group_members"), 1)
}
