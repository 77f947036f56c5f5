package access_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// putRules replaces the rules as p, and answers what became of it.
func (g gate) putRules(p access.Principal, expect int64, change func([]rule.Rule) ([]rule.Rule, error)) (version int64, err error) {
	pass, err := g.guard.Enter(context.Background(), p, access.Op{Action: access.ACLManage, Resource: "acl"})
	if err != nil {
		return 0, err
	}
	defer pass.Close(&err)
	return g.guard.PutRules(context.Background(), pass, expect, change)
}

func add(rules ...rule.Rule) func([]rule.Rule) ([]rule.Rule, error) {
	return func(now []rule.Rule) ([]rule.Rule, error) { return append(now, rules...), nil }
}

func allowing(id string, change ...func(*rule.Rule)) rule.Rule {
	x := rule.Rule{
		ID: id, Allow: true, Principals: []rule.Principal{{Kind: rule.KindRole, Ref: "reviewer"}}, Models: []string{"m"},
		Operations: []rule.Operation{rule.View, rule.Infer},
	}
	for _, c := range change {
		c(&x)
	}
	return x
}

func inferOn(model string) access.Op {
	o := inferNano
	o.Model = model
	return o
}

func TestPutRules(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	conditions, err := rule.ParseConditions([]byte(`{"ip_ranges":["192.0.2.0/24"],"rate_limit":"100req/min","hours":"Mon-Sun 00:00-24:00 Asia/Shanghai"}`))
	require.NoError(t, err)
	a := allowing("a", func(x *rule.Rule) { x.Conditions, x.Note, x.Owner = conditions, "ward tablets", "user:usr_alice" })
	version, err := g.putRules(admin, 0, add(a, allowing("")))
	require.NoError(t, err)
	require.EqualValues(t, 2, version)
	require.EqualValues(t, 2, g.guard.PolicyVersion(), "in force when it returns")
	require.True(t, g.guard.Decide(user("reviewer"), inferOn("m")).Allowed)
	rules := g.guard.Rules()
	require.Len(t, rules, 3)
	a.Origin = "admin"
	require.Equal(t, a, rules[0])
	require.True(t, strings.HasPrefix(rules[1].ID, "rule_"), "a rule without an id gets one")
	row := g.only(t)
	require.Equal(t, []string{"acl.manage", "acl", audit.Allow}, []string{row.Action, row.Resource, row.Decision})
	require.Equal(t, []any{"a", rules[1].ID}, row.Details["added"])

	require.NoError(t, g.guard.Reload(t.Context()))
	require.Equal(t, rules, g.guard.Rules(), "what is stored is what was written")

	// what does not differ is not written: neither a version nor a history
	same, err := g.putRules(admin, version, func(now []rule.Rule) ([]rule.Rule, error) {
		now[0].Operations = []rule.Operation{rule.Infer, rule.View, rule.View}
		return now, nil
	})
	require.NoError(t, err)
	require.Equal(t, version, same)
	require.Equal(t, 1, g.count(t, "SELECT count(*) FROM policy_changes"))

	version, err = g.putRules(admin, version, func(now []rule.Rule) ([]rule.Rule, error) {
		now[0].Note = "tablets"
		return now[:1], nil
	})
	require.NoError(t, err)
	require.EqualValues(t, 3, version)
	var before, after, who string
	require.NoError(t, g.db.ReadSQL().QueryRowContext(t.Context(), "SELECT before, after, actor_name FROM policy_changes WHERE version = 3").Scan(&before, &after, &who))
	was, err := rule.ParseFile([]byte(before))
	require.NoError(t, err)
	is, err := rule.ParseFile([]byte(after))
	require.NoError(t, err)
	require.Len(t, was.Rules, 3, "changed and removed rules as they were")
	require.Equal(t, "ward tablets", was.Rules[0].Note)
	require.Len(t, is.Rules, 1)
	require.Equal(t, "tablets", is.Rules[0].Note)
	require.Equal(t, "alice", who)
	rows := g.events(t)
	last := rows[len(rows)-1]
	require.Equal(t, []any{"a"}, last.Details["changed"])
	require.Len(t, last.Details["removed"], 2)
	require.False(t, g.guard.Decide(user("reviewer"), inferNano).Allowed, "the shipped rule is gone")
	g.verify(t)
}

