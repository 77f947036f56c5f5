package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

const several = `{"effect":"allow","principals":["group:radiology"],"models":["m*","other"],"operations":["infer"]}`

func one(t testing.TB, text string) rule.Rule {
	t.Helper()
	r, err := rule.ParseJSON([]byte(text))
	require.NoError(t, err)
	return r
}

func TestARuleIsMadeChangedAndDeleted(t *testing.T) {
	h := newHouse(t)
	h.group(t, "radiology")
	made, tag, err := h.Create(t.Context(), cli, one(t, several), policy.Write{})
	require.NoError(t, err)
	require.Regexp(t, "^rule_", made.ID)
	require.Equal(t, []string{"m*", "other"}, made.Models)
	got, same, err := h.Rule(t.Context(), cli, made.ID)
	require.NoError(t, err)
	require.Equal(t, made, got)
	require.Equal(t, tag, same)
	_, _, err = h.Create(t.Context(), cli, made, policy.Write{})
	refused(t, err, fault.Conflict, "id")

	next := one(t, strings.Replace(several, `"infer"`, `"view","infer"`, 1))
	changed, tag2, created, err := h.Put(t.Context(), cli, made.ID, next, policy.Write{IfMatch: &tag})
	require.NoError(t, err)
	require.False(t, created)
	require.NotEqual(t, tag, tag2)
	require.Equal(t, []rule.Operation{rule.View, rule.Infer}, changed.Operations)
	require.Equal(t, "rule:"+made.ID, h.last(t).Resource)
	_, _, _, err = h.Put(t.Context(), cli, made.ID, next, policy.Write{IfMatch: &tag})
	refused(t, err, fault.Stale, "")
	_, _, _, err = h.Put(t.Context(), cli, "another", made, policy.Write{})
	refused(t, err, fault.Invalid, "id")
	_, _, _, err = h.Put(t.Context(), cli, "another", next, policy.Write{IfMatch: &tag})
	refused(t, err, fault.Stale, "")
	_, _, created, err = h.Put(t.Context(), cli, "another", next, policy.Write{})
	require.NoError(t, err)
	require.True(t, created)

	refused(t, h.Delete(t.Context(), cli, made.ID, policy.Write{IfMatch: &tag}), fault.Stale, "")
	require.NoError(t, h.Delete(t.Context(), cli, made.ID, policy.Write{IfMatch: &tag2}))
	_, _, err = h.Rule(t.Context(), cli, made.ID)
	refused(t, err, fault.NotFound, "")
	refused(t, h.Delete(t.Context(), cli, made.ID, policy.Write{}), fault.NotFound, "")
	refused(t, h.Delete(t.Context(), cli, "Hunter2-the-password", policy.Write{}), fault.NotFound, "")
	require.Empty(t, h.last(t).Resource, "what is no rule's id is not kept") // threat U5
	_, _, err = h.Create(t.Context(), cli, one(t, `{"effect":"allow","principals":["*"],"operations":["infer"]}`), policy.Write{})
	refused(t, err, fault.Invalid, "models")
}

func TestAShippedRuleThatIsChangedIsTheAdministrators(t *testing.T) {
	h := newHouse(t)
	list, err := h.List(t.Context(), cli, policy.Filter{})
	require.NoError(t, err)
	shipped := list.Rules[0]
	require.Equal(t, "shipped", list.About[shipped.ID].Origin)
	_, _, _, err = h.Put(t.Context(), cli, shipped.ID, shipped, policy.Write{})
	require.NoError(t, err)
	require.Equal(t, "shipped", h.guard.Rules()[0].Origin, "it says what it said")
	shipped.Note = "narrower"
	_, _, _, err = h.Put(t.Context(), cli, shipped.ID, shipped, policy.Write{})
	require.NoError(t, err)
	require.Equal(t, "admin", h.guard.Rules()[0].Origin)
}

