package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/policy"
)

// Whoever tries a change and then makes it with the tag that the trial answered is not refused for his own trial.
func TestATrialAnswersTheTagOfWhatStands(t *testing.T) {
	h := newHouse(t)
	h.put(t, ruleB)
	tried := func(tag int64) policy.Write { return policy.Write{IfMatch: &tag} }
	dry := policy.Write{DryRun: true}

	next := file(t, ruleB2+ruleC)
	try, err := h.PutPolicy(t.Context(), cli, next, dry)
	require.NoError(t, err)
	made, err := h.PutPolicy(t.Context(), cli, next, tried(try.Tag))
	require.NoError(t, err)
	require.NotEqual(t, try.Tag, made.Tag)

	changed := one(t, `{"id":"c","effect":"deny","principals":["*"],"models":["m*"],"operations":["view"]}`)
	_, tag, created, err := h.Put(t.Context(), cli, "c", changed, dry)
	require.NoError(t, err)
	require.False(t, created)
	_, put, _, err := h.Put(t.Context(), cli, "c", changed, tried(tag))
	require.NoError(t, err)
	require.NotEqual(t, tag, put)
	changed.ID = "new"
	_, tag, created, err = h.Put(t.Context(), cli, "new", changed, dry)
	require.NoError(t, err)
	require.True(t, created)
	require.Zero(t, tag, "nothing stands there")
	_, _, _, err = h.Put(t.Context(), cli, "none", changed, dry)
	refused(t, err, fault.Invalid, "id")

	own := rules(t, `[{"id":"own","effect":"allow","principals":["role:nurse"],"operations":["view"]}]`)
	view, err := h.PutModel(t.Context(), cli, "m1", own, dry)
	require.NoError(t, err)
	_, err = h.PutModel(t.Context(), cli, "m1", own, tried(view.Tag))
	require.NoError(t, err)

	list, _, err := h.Versions(t.Context(), cli, policy.VersionFilter{})
	require.NoError(t, err)
	undo, err := h.Undo(t.Context(), cli, list[0].Version, dry)
	require.NoError(t, err)
	w, err := h.Policy(t.Context(), cli)
	require.NoError(t, err)
	require.Equal(t, w.Tag, undo.Tag)
}