// A group that is deleted between the reading of its name and the write binds nobody any more: no rule may name it.
func TestARuleNamesNoDeletedGroup(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	g.exec(t, `INSERT INTO groups (id, name, name_key, created_at) VALUES ('grp_1', 'night', 'night', 0)`)
	deny := allowing("x", func(x *rule.Rule) {
		x.Allow, x.Principals = false, []rule.Principal{{Kind: rule.KindGroup, Ref: "grp_1"}}
	})
	_, err := g.putRules(admin, 0, add(deny))
	require.NoError(t, err)
	g.exec(t, `UPDATE groups SET deleted_at = 1`)
	deny.ID = "y"
	_, err = g.putRules(admin, 0, add(deny))
	require.Equal(t, fault.Unprocessable, fault.CodeOf(err))
	_, err = g.putRules(admin, 0, add(allowing("z")))
	require.NoError(t, err, "what is kept is not asked about")
}

func TestRefusedPoliciesChangeNothing(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	_, err := g.putRules(admin, 0, add(allowing("a")))
	require.NoError(t, err)
	many := make([]rule.Rule, rule.MaxRules)
	for i := range many {
		many[i] = allowing(fmt.Sprint("r", i))
	}
	wide := make([]rule.Rule, 20)
	for i := range wide {
		wide[i] = allowing(fmt.Sprint("w", i))
		for k := range 256 {
			wide[i].Models = append(wide[i].Models, fmt.Sprintf("model-%d-%d", i, k))
		}
		wide[i].Principals = nil
		for range 1000 {
			wide[i].Principals = append(wide[i].Principals, rule.Principal{Kind: rule.KindRole, Ref: "reviewer"})
		}
	}
	for name, c := range map[string]struct {
		put  func([]rule.Rule) ([]rule.Rule, error)
		code fault.Code
	}{
		"what change refuses":  {func([]rule.Rule) ([]rule.Rule, error) { return nil, fault.New(fault.Unprocessable, "no") }, fault.Unprocessable},
		"two of one id":        {add(allowing("a")), fault.Invalid},
		"a bad id":             {add(allowing("a b")), fault.Invalid},
		"no model":             {add(allowing("b", func(x *rule.Rule) { x.Models = nil })), fault.Invalid},
		"no principal":         {add(allowing("b", func(x *rule.Rule) { x.Principals = nil })), fault.Invalid},
		"a rate on a deny":     {add(allowing("b", func(x *rule.Rule) { x.Allow, x.Conditions.Rate = false, per(1, time.Second) })), fault.Invalid},
		"a note too long":      {add(allowing("b", func(x *rule.Rule) { x.Note = strings.Repeat("x", 5000) })), fault.Invalid},
		"an unknown role":      {add(allowing("b", func(x *rule.Rule) { x.Principals[0].Ref = "nobody" })), fault.Unprocessable},
		"an unknown person":    {add(allowing("b", func(x *rule.Rule) { x.Principals[0] = rule.Principal{Kind: "user", Ref: "usr_x"} })), fault.Unprocessable},
		"an unknown key":       {add(allowing("b", func(x *rule.Rule) { x.Principals[0] = rule.Principal{Kind: "key", Ref: "key_x"} })), fault.Unprocessable},
		"an unknown group":     {add(allowing("b", func(x *rule.Rule) { x.Principals[0] = rule.Principal{Kind: "group", Ref: "grp_x"} })), fault.Unprocessable},
		"an unknown owner":     {add(allowing("b", func(x *rule.Rule) { x.Owner = "user:usr_x" })), fault.Unprocessable},
		"an origin of nowhere": {add(allowing("b", func(x *rule.Rule) { x.Origin = "moon" })), fault.Invalid},
		"too many":             {add(many...), fault.Invalid},
		"too wide together":    {add(wide...), fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			rules, version := g.guard.Rules(), g.guard.PolicyVersion()
			stored := g.count(t, "SELECT count(*) FROM acl_rules") + g.count(t, "SELECT count(*) FROM policy_versions")
			_, err := g.putRules(admin, 0, c.put)
			require.Equal(t, c.code, fault.CodeOf(err), "%v", err)
			require.Equal(t, rules, g.guard.Rules())
			require.Equal(t, version, g.guard.PolicyVersion())
			require.Equal(t, stored, g.count(t, "SELECT count(*) FROM acl_rules")+g.count(t, "SELECT count(*) FROM policy_versions"))
			all := g.events(t)
			require.Equal(t, []string{audit.Error, string(c.code)}, []string{all[len(all)-1].Decision, all[len(all)-1].Reason})
		})
	}
	g.verify(t)
}