func TestRulesAreListed(t *testing.T) {
	h := newHouse(t)
	h.person(t, "rita", "reviewer")
	var text strings.Builder
	for i := range 7 {
		fmt.Fprintf(&text, "\n  - {id: r%d, effect: deny, principals: [\"user:rita\"], models: [m%d], operations: [infer]}", i, i%2+1)
	}
	text.WriteString("\n  - {id: wide, effect: deny, principals: [\"*\"], models: [\"m*\"], operations: [infer]}")
	h.put(t, text.String())
	var seen []string
	f := policy.Filter{Limit: 3}
	for {
		page, err := h.List(t.Context(), cli, f)
		require.NoError(t, err)
		require.Equal(t, 8, page.Total)
		seen = append(seen, ids(page.Rules)...)
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	require.Equal(t, []string{"r0", "r1", "r2", "r3", "r4", "r5", "r6", "wide"}, seen)
	for filter, want := range map[policy.Filter][]string{
		{Model: "m2"}:                           {"r1", "r3", "r5", "wide"},
		{Model: "m9"}:                           {"wide"},
		{Principal: "*"}:                        {"wide"},
		{Principal: "user:rita", Model: "m1"}:   {"r0", "r2", "r4", "r6"},
		{Principal: "role:nurse"}:               {},
		{Principal: "user:rita", After: "r5"}:   {"r6"},
		{Principal: "user:rita", After: "zzzz"}: {},
	} {
		page, err := h.List(t.Context(), cli, filter)
		require.NoError(t, err)
		require.Equal(t, want, ids(page.Rules), filter)
	}
	_, err := h.List(t.Context(), cli, policy.Filter{Principal: "user:nobody"})
	refused(t, err, fault.Unprocessable, "principal")
	_, err = h.List(t.Context(), cli, policy.Filter{Principal: "rita"})
	refused(t, err, fault.Invalid, "principal")
}

func TestOnlyWhoAdministersRules(t *testing.T) {
	h := newHouse(t)
	for _, role := range []string{"reviewer", "radiologist", "nurse", "guest"} {
		p := h.person(t, "p"+role, role)
		for name, do := range map[string]func() error{
			"model":    func() error { _, err := h.Model(t.Context(), p, "m1"); return err },
			"unknown":  func() error { _, err := h.Model(t.Context(), p, "m9"); return err },
			"list":     func() error { _, err := h.List(t.Context(), p, policy.Filter{}); return err },
			"rule":     func() error { _, _, err := h.Rule(t.Context(), p, "shipped-guard-nano"); return err },
			"policy":   func() error { _, err := h.Policy(t.Context(), p); return err },
			"versions": func() error { _, _, err := h.Versions(t.Context(), p, policy.VersionFilter{}); return err },
			"version":  func() error { _, err := h.Version(t.Context(), p, 1); return err },
			"put model": func() error {
				_, err := h.PutModel(t.Context(), p, "m1", nil, policy.Write{})
				return err
			},
			"create":     func() error { _, _, err := h.Create(t.Context(), p, one(t, several), policy.Write{}); return err },
			"delete":     func() error { return h.Delete(t.Context(), p, "shipped-guard-nano", policy.Write{}) },
			"put policy": func() error { _, err := h.PutPolicy(t.Context(), p, rule.File{}, policy.Write{}); return err },
			"undo":       func() error { _, err := h.Undo(t.Context(), p, 1, policy.Write{}); return err },
			"a try": func() error {
				_, err := h.PutPolicy(t.Context(), p, rule.File{}, policy.Write{DryRun: true})
				return err
			},
		} {
			apptest.RequireRows(t, h.db, 1, func() { require.Equal(t, fault.Forbidden, fault.CodeOf(do()), role+" "+name) })
			require.Equal(t, audit.Deny, h.last(t).Decision)
		}
	}
	require.Len(t, h.guard.Rules(), 1)
}

// Who was an admin when he asked and is none when it would be written is refused (ADR 0023).
func TestTheRightIsAskedForWhereItIsWritten(t *testing.T) {
	h := newHouse(t)
	ada := h.person(t, "ada", "admin")
	h.exec(t, `UPDATE users SET role = 'nurse' WHERE id = 'usr_ada'`)
	_, err := h.PutModel(t.Context(), ada, "m1", nil, policy.Write{}) // with the role of the moment of asking
	refused(t, err, fault.Forbidden, "")
	require.Equal(t, audit.Deny, h.last(t).Decision)
}

// Rules are about models. Whatever they deny to whom, administering them and undoing that is another action, which rules say
// nothing of.
func TestNoRuleLocksAdministratorsOut(t *testing.T) {
	h := newHouse(t)
	ada := h.person(t, "ada", "admin")
	h.put(t, ` [{id: all, effect: deny, principals: ["*", "role:admin", "user:ada"], models: ["*"], operations: ["*"]}]`)
	require.False(t, h.may(t, ada, "m1"), "she is refused like anybody")
	require.True(t, h.guard.Can(ada, access.ACLManage))
	require.Equal(t, []string{"m1"}, h.guard.VisibleModels(ada, []string{"m1"}))
	v, err := h.Model(t.Context(), ada, "m1")
	require.NoError(t, err)
	require.Equal(t, []string{"all"}, ids(v.Others))
	list, _, err := h.Versions(t.Context(), ada, policy.VersionFilter{})
	require.NoError(t, err)
	_, err = h.Undo(t.Context(), ada, list[0].Version, policy.Write{})
	require.NoError(t, err)
	require.NotContains(t, h.whole(t), "id: all")
}

func TestNotesAreWordsForPeople(t *testing.T) {
	h := newHouse(t)
	for _, note := range []string{strings.Repeat("字", 501), "a\x00b", "a\u202eb", "\xff"} {
		_, err := h.PutModel(t.Context(), cli, "m1", nil, policy.Write{Note: note})
		refused(t, err, fault.Invalid, "note")
	}
	_, err := h.PutModel(t.Context(), cli, "m1", nil, policy.Write{Note: strings.Repeat("字", 500)})
	require.NoError(t, err)
}
