package access_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
)

// shipped is the roles table, written down a second time and on its own. Nothing of it comes from the migration.
func shipped() map[string]map[access.Action]bool {
	set := func(actions ...access.Action) map[access.Action]bool {
		m := map[access.Action]bool{}
		for _, a := range actions {
			m[a] = true
		}
		return m
	}
	return map[string]map[access.Action]bool{
		"admin": set("example.read", "model.view", "moderation.run", "moderation.read", "moderation.read_all", "analysis.view",
			"analysis.run", "analysis.report", "image.generate", "chat.run", "key.own", "session.own", "user.manage", "key.manage",
			"model.manage", "acl.manage", "settings.manage", "audit.read", "audit.export", "metrics.read"),
		"reviewer": set("example.read", "model.view", "moderation.run", "moderation.read", "image.generate", "chat.run", "key.own",
			"session.own"),
		"radiologist": set("example.read", "model.view", "analysis.view", "analysis.run", "analysis.report", "key.own", "session.own"),
		"nurse":       set("example.read", "model.view", "analysis.view", "key.own", "session.own"),
		"guest":       set("example.read", "session.own"),
		"nobody":      set(),
		"":            set(),
	}
}

func TestShippedRoles(t *testing.T) {
	g := newGate(t, "")
	require.Len(t, access.AllActions(), 20)
	refused := 0
	for role, may := range shipped() {
		var listed []access.Action
		for _, a := range access.AllActions() {
			require.Equal(t, may[a], g.guard.Can(user(role), a), "%s %s", role, a)
			pass, err := g.guard.Enter(t.Context(), user(role), access.Op{Action: a})
			if !may[a] {
				require.Equal(t, fault.Forbidden, fault.CodeOf(err), "%s %s", role, a)
				refused++
				continue
			}
			listed = append(listed, a)
			require.NoError(t, err, "%s %s", role, a)
			_, err = pass.Commit(t.Context(), access.Outcome{}, nil)
			require.NoError(t, err)
		}
		require.Equal(t, len(listed), len(g.guard.Actions(user(role))), role)
		require.ElementsMatch(t, listed, g.guard.Actions(user(role)), role)
	}
	rows := g.events(t)
	require.Len(t, rows, 20*len(shipped()), "one row for each attempt")
	denied := 0
	for _, e := range rows {
		if e.Decision == audit.Deny {
			require.Equal(t, "role", e.Reason)
			denied++
		}
	}
	require.Equal(t, refused, denied)
	g.verify(t)
}

func TestWhoIsNobodyMayNothing(t *testing.T) {
	g := newGate(t, "allow")
	strangers := map[string]access.Principal{
		"anonymous":               access.Anonymous(access.Origin{}),
		"anonymous with a role":   {Kind: access.KindAnonymous, Role: "admin", UserID: "usr_1"},
		"the zero principal":      {},
		"an unknown kind":         {Kind: "root", Role: "admin"},
		"a key without id":        {Kind: access.KindKey, Role: "admin", UserID: "usr_1"},
		"a role in other letters": user("Admin"),
		"a role with a pattern":   user("*"),
		"a role with a comma":     user("admin, user.manage"),
	}
	for name, p := range strangers {
		t.Run(name, func(t *testing.T) {
			for _, a := range access.AllActions() {
				require.False(t, g.guard.Can(p, a), a)
				require.False(t, g.guard.Decide(p, access.Op{Action: a}).Allowed, a)
				require.False(t, g.guard.Decide(p, access.Op{Action: a, Operation: access.Infer, Model: "guard-nano"}).Allowed, a)
			}
			require.Empty(t, g.guard.Actions(p))
			require.False(t, g.guard.Can(p, "no.such.action"))
		})
	}
	require.False(t, g.guard.Can(user("admin"), "no.such.action"))
	require.False(t, g.guard.Can(user("admin"), "*"))
}

func TestSigningIn(t *testing.T) {
	g := newGate(t, "")
	anybody := access.Anonymous(access.Origin{})
	for _, a := range []access.Action{access.AuthSetup, access.AuthLogin, access.AuthLogout, access.AuthRefresh} {
		require.True(t, g.guard.Can(anybody, a), a)
	}
	require.True(t, g.guard.Can(user("guest"), access.AuthLogout))
	require.True(t, g.guard.Can(user("guest"), access.AuthRefresh))
	require.False(t, g.guard.Can(user("admin"), access.AuthSetup))
	require.False(t, g.guard.Can(key("admin"), access.AuthRefresh), "a key has no session")
	require.True(t, g.guard.Can(access.System("root"), access.UserManage))
}

func key(role string, change ...func(*access.Principal)) access.Principal {
	p := access.Principal{Kind: access.KindKey, UserID: "usr_" + role, Name: role, Role: role, KeyID: "key_1"}
	for _, c := range change {
		c(&p)
	}
	return p
}

func TestKeysAreNarrowedByTheirScopes(t *testing.T) {
	g := newGate(t, "")
	models := func(m ...string) func(*access.Principal) { return func(p *access.Principal) { p.KeyModels = m } }
	operations := func(o ...string) func(*access.Principal) { return func(p *access.Principal) { p.KeyOperations = o } }
	view := access.Op{Action: access.ModelView, Operation: access.View, Model: "guard-nano"}
	cases := map[string]struct {
		p               access.Principal
		op              access.Op
		allowed, hidden bool
	}{
		"no scopes":                {key("reviewer"), inferNano, true, false},
		"model in scope":           {key("reviewer", models("guard-nano")), inferNano, true, false},
		"model by pattern":         {key("reviewer", models("guard-*")), inferNano, true, false},
		"other model":              {key("reviewer", models("other")), inferNano, false, true},
		"operation in scope":       {key("reviewer", operations("infer")), inferNano, true, false},
		"operation not in scope":   {key("reviewer", operations("view")), inferNano, false, false},
		"view with infer only":     {key("reviewer", operations("infer")), view, false, false},
		"owner may not":            {key("guest"), inferNano, false, false},
		"admin's whole key":        {key("admin"), access.Op{Action: access.UserManage}, true, false},
		"admin's key for a model":  {key("admin", models("guard-nano")), access.Op{Action: access.UserManage}, false, false},
		"admin's key for infer":    {key("admin", operations("infer")), access.Op{Action: access.ACLManage}, false, false},
		"scoped key makes no keys": {key("reviewer", operations("infer")), access.Op{Action: access.KeyOwn}, false, false},
		"scoped key reads its own": {key("reviewer", operations("infer")), access.Op{Action: access.ModerationRead}, true, false},
		"scoped key reads no more": {key("admin", operations("infer")), access.Op{Action: access.ModerationReadAll}, false, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := g.guard.Decide(c.p, c.op)
			require.Equal(t, c.allowed, d.Allowed, d.Reason)
			require.Equal(t, c.hidden, d.Hidden, d.Reason)
			if c.op.Operation == "" {
				require.Equal(t, c.allowed, g.guard.Can(c.p, c.op.Action), "the early check agrees")
			}
		})
	}
	require.Empty(t, g.guard.VisibleModels(key("reviewer", operations("infer")), []string{"guard-nano"}))
	require.Equal(t, []string{"guard-nano"}, g.guard.VisibleModels(key("reviewer", operations("view")), []string{"guard-nano"}))
	require.Empty(t, g.guard.VisibleModels(key("reviewer", models("other")), []string{"guard-nano"}))
}
