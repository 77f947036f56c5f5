package policy_test

import (
	"context"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

const (
	ruleA  = "\n  - {id: a, effect: allow, principals: [\"user:rita\"], models: [m1], operations: [infer]}"
	ruleB  = "\n  - {id: b, effect: deny, principals: [\"*\"], models: [m2], operations: [infer]}"
	ruleB2 = "\n  - {id: b, effect: deny, principals: [\"role:nurse\"], models: [m2, m3], operations: [infer]}"
	ruleC  = "\n  - {id: c, effect: allow, principals: [\"role:guest\"], models: [\"m*\"], operations: [view]}"
)

func TestHistoryAndUndo(t *testing.T) {
	h := newHouse(t)
	ada := h.person(t, "ada", "admin")
	h.person(t, "rita", "reviewer")
	first := h.put(t, ruleA+ruleB)
	before := h.whole(t)
	second, err := h.PutPolicy(t.Context(), ada, file(t, ruleB2+ruleC), policy.Write{Note: "spring cleaning"})
	require.NoError(t, err)
	require.Equal(t, policy.Change{
		Version: first.Version + 1, Added: []string{"c"}, Changed: []string{"b"}, Removed: []string{"a"}, Total: 2, Tag: second.Tag,
	}, second)
	h.exec(t, `INSERT INTO policy_versions (version, changed_at, reason) SELECT max(version) + 1, 0, 'a role' FROM policy_versions`)
	require.NoError(t, h.guard.Reload(t.Context()))

	list, next, err := h.Versions(t.Context(), ada, policy.VersionFilter{})
	require.NoError(t, err)
	require.Empty(t, next)
	require.Len(t, list, 4, "every version has its line")
	v := list[1]
	require.Equal(t, "ada", v.Actor)
	require.Equal(t, "spring cleaning", v.Note)
	require.Equal(t, []int{1, 1, 1}, []int{v.Added, v.Changed, v.Removed})
	require.Equal(t, h.last(t).ID, v.EventID)

	d, err := h.Version(t.Context(), ada, second.Version)
	require.NoError(t, err)
	require.True(t, d.Undoable)
	require.Len(t, d.Rules, 3)
	require.Equal(t, "removed", d.Rules[0].Change)
	require.Nil(t, d.Rules[0].After)
	require.Equal(t, "user:rita", d.Rules[0].Before.Principals[0].String(), "by name")
	require.Equal(t, "changed", d.Rules[1].Change)
	require.Nil(t, d.Rules[2].Before)
	require.Contains(t, d.Before, "user:rita")
	require.Contains(t, d.After, "id: c")

	tried, err := h.Undo(t.Context(), ada, second.Version, policy.Write{DryRun: true})
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, tried.Added)
	require.NotEqual(t, before, h.whole(t))
	undone, err := h.Undo(t.Context(), ada, second.Version, policy.Write{})
	require.NoError(t, err)
	require.Equal(t, before, h.whole(t))
	list, _, err = h.Versions(t.Context(), ada, policy.VersionFilter{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "undo "+strconv.FormatInt(second.Version, 10), list[0].Note)
	require.Equal(t, json.Number(strconv.FormatInt(second.Version, 10)), h.last(t).Details["undo"])
	d, err = h.Version(t.Context(), ada, second.Version)
	require.NoError(t, err)
	require.False(t, d.Undoable)
	_, err = h.Undo(t.Context(), ada, second.Version, policy.Write{})
	refused(t, err, fault.Conflict, "version")
	require.Equal(t, before, h.whole(t))
	again, err := h.Undo(t.Context(), ada, undone.Version, policy.Write{})
	require.NoError(t, err, "taking it back can be taken back")
	require.Equal(t, second.Total, again.Total)
}

func TestUndoLeavesWhatCameAfter(t *testing.T) {
	h := newHouse(t)
	h.person(t, "rita", "reviewer")
	h.put(t, ruleA)
	b := h.put(t, ruleA+ruleB)
	h.put(t, ruleA+ruleB+ruleC)
	_, err := h.Undo(t.Context(), cli, b.Version, policy.Write{})
	require.NoError(t, err)
	page, err := h.List(t.Context(), cli, policy.Filter{})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "c"}, ids(page.Rules))

	b = h.put(t, ruleA+ruleB+ruleC)
	h.put(t, ruleA+ruleB2+ruleC)
	_, err = h.Undo(t.Context(), cli, b.Version, policy.Write{})
	refused(t, err, fault.Conflict, "version")
	_, err = h.Undo(t.Context(), cli, 9999, policy.Write{})
	refused(t, err, fault.NotFound, "")
}