// Who may administer rules is asked again in the transaction that changes them.
func TestWhoMayPutRules(t *testing.T) {
	g := newGate(t, "")
	for _, role := range []string{"reviewer", "nurse", "guest"} {
		_, err := g.putRules(g.person(t, "p-"+role, role), 0, add(allowing("x")))
		require.Equal(t, fault.Forbidden, fault.CodeOf(err), role)
	}
	_, err := g.putRules(access.System("root"), 0, add(allowing("by-cli")))
	require.NoError(t, err)

	admin := g.person(t, "alice", "admin")
	pass, err := g.guard.Enter(t.Context(), admin, access.Op{Action: access.ACLManage})
	require.NoError(t, err)
	g.exec(t, `UPDATE users SET role = 'guest' WHERE id = ?`, admin.UserID)
	_, err = g.guard.PutRules(t.Context(), pass, 0, add(allowing("too-late")))
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	pass.Close(&err)
	require.Len(t, g.guard.Rules(), 2)

	other, err := g.guard.Enter(t.Context(), access.System("root"), inferNano)
	require.NoError(t, err)
	_, err = g.guard.PutRules(t.Context(), other, 0, add(allowing("by-another-pass")))
	require.Error(t, err, "a pass for something else is none for this")
	other.Close(&err)
	_, err = g.guard.PutRules(t.Context(), nil, 0, add(allowing("without")))
	require.Equal(t, fault.Internal, fault.CodeOf(err))
	g.verify(t)
}

// A version is stale from the first change of rules after it on, and from no other change of the policy.
func TestStaleVersions(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	first := g.guard.PolicyVersion()
	change(t, g.db, g.guard, `INSERT INTO groups (id, name, name_key, created_at) VALUES ('grp_1', 'g', 'g', 0)`)
	version, err := g.putRules(admin, first, add(allowing("a")))
	require.NoError(t, err, "a group came, and no rule changed")
	for _, old := range []int64{first, first + 1, version + 1, -1} {
		_, err = g.putRules(admin, old, add(allowing("b")))
		require.Equal(t, fault.Stale, fault.CodeOf(err), old)
	}
	_, err = g.putRules(admin, version, add(allowing("b")))
	require.NoError(t, err)
}

// Of writers that read the same version exactly one wins, and nothing of the others is left.
func TestOneOfManyPoliciesWins(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	version := g.guard.PolicyVersion()
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			_, err := g.putRules(admin, version, add(allowing(fmt.Sprint("writer-", i))))
			switch fault.CodeOf(err) {
			case "":
				won.Add(1)
			case fault.Stale:
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, won.Load())
	require.Len(t, g.guard.Rules(), 2)
	g.verify(t)
}

func TestPutPolicyWritesWhatBelongsTogether(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	write := func(w access.PolicyWrite) (access.PolicyChange, error) {
		pass, err := g.guard.Enter(t.Context(), admin, access.Op{Action: access.ACLManage})
		require.NoError(t, err)
		defer pass.Close(&err)
		var c access.PolicyChange
		c, err = g.guard.PutPolicy(t.Context(), pass, 0, func(_ *db.Tx, now access.Policy) (access.PolicyWrite, error) {
			w.Rules = append(now.Rules, w.Rules...)
			return w, nil
		})
		return c, err
	}
	also := func(fail error) func(*db.Tx, audit.Event, int64) error {
		return func(tx *db.Tx, ev audit.Event, version int64) error {
			_, err := tx.Exec("INSERT INTO meta (key, value) VALUES ('beside', ?)", fmt.Sprint(version, " ", ev.Action))
			return errors.Join(err, fail)
		}
	}
	_, err := write(access.PolicyWrite{Rules: []rule.Rule{allowing("a")}, Also: also(errors.New("no"))})
	require.Error(t, err)
	require.Len(t, g.guard.Rules(), 1)

	c, err := write(access.PolicyWrite{Rules: []rule.Rule{allowing("a")}, Also: also(nil), DryRun: true})
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, c.Added)
	require.Len(t, c.Rules, 2, "what would be stored")
	require.Len(t, g.guard.Rules(), 1)
	require.Zero(t, g.count(t, "SELECT count(*) FROM meta WHERE key = 'beside'"))
	rows := g.events(t)
	require.Equal(t, true, rows[len(rows)-1].Details["dry_run"])

	c, err = write(access.PolicyWrite{Rules: []rule.Rule{allowing("a")}, Note: "asked for by the ward", Default: "allow", Details: map[string]any{"request": "req_1"}, Also: also(nil)})
	require.NoError(t, err)
	require.EqualValues(t, 2, c.Version)
	require.True(t, g.guard.DefaultAllow())
	require.Equal(t, 1, g.count(t, "SELECT count(*) FROM meta WHERE key = 'beside' AND value = '2 acl.manage'"))
	require.Equal(t, 1, g.count(t, "SELECT count(*) FROM policy_changes WHERE note = 'asked for by the ward'"))
	rows = g.events(t)
	require.Equal(t, "req_1", rows[len(rows)-1].Details["request"])

	_, err = write(access.PolicyWrite{Default: "maybe"})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	g.verify(t)
}

