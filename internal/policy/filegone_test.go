package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

const ruleOwned = "\n  - {id: o, effect: deny, principals: [\"group:ward\", \"user:rita\"], models: [m2], operations: [infer], owner: \"user:rita\"}"

// Whoever is deleted takes nothing from a file that names him: neither that it is in force nor the deny that it gets next.
func TestAFileStaysGoodWhoeverIsGone(t *testing.T) {
	f := newFiled(t, head+ruleA)
	f.group(t, "ward")
	write(t, f.path, head+ruleA+ruleOwned)
	require.True(t, f.looks(t).Valid)
	f.exec(t, `UPDATE users SET status = 'deleted', deleted_at = 1 WHERE id = 'usr_rita'`)
	apptest.RequireRows(t, f.db, 0, func() {
		f.open(t)
		require.NoError(t, f.Start(t.Context()))
	})
	require.True(t, f.FileState().Valid, "what is in force is the file")

	write(t, f.path, head+ruleA+ruleOwned+ruleB)
	require.True(t, f.looks(t).Valid, f.FileState().Problem)
	require.Equal(t, []string{"a", "b", "o"}, ids(f.guard.Rules()))
	require.Equal(t, rule.Principal{Kind: rule.KindUser, Ref: "usr_rita"}, f.guard.Rules()[0].Principals[0])
	require.Equal(t, "user:usr_rita", f.guard.Rules()[2].Owner)

	for name, text := range map[string]string{
		"by a rule that did not name her":  "\n  - {id: x, effect: allow, principals: [\"user:rita\"], models: [m1], operations: [infer]}",
		"by one that names somebody else":  ruleB[:len(ruleB)-1] + ", owner: \"user:rita\"}",
		"one who looks like her":           "\n  - {id: a, effect: allow, principals: [\"user:rіta\"], models: [m1], operations: [infer]}", // threat Z7
		"her name for a group of that one": "\n  - {id: a, effect: allow, principals: [\"group:rita\"], models: [m1], operations: [infer]}",
	} {
		write(t, f.path, head+text)
		require.Contains(t, f.looks(t).Problem, "rules[0].", name)
	}
	require.Equal(t, []string{"a", "b", "o"}, ids(f.guard.Rules()))

	whole := f.whole(t)
	raw(t, f.path, whole)
	require.True(t, f.looks(t).Valid, "and what is exported is taken")
}

// A group that was deleted stays in the rules that named it, by the name that it had and by the one that is shown, and comes into
// no other.
func TestAFileMayNameAGroupThatIsGone(t *testing.T) {
	f := newFiled(t, head+ruleA)
	f.group(t, "ward")
	write(t, f.path, head+ruleA+ruleOwned)
	require.True(t, f.looks(t).Valid)
	f.exec(t, `UPDATE groups SET deleted_at = 1 WHERE id = 'grp_ward'`)
	noted := strings.Replace(ruleOwned, "owner:", "note: night, owner:", 1)
	for _, text := range []string{noted, strings.Replace(noted, "group:ward", "group:deleted:grp_ward", 1) + ruleB} {
		write(t, f.path, head+ruleA+text)
		require.True(t, f.looks(t).Valid, f.FileState().Problem)
	}
	rules := f.guard.Rules()
	require.Equal(t, []string{"a", "b", "o"}, ids(rules))
	require.Equal(t, "night", rules[2].Note)
	require.Equal(t, rule.Principal{Kind: rule.KindGroup, Ref: "grp_ward"}, rules[2].Principals[0])

	write(t, f.path, head+ruleA+noted+strings.Replace(ruleOwned, "id: o", "id: p", 1))
	apptest.RequireRows(t, f.db, 1, func() { require.Contains(t, f.looks(t).Problem, "rules[2].") })
	apptest.RequireRows(t, f.db, 0, func() { f.pass(time.Minute); f.looks(t) })
}