// A role's name may come back; a rule that named the one before must not give its rights to the next.
func TestUndoBringsNoForgottenRoleBack(t *testing.T) {
	h := newHouse(t)
	h.exec(t, `INSERT INTO roles (name, builtin, created_at) VALUES ('helper', 0, 0)`)
	h.put(t, "\n  - {id: a, effect: allow, principals: [\"role:helper\"], models: [m1], operations: [infer]}")
	gone := h.put(t, " []")
	h.exec(t, `DELETE FROM roles WHERE name = 'helper'`)
	undoable := func() bool {
		d, err := h.Version(t.Context(), cli, gone.Version)
		require.NoError(t, err)
		return d.Undoable
	}
	require.False(t, undoable())
	_, err := h.Undo(t.Context(), cli, gone.Version, policy.Write{})
	refused(t, err, fault.Unprocessable, "version")

	h.exec(t, `INSERT INTO roles (name, builtin, created_at) VALUES ('helper', 0, ?)`, time.Now().Add(time.Minute).UnixMilli())
	require.NoError(t, h.guard.Reload(t.Context()))
	require.False(t, undoable(), "it is said before somebody tries")
	for _, dry := range []bool{true, false} {
		_, err = h.Undo(t.Context(), cli, gone.Version, policy.Write{DryRun: dry})
		refused(t, err, fault.Conflict, "version")
	}
	require.Contains(t, fault.From(err).Message, "helper")
	require.Empty(t, h.guard.Rules())

	h.exec(t, `UPDATE roles SET created_at = 1 WHERE name = 'helper'`)
	h.exec(t, `INSERT INTO policy_versions (version, changed_at, reason) SELECT max(version) + 1, 0, 'role helper deleted' FROM policy_versions`)
	require.False(t, undoable(), "whatever the clock said when the later role was made")
	_, err = h.Undo(t.Context(), cli, gone.Version, policy.Write{})
	refused(t, err, fault.Conflict, "version")
	h.exec(t, `DELETE FROM policy_versions WHERE reason = 'role helper deleted'`)
	require.True(t, undoable(), "the role that there was then")
	_, err = h.Undo(t.Context(), cli, gone.Version, policy.Write{})
	require.NoError(t, err)
	require.Len(t, h.guard.Rules(), 1)
}

// A group that is gone stays so, and a rule on it binds nobody: it is said before somebody tries.
func TestUndoBringsNoRuleOnADeletedGroupBack(t *testing.T) {
	h := newHouse(t)
	h.group(t, "radiology")
	h.put(t, "\n  - {id: a, effect: allow, principals: [\"group:radiology\"], models: [m1], operations: [infer]}")
	gone := h.put(t, " []")
	d, err := h.Version(t.Context(), cli, gone.Version)
	require.NoError(t, err)
	require.True(t, d.Undoable)
	h.exec(t, `UPDATE groups SET deleted_at = 1 WHERE name = 'radiology'`)
	d, err = h.Version(t.Context(), cli, gone.Version)
	require.NoError(t, err)
	require.False(t, d.Undoable)
	_, err = h.Undo(t.Context(), cli, gone.Version, policy.Write{})
	refused(t, err, fault.Unprocessable, "version")
	require.Contains(t, fault.From(err).Message, "radiology")
}

// counted counts how often names are asked for.
type counted struct {
	policy.Names
	asked int
}

func (c *counted) Shown(ctx context.Context, stored []rule.Principal) (map[rule.Principal]rule.Principal, error) {
	c.asked++
	return c.Names.Shown(ctx, stored)
}

// A version may have changed thousands of rules: their names are not asked for one rule after another.
func TestAVersionAsksForNamesOnce(t *testing.T) {
	h := newHouse(t)
	h.person(t, "rita", "reviewer")
	h.put(t, ruleA+ruleB)
	c := h.put(t, ruleB2+ruleC)
	names := &counted{Names: policy.StoredNames{DB: h.db}}
	d, err := policy.New(policy.Deps{DB: h.db, Guard: h.guard, Names: names}, policy.Options{}).Version(t.Context(), cli, c.Version)
	require.NoError(t, err)
	require.Equal(t, "user:rita", d.Rules[0].Before.Principals[0].String())
	require.Equal(t, "role:nurse", d.Rules[1].After.Principals[0].String())
	require.Equal(t, 1, names.asked)
}

func TestHistoryOfOneRuleAndOneModel(t *testing.T) {
	h := newHouse(t)
	h.person(t, "rita", "reviewer")
	h.put(t, ruleA)              // 1: a on m1
	h.put(t, ruleA+ruleB)        // 2: b on m2
	h.put(t, ruleA+ruleB2)       // 3: b on m2, m3
	h.put(t, ruleA+ruleB2+ruleC) // 4: c on m*
	all, _, err := h.Versions(t.Context(), cli, policy.VersionFilter{})
	require.NoError(t, err)
	require.Len(t, all, 5, "and the start")
	of := func(f policy.VersionFilter) []int {
		list, _, err := h.Versions(t.Context(), cli, f)
		require.NoError(t, err)
		out := []int{}
		for _, v := range list {
			out = append(out, int(v.Version-all[3].Version)+1)
		}
		return out
	}
	require.Equal(t, []int{1}, of(policy.VersionFilter{Rule: "a"}))
	require.Equal(t, []int{3, 2}, of(policy.VersionFilter{Rule: "b"}))
	require.Equal(t, []int{4, 1}, of(policy.VersionFilter{Model: "m1"}))
	require.Equal(t, []int{4, 3}, of(policy.VersionFilter{Model: "m3"}))
	require.Equal(t, []int{4}, of(policy.VersionFilter{Model: "m7"}))
	require.Equal(t, []int{1}, of(policy.VersionFilter{Model: "guard-nano"}), "the shipped rule went with the first")
	list, next, err := h.Versions(t.Context(), cli, policy.VersionFilter{Limit: 3})
	require.NoError(t, err)
	require.Len(t, list, 3)
	list, next, err = h.Versions(t.Context(), cli, policy.VersionFilter{Limit: 3, After: next})
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Empty(t, next)
	_, _, err = h.Versions(t.Context(), cli, policy.VersionFilter{After: "x"})
	refused(t, err, fault.Invalid, "cursor")
}
