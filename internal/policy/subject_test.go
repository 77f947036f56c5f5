package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/db"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

// A number that is missing from the list reads as something that was deleted.
func TestEveryVersionHasItsLine(t *testing.T) {
	h := newHouse(t)
	h.person(t, "rita", "reviewer")
	h.group(t, "fraud-desk")
	h.group(t, "gone")
	for _, reason := range []string{
		"grp_fraud-desk made", "grp_fraud-desk has other members", "grp_gone deleted", "role changed deleted", "role nurse changed",
		"role of user:usr_rita changed", "setting acl.default changed", "something of another release",
	} {
		require.NoError(t, h.db.Write(func(tx *db.Tx) error { return h.guard.Changed(tx, reason) }))
	}
	h.exec(t, `UPDATE groups SET deleted_at = 1 WHERE id = 'grp_gone'`)
	h.put(t, ruleA)

	list, next, err := h.Versions(t.Context(), cli, policy.VersionFilter{})
	require.NoError(t, err)
	require.Empty(t, next)
	type line struct {
		version int64
		kind    policy.Kind
		subject string
		added   int
	}
	got := make([]line, len(list))
	for i, v := range list {
		got[i] = line{v.Version, v.Kind, v.Subject, v.Added}
		require.Equal(t, v.Kind == policy.KindRules, v.EventID != "", v.Version)
	}
	require.Equal(t, []line{
		{10, policy.KindRules, "", 1},
		{9, policy.KindOther, "", 0},
		{8, policy.KindSetting, "acl.default", 0},
		{7, policy.KindUserRole, "", 0},
		{6, policy.KindRoleChanged, "nurse", 0},
		{5, policy.KindRoleDeleted, "changed", 0},
		{4, policy.KindGroupDeleted, "gone", 0},
		{3, policy.KindGroupMembers, "fraud-desk", 0},
		{2, policy.KindGroupMade, "fraud-desk", 0},
		{1, policy.KindStart, "", 0}, // as the product came
	}, got)

	page, next, err := h.Versions(t.Context(), cli, policy.VersionFilter{Limit: 4})
	require.NoError(t, err)
	require.Len(t, page, 4)
	page, _, err = h.Versions(t.Context(), cli, policy.VersionFilter{Limit: 4, After: next})
	require.NoError(t, err)
	require.Equal(t, int64(6), page[0].Version)
	page, _, err = h.Versions(t.Context(), cli, policy.VersionFilter{Model: "m1"})
	require.NoError(t, err)
	require.Len(t, page, 1, "what concerns the model alone")
	_, err = h.Version(t.Context(), cli, 3)
	require.Error(t, err)
}

// What only comes from elsewhere now says what it said.
func TestAFileThatSaysTheSameChangesNoRule(t *testing.T) {
	f := newFiled(t, head+ruleA+ruleB)
	restart := func(file string) policy.Version {
		f.house = openHouse(t, f.db, policy.Options{File: file})
		require.NoError(t, f.Start(t.Context()))
		list, _, err := f.Versions(t.Context(), cli, policy.VersionFilter{})
		require.NoError(t, err)
		return list[0]
	}
	v := restart("")
	require.Equal(t, policy.KindFromDatabase, v.Kind)
	require.Zero(t, v.Changed)
	h := f.house
	h.put(t, ruleA+ruleB2)
	write(t, f.path, head+ruleA+ruleB)
	v = restart(f.path)
	require.Equal(t, policy.KindFromFile, v.Kind)
	require.Equal(t, []int{0, 1, 0}, []int{v.Added, v.Changed, v.Removed})
	d, err := f.Version(t.Context(), cli, v.Version)
	require.NoError(t, err)
	require.Equal(t, "b", d.Rules[0].ID)
	require.False(t, d.Undoable)
	require.Equal(t, []string{"file", "file"}, origins(f.guard.Rules()))
}

func origins(list []rule.Rule) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].Origin
	}
	return out
}
