package access_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

func question(p access.Principal, o access.Operation, model string) access.Question {
	return access.Question{
		Principal: p, Action: access.ModerationRun, Operation: o, Model: model, IP: p.Origin.IP, Purpose: p.Origin.Purpose,
	}
}

// What is explained is what the gate does, for whatever rules; and a proposed set is explained as it would decide in force.
func TestAnExplanationIsTheDecision(t *testing.T) {
	now, then := newGate(t, ""), newGate(t, "")
	rapid.Check(t, func(t *rapid.T) {
		rules, proposed, p := drawRules(t), drawRules(t), drawPrincipal(t)
		if err := now.guard.Swap(1, everything, rules); err != nil {
			t.Fatal(err)
		}
		if err := then.guard.Swap(2, everything, proposed); err != nil {
			t.Fatal(err)
		}
		eachUse(func(o access.Operation, m string) {
			q := question(p, o, m)
			for _, c := range []struct {
				is   access.Decision
				says access.Answer
				set  *rule.Set
			}{
				{now.guard.Decide(p, op(o, m)), now.guard.Explain(q, nil), nil},
				{then.guard.Decide(p, op(o, m)), now.guard.Explain(q, then.guard.Set()), then.guard.Set()},
			} {
				want := map[bool]int{true: 200, false: 403}[c.is.Allowed]
				if c.is.Hidden {
					want = 404
				}
				if c.says.Allowed != c.is.Allowed || c.says.RuleID != c.is.RuleID || c.says.Reason != c.is.Reason || c.says.Status != want {
					t.Fatalf("%s %s: %+v is explained as %+v", o, m, c.is, c.says)
				}
				if now.guard.Judge(q, c.set) != c.is.Allowed {
					t.Fatalf("%s %s is judged otherwise than decided", o, m)
				}
			}
		})
	})
	require.Zero(t, now.count(t, "SELECT count(*) FROM audit_events"))
}

func TestStepsOfAnExplanation(t *testing.T) {
	g := newGate(t, "")
	pass := access.Step{Asked: true, Passed: true}
	k := byKey("key_1")
	k.KeyModels, k.KeyOperations = []string{"other"}, []string{"infer"}
	k.KeyIPRanges = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	a := g.guard.Explain(question(k, access.Infer, "guard-nano"), nil)
	require.Equal(t, 404, a.Status)
	require.Equal(t, pass, a.Role)
	require.Equal(t, access.Step{Asked: true, Reason: "key_scope"}, a.Key)
	require.Equal(t, access.Step{Asked: true, Reason: "not_visible"}, a.View)
	require.EqualValues(t, 1, a.PolicyVersion)

	k.KeyModels = nil
	away := question(k, access.Infer, "guard-nano")
	away.IP = netip.MustParseAddr("198.51.100.1")
	a = g.guard.Explain(away, nil)
	require.Equal(t, []any{403, "key_address"}, []any{a.Status, a.Reason})
	require.Equal(t, access.Step{Asked: true, Reason: "key_address"}, a.Key)
	require.Equal(t, 200, g.guard.Explain(question(k, access.Infer, "guard-nano"), nil).Status)
	require.Equal(t, "key_scope", g.guard.Explain(question(k, access.Train, "guard-nano"), nil).Reason)

	guest := g.guard.Explain(question(user("guest"), access.Infer, "guard-nano"), nil)
	require.Equal(t, access.Step{Asked: true, Reason: "role"}, guest.Role)
	require.Equal(t, access.Step{}, guest.Key)
	require.Equal(t, 403, guest.Status)
	admin := g.guard.Explain(question(user("admin"), access.Infer, "closed"), nil)
	require.Equal(t, []any{403, pass, "default_deny"}, []any{admin.Status, admin.View, admin.Reason})
}

// A question about now knows whether the limits have room, and takes nothing of them; one about another moment cannot know.
func TestAnExplanationLooksAtLimits(t *testing.T) {
	g, w := limitedGate(t, access.Limits{}, rated("a", "*", "1/h"))
	q := question(user("reviewer"), access.Infer, "guard-nano")
	for range 3 {
		require.Equal(t, 200, g.guard.Explain(q, nil).Status)
	}
	_, err := g.try(t, user("reviewer"))
	require.NoError(t, err)
	a := g.guard.Explain(q, nil)
	require.Equal(t, []any{429, false, "rate_limited", "a", "rule-a"}, []any{a.Status, a.Allowed, a.Reason, a.RuleID, a.Limit})
	require.True(t, g.guard.Judge(q, nil), "the rules would let it pass")
	q.At = w.now().Add(time.Hour)
	require.Equal(t, 200, g.guard.Explain(q, nil).Status)
}