// A rule that nobody can read stays as it is until somebody writes it anew.
func TestUnreadableRulesStayUntilTheyAreWritten(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	change(t, g.db, g.guard, `INSERT INTO acl_rules (id, effect, mode, conditions, origin, created_at, updated_at) VALUES ('newer', 'allow', 'enforce', '{"moon":"full"}', 'admin', 0, 0)`,
		`INSERT INTO acl_rule_principals (rule_id, kind, ref) VALUES ('newer', 'any', '')`, `INSERT INTO acl_rule_models (rule_id, model) VALUES ('newer', 'm')`,
		`INSERT INTO acl_rule_operations (rule_id, operation) VALUES ('newer', '*')`)
	_, err := g.putRules(admin, 0, add(allowing("a")))
	require.NoError(t, err)
	require.Equal(t, 1, g.count(t, `SELECT count(*) FROM acl_rules WHERE conditions = '{"moon":"full"}'`))
	require.Equal(t, 1, g.count(t, `SELECT count(*) FROM acl_rule_operations WHERE rule_id = 'newer'`))
	_, err = g.putRules(admin, 0, func(now []rule.Rule) ([]rule.Rule, error) {
		for i := range now {
			if now[i].ID == "newer" {
				now[i] = allowing("newer")
			}
		}
		return now, nil
	})
	require.NoError(t, err)
	require.Equal(t, 1, g.count(t, `SELECT count(*) FROM acl_rules WHERE id = 'newer' AND conditions = '{}'`))
	require.Equal(t, 1, g.count(t, `SELECT count(*) FROM policy_changes WHERE before LIKE '# "newer" could not be read%'`))
}

// A whole policy of the largest size is written and in force within seconds.
func TestTheLargestPolicy(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	_, err := g.putRules(admin, 0, func(now []rule.Rule) ([]rule.Rule, error) {
		for i := range rule.MaxRules - len(now) {
			now = append(now, allowing(fmt.Sprintf("r%05d", i), func(x *rule.Rule) { x.Models[0] = fmt.Sprint("model-", i) }))
		}
		return now, nil
	})
	require.NoError(t, err)
	require.Len(t, g.guard.Rules(), rule.MaxRules)
	require.True(t, g.guard.Decide(user("reviewer"), inferOn("model-9998")).Allowed)
	rows := g.events(t)
	require.Len(t, rows[len(rows)-1].Details["added"], 50)
	require.Equal(t, "9999", fmt.Sprint(rows[len(rows)-1].Details["added_count"]))
}

// Holders of acl.manage see and administer every model under any rules whatever: nobody locks the administration out.
func TestNoRuleLocksAdministratorsOut(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	shut := allowing("shut", func(x *rule.Rule) {
		x.Allow, x.Principals, x.Models, x.Operations = false, []rule.Principal{{Kind: rule.KindAny}}, []string{"*"}, []rule.Operation{rule.Every}
	})
	_, err := g.putRules(admin, 0, func([]rule.Rule) ([]rule.Rule, error) { return []rule.Rule{shut}, nil })
	require.NoError(t, err)
	require.Equal(t, []string{"guard-nano"}, g.guard.VisibleModels(admin, []string{"guard-nano"}))
	require.False(t, g.guard.Decide(admin, inferNano).Allowed, "running a model is another operation")
	for _, a := range []access.Action{access.ACLManage, access.UserManage, access.AuditRead} {
		require.True(t, g.guard.Can(admin, a))
	}
	_, err = g.putRules(admin, 0, func([]rule.Rule) ([]rule.Rule, error) { return nil, nil })
	require.NoError(t, err, "and take it back")
	require.Empty(t, g.guard.Rules())
}
