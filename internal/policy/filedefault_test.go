package policy_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/fault"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

// Whoever takes the file away opens nothing by that.
func TestWithoutItsFileADenyOfTheFileStays(t *testing.T) {
	f := newFiled(t, "version: 1\ndefault: deny\nrules: []")
	rita := f.person(t, "rob", "reviewer")
	start := func(o policy.Options) *house {
		h := openHouse(t, f.db, o)
		require.NoError(t, h.Start(t.Context()))
		require.NoError(t, h.guard.Reload(t.Context()))
		return h
	}
	var said strings.Builder
	open := policy.Options{DefaultAllow: true, Log: slog.New(slog.NewTextHandler(&said, nil))}
	left := func(h *house) bool {
		left, err := h.DefaultLeft(t.Context())
		require.NoError(t, err)
		return left
	}
	require.False(t, left(f.house), "the file says so itself")
	var h *house
	apptest.RequireRows(t, f.db, 1, func() { h = start(open) })
	require.False(t, h.may(t, rita, "m1"))
	w, err := h.Policy(t.Context(), cli)
	require.NoError(t, err)
	require.Equal(t, "deny", w.Default, "it is said")
	said.Reset()
	apptest.RequireRows(t, f.db, 0, func() { h = start(open) })
	require.Contains(t, said.String(), "still stands", "at each start")
	require.True(t, left(h))
	require.False(t, h.may(t, rita, "m1"), "a second start is no way either")
	_, err = h.PutPolicy(t.Context(), cli, rule.File{}, policy.Write{})
	require.NoError(t, err)
	require.False(t, h.may(t, rita, "m1"), "nor is an import that says nothing of it")
	_, err = h.PutPolicy(t.Context(), cli, rule.File{Default: "deny"}, policy.Write{})
	require.NoError(t, err)
	_, err = h.PutPolicy(t.Context(), cli, rule.File{Default: "allow"}, policy.Write{DryRun: true})
	require.NoError(t, err)
	require.False(t, h.may(t, rita, "m1"))
	_, err = h.PutPolicy(t.Context(), cli, rule.File{Default: "allow"}, policy.Write{})
	require.NoError(t, err)
	w, err = h.Policy(t.Context(), cli)
	require.NoError(t, err)
	require.Empty(t, w.Default, "acl.default counts again")
	require.False(t, left(h))
	_, err = h.PutPolicy(t.Context(), cli, rule.File{Default: "deny"}, policy.Write{})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
}

// The setting has the last word where it closes as well: whoever opens it later means to.
func TestWhatAFileLeftIsForgottenOnceTheSettingSaysTheSame(t *testing.T) {
	f := newFiled(t, "version: 1\ndefault: deny\nrules: []")
	start := func(o policy.Options) string {
		h := openHouse(t, f.db, o)
		require.NoError(t, h.Start(t.Context()))
		w, err := h.Policy(t.Context(), cli)
		require.NoError(t, err)
		return w.Default
	}
	require.Equal(t, "deny", start(policy.Options{DefaultAllow: true}))
	apptest.RequireRows(t, f.db, 1, func() { require.Empty(t, start(policy.Options{})) })
	apptest.RequireRows(t, f.db, 0, func() { require.Empty(t, start(policy.Options{DefaultAllow: true})) })
}