func TestPrincipalOf(t *testing.T) {
	g := newGate(t, "")
	g.person(t, "ana", "reviewer")
	g.person(t, "gone", "nurse")
	g.person(t, "off", "nurse")
	g.exec(t, `UPDATE users SET status = 'deleted' WHERE id = 'usr_gone'`)
	g.exec(t, `UPDATE users SET status = 'disabled' WHERE id = 'usr_off'`)
	change(t, g.db, g.guard, `INSERT INTO groups (id, name, name_key, created_at, deleted_at) VALUES ('grp_1', 'a', 'a', 0, NULL), ('grp_2', 'b', 'b', 0, 1)`,
		`INSERT INTO group_members (group_id, user_id, added_at) VALUES ('grp_1', 'usr_ana', 0)`)
	insert := func(id, owner, rest string) {
		g.exec(t, `INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, models, operations, created_by, created_at, ip_ranges, rate_limit, `+rest+`)
			VALUES (?, ?, '', '', '', '["m*"]', '["infer"]', '', 0, '["10.0.0.0/8"]', '5/min', 1)`, id, owner)
	}
	insert("key_1", "usr_ana", "last_used_at")
	insert("key_2", "usr_ana", "revoked_at")
	insert("key_3", "usr_off", "last_used_at")
	insert("key_4", "usr_ana", "valid_until")

	p, err := g.guard.PrincipalOf(t.Context(), "key:key_1")
	require.NoError(t, err)
	require.Equal(t, []any{access.KindKey, "usr_ana", "ana", "reviewer", "key_1", ""}, []any{p.Kind, p.UserID, p.Name, p.Role, p.KeyID, p.Barred})
	require.Equal(t, []string{"grp_1"}, p.Groups)
	require.Equal(t, []string{"m*"}, p.KeyModels)
	require.Equal(t, []string{"infer"}, p.KeyOperations)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, p.KeyIPRanges)
	require.EqualValues(t, 5, p.KeyRate.N)

	for subject, barred := range map[string]string{"key:key_2": "key_ended", "key:key_4": "key_ended", "key:key_3": "account_disabled", "user:usr_off": "account_disabled", "user:usr_ana": ""} {
		p, err := g.guard.PrincipalOf(t.Context(), subject)
		require.NoError(t, err, subject)
		require.Equal(t, barred, p.Barred, subject)
		a := g.guard.Explain(question(p, access.Infer, "guard-nano"), nil)
		require.Equal(t, barred == "", a.Allowed, subject)
		if barred != "" {
			require.Equal(t, []any{401, barred}, []any{a.Status, a.Reason}, subject)
		}
		_, err = g.guard.Enter(t.Context(), p, inferNano)
		require.Equal(t, barred == "", err == nil, subject)
	}
	role, err := g.guard.PrincipalOf(t.Context(), "role:reviewer")
	require.NoError(t, err)
	require.Equal(t, access.Principal{Kind: access.KindUser, Role: "reviewer"}, role)
	require.Equal(t, 200, g.guard.Explain(question(role, access.Infer, "guard-nano"), nil).Status)
	group, err := g.guard.PrincipalOf(t.Context(), "group:grp_1")
	require.NoError(t, err)
	a := g.guard.Explain(question(group, access.Infer, "closed"), nil)
	require.Equal(t, []any{404, access.Step{}}, []any{a.Status, a.Role}, "a member has some role; the rules are asked about the group")
	_, err = g.guard.Enter(t.Context(), group, inferNano)
	require.Equal(t, fault.Forbidden, fault.CodeOf(err), "and nobody comes as a group")
	require.Empty(t, g.guard.VisibleModels(group, []string{"guard-nano"}))

	for _, unknown := range []string{"user:usr_x", "user:usr_gone", "user:ana", "key:key_x", "role:nobody", "group:grp_2", "*"} {
		_, err := g.guard.PrincipalOf(t.Context(), unknown)
		require.Equal(t, fault.Unprocessable, fault.CodeOf(err), unknown)
	}
	_, err = g.guard.PrincipalOf(t.Context(), "team:x")
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}
