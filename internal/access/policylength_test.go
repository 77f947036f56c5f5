package access_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// long are n rules with notes that take as much as a note can: 10 KB each.
func long(from, n int) []rule.Rule {
	out := make([]rule.Rule, n)
	for i := range out {
		out[i] = allowing(fmt.Sprintf("long-%05d", from+i), func(x *rule.Rule) { x.Note = strings.Repeat("😀", 1000) })
	}
	return out
}

// What no file holds is not let in by one rule after the other either: it could neither be exported nor replaced.
func TestThePolicyStaysOneThatCanBeWrittenOut(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	const most = (8<<20)/10_000 - 28
	_, err := g.putRules(admin, 0, add(long(0, most)...))
	require.NoError(t, err)
	n := most
	for err == nil && n < most+100 {
		n += 4
		_, err = g.putRules(admin, 0, add(long(n, 4)...))
	}
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.Equal(t, "rules", fault.From(err).Field)
	require.Greater(t, n, most+4, "the last rule that fits is taken")
	_, err = rule.File{Rules: g.guard.Rules()}.YAML()
	require.NoError(t, err)

	_, err = g.putRules(admin, 0, func([]rule.Rule) ([]rule.Rule, error) { return []rule.Rule{allowing("emergency")}, nil })
	require.NoError(t, err, "and what replaces them has its history")
	require.Len(t, g.guard.Rules(), 1)
}

// Names count as they are written: who is called in an endless word of Chinese takes more than his id.
func TestNamesCountForTheLengthOfAPolicy(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	try := func(name func(i int) string) error {
		g.exec(t, `DELETE FROM users WHERE id LIKE 'usr_%' AND id <> 'usr_alice'`)
		var who []rule.Principal
		for i := range 200 {
			g.exec(t, `INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at)
				VALUES (?1, 'person', ?2, ?2, 'reviewer', 'active', 0, 0)`, fmt.Sprint("usr_", i), name(i))
			who = append(who, rule.Principal{Kind: rule.KindUser, Ref: fmt.Sprint("usr_", i)})
		}
		rules := make([]rule.Rule, 250)
		for i := range rules {
			rules[i] = allowing(fmt.Sprintf("r-%05d", i), func(x *rule.Rule) { x.Principals = who })
		}
		pass, err := g.guard.Enter(t.Context(), admin, access.Op{Action: access.ACLManage})
		require.NoError(t, err)
		defer pass.Close(&err)
		_, err = g.guard.PutPolicy(t.Context(), pass, 0, func(*db.Tx, access.Policy) (access.PolicyWrite, error) {
			return access.PolicyWrite{Rules: rules, DryRun: true}, nil
		})
		return err
	}
	require.NoError(t, try(func(i int) string { return fmt.Sprint("somebody-", i) }))
	require.Equal(t, fault.Invalid, fault.CodeOf(try(func(i int) string { return strings.Repeat("病", 61) + fmt.Sprintf("%03d", i) })))
}

// What is counted is an upper bound: where it says no, the text itself decides.
func TestWhatCanBeWrittenIsTakenThoughItLooksTooLong(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	rules := make([]rule.Rule, 160)
	for i := range rules {
		rules[i] = allowing(fmt.Sprintf("r-%05d", i), func(x *rule.Rule) {
			for j := range 1000 {
				x.Conditions.IPRanges = append(x.Conditions.IPRanges, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(j >> 8), byte(j), 1}), 32))
			}
		})
	}
	require.False(t, rule.Fits(rules, nil), "by the count alone")
	_, err := g.putRules(admin, 0, add(rules...))
	require.NoError(t, err)
	_, err = rule.File{Rules: g.guard.Rules()}.YAML()
	require.NoError(t, err)
}

// Rules of before there was a bound are past it: what makes them less is taken, and what replaces them, and nothing that makes
// them more.
func TestARuleSetPastTheBoundCanOnlyShrink(t *testing.T) {
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	_, err := g.putRules(admin, 0, add(long(0, 500)...))
	require.NoError(t, err)
	for _, copied := range []string{
		`INSERT INTO acl_rules (id, effect, mode, conditions, note, owner_id, origin, created_at, updated_at)
			SELECT 'old-' || id, effect, mode, conditions, note, owner_id, origin, created_at, updated_at FROM acl_rules`,
		`INSERT INTO acl_rule_principals (rule_id, kind, ref) SELECT 'old-' || rule_id, kind, ref FROM acl_rule_principals`,
		`INSERT INTO acl_rule_models (rule_id, model) SELECT 'old-' || rule_id, model FROM acl_rule_models`,
		`INSERT INTO acl_rule_operations (rule_id, operation) SELECT 'old-' || rule_id, operation FROM acl_rule_operations`,
	} {
		g.exec(t, copied)
	}
	g.exec(t, `DELETE FROM acl_rules WHERE id NOT LIKE '%long-%'`)
	require.NoError(t, g.guard.Reload(t.Context()))
	require.Equal(t, 1000, len(g.guard.Rules())) //nolint:testifylint // ten megabytes of rules help nobody who reads that it failed

	_, err = g.putRules(admin, 0, add(allowing("more")))
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	_, err = g.putRules(admin, 0, func(now []rule.Rule) ([]rule.Rule, error) {
		now[7].Note, now[8].Note = "", strings.Repeat("😀", 999)
		return now, nil
	})
	require.NoError(t, err, "a note made shorter")
	_, err = g.putRules(admin, 0, func([]rule.Rule) ([]rule.Rule, error) { return []rule.Rule{allowing("emergency")}, nil })
	require.NoError(t, err, "what replaces them all")
	require.Len(t, g.guard.Rules(), 1)
	require.Equal(t, 1, g.count(t, `SELECT count(*) FROM policy_changes WHERE version = (SELECT max(version) FROM policy_changes)
		AND before LIKE '# 1000 rules%' AND after LIKE '%emergency%'`), "and the history says what it could not keep")
}