// A name that nobody has at all, as after a look into the tables by hand, takes nothing from a content that is in force.
func TestAFileInForceStaysGoodWithoutAName(t *testing.T) {
	f := newFiled(t, head+ruleA)
	f.exec(t, `DELETE FROM sessions`)
	f.exec(t, `DELETE FROM users WHERE id = 'usr_rita'`)
	apptest.RequireRows(t, f.db, 0, func() {
		f.open(t)
		require.NoError(t, f.Start(t.Context()))
	})
	require.True(t, f.FileState().Valid, f.FileState().Problem)
	write(t, f.path, head+ruleA+ruleB)
	require.Contains(t, f.looks(t).Problem, "rules[0].principals[0]", "another content has to name who is there")
}

// A file that is not in force is not saved by being the same as the last but for what its rules are now.
func TestRulesThatWereChangedBehindTheFileAreTheFilesAgain(t *testing.T) {
	f := newFiled(t, head+ruleA)
	f.exec(t, `UPDATE acl_rules SET effect = 'deny' WHERE id = 'a'`)
	require.NoError(t, f.guard.Reload(t.Context()))
	f.open(t)
	apptest.RequireRows(t, f.db, 1, func() { require.NoError(t, f.Start(t.Context())) })
	require.True(t, f.guard.Rules()[0].Allow)
}

// Whom a deny names by a key may end that key at any time: that must not keep the next file out.
func TestAFileMayNameKeysThatEnded(t *testing.T) {
	f := newFiled(t, head+ruleA)
	key := func(id, line, rest string) {
		f.exec(t, `INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, created_by, created_at, line, revoked_at)
			VALUES (?1, 'usr_rita', 'x', ?1, ?1, 'x', `+rest[:1]+`, ?2, nullif(`+rest[2:]+`, 0))`, id, line)
	}
	key("key_1", "", "1 0")
	text := head + ruleA + "\n  - {id: k, effect: deny, principals: [\"key:key_1\"], models: [m1], operations: [infer]}"
	write(t, f.path, text)
	require.True(t, f.looks(t).Valid)
	f.exec(t, `UPDATE api_keys SET revoked_at = 2 WHERE id = 'key_1'`)
	key("key_2", "key_1", "2 0")
	f.exec(t, `UPDATE api_keys SET rotated_to = 'key_2' WHERE id = 'key_1'`)
	write(t, f.path, text+ruleB)
	require.True(t, f.looks(t).Valid, f.FileState().Problem)
	require.Equal(t, []string{"a", "b", "k"}, ids(f.guard.Rules()))
	require.Equal(t, rule.Principal{Kind: rule.KindKey, Ref: "key_1"}, f.guard.Rules()[2].Principals[0], "the line is denied")
	require.Contains(t, f.whole(t), "key:key_2", "and shown as the one that somebody has")
	write(t, f.path, text+ruleC+"\n  - {id: l, effect: deny, principals: [\"key:key_1\", \"key:key_2\"], models: [m2], operations: [infer]}")
	require.True(t, f.looks(t).Valid, "also by a new rule, and both are one")
	require.Len(t, f.guard.Rules()[3].Principals, 1)
}

// A file whose rules are stored and cannot be read back yet is no bad file.
func TestAFileThatIsNotInForceYetIsNotBad(t *testing.T) {
	f := newFiled(t, head+ruleA)
	write(t, f.path, head+ruleB)
	f.group(t, "ward")
	f.exec(t, `INSERT INTO group_members (group_id, user_id, added_at) VALUES ('grp_ward', 'usr_rita', 0)`)
	f.exec(t, `ALTER TABLE group_members RENAME TO members`)
	f.exec(t, `CREATE VIEW group_members AS SELECT * FROM members WHERE json(CASE (SELECT count(*) FROM policy_changes) WHEN 1 THEN '{}' ELSE 'x' END) = '{}'`)
	require.NoError(t, f.guard.Reload(t.Context()))
	var st policy.FileState
	apptest.RequireRows(t, f.db, 1, func() { st = f.looks(t) })
	require.True(t, st.Valid, st.Problem)
	require.Equal(t, audit.Allow, f.last(t).Decision)
	require.Equal(t, []string{"a"}, ids(f.guard.Rules()))
}
