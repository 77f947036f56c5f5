package access_test

import (
	"fmt"
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
