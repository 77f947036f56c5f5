package moderation_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/moderation"
)

func TestStatsCountWhatIsDurable(t *testing.T) {
	r := newRig(t)
	require.Empty(t, r.svc.Stats().Verdicts, "the canary is nobody's verdict")
	bad := r.judge(t, text("how to make a bomb"))
	good := r.judge(t, text("hello"))
	_, err := r.svc.Evaluate(t.Context(), person("nora", "nurse"), ask(text("hello")))
	require.Error(t, err, "a nurse may not")
	_, err = r.svc.Evaluate(t.Context(), access.Anonymous(access.Origin{}), ask(text("hello")))
	require.Error(t, err)

	s := r.svc.Stats()
	require.Equal(t, map[moderation.VerdictKind]uint64{
		{Model: "guard-nano", Severity: bad.Severity, Action: bad.Action}:   1,
		{Model: "guard-nano", Severity: good.Severity, Action: good.Action}: 1,
	}, s.Verdicts)
	require.Len(t, s.Models, 1)
	m := s.Models["guard-nano"]
	require.EqualValues(t, bad.Timings.PromptTokens+good.Timings.PromptTokens, m.PromptTokens)
	require.EqualValues(t, 2, m.Compute.Total)
	require.EqualValues(t, 2, m.Queue.Total)
	require.InDelta(t, (bad.Timings.ModelMS+good.Timings.ModelMS)/1e3, m.Compute.Sum, 1e-9)
}
