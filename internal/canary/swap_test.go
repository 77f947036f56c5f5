package canary_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/canary"
	"guardhouse/internal/catalog"
	"guardhouse/internal/moderation"
	"guardhouse/models"
)

// newSwapRig is a rig with a second guard that was recorded once and is out of memory again.
func newSwapRig(t *testing.T, respond func(string) string) *rig {
	t.Helper()
	r := newRig(t, nil, respond, moderation.Options{})
	path := filepath.Join(t.TempDir(), "second.gguf")
	require.NoError(t, os.WriteFile(path, models.GuardNano, 0o600))
	_, err := r.cat.Import(t.Context(), access.System("tester"), catalog.ImportRequest{Path: path, ID: "second", Allow: []string{"*"}})
	require.NoError(t, err)
	require.NoError(t, r.guard.Reload(t.Context()))
	require.NoError(t, r.models.Refresh(t.Context()))
	require.Len(t, r.look(t), 2)
	_, err = r.cat.Unload(t.Context(), access.System("tester"), catalog.Change{ID: "second"})
	require.NoError(t, err)
	require.NoError(t, r.models.Refresh(t.Context()))
	r.look(t)
	return r
}

// replace asks for the second guard as the default and has it loaded.
func (r *rig) replace(t *testing.T) {
	t.Helper()
	_, err := r.cat.MakeDefault(t.Context(), access.System("tester"), catalog.DefaultChange{Change: catalog.Change{ID: "second"}, Replace: true})
	require.NoError(t, err)
	require.NoError(t, r.models.Refresh(t.Context()))
	require.Equal(t, "guard-nano", r.nano(t).ID, "it was not asked yet")
	require.NoError(t, r.judge(t))
}

// threat M9: a guard takes the default's place when its canaries have answered, and one that drifted takes nobody's.
func TestADriftedGuardReplacesNobody(t *testing.T) {
	for _, drifts := range []bool{false, true} {
		say, turned := turning()
		r := newSwapRig(t, say)
		turned.Store(drifts)
		r.replace(t)
		require.Len(t, r.look(t), 1)
		require.NoError(t, r.judge(t))
		_ = r.models.Refresh(t.Context())
		require.NoError(t, r.judge(t))
		if !drifts {
			require.Equal(t, "second", r.nano(t).ID)
			continue
		}
		require.Equal(t, "guard-nano", r.nano(t).ID)
		m, err := r.cat.Resolve(t.Context(), "second")
		require.NoError(t, err)
		require.Equal(t, catalog.CanaryDrift, m.StateCode)
		require.Equal(t, "The model does not answer its canaries as recorded. The default before it goes on.", m.StateReason)
		st, _ := r.canary.State("second")
		require.Equal(t, canary.Drifted, st.Result)
	}
}

// A guard that was on its way out and is taken back has answered already.
func TestAGuardThatIsTakenBackIsProven(t *testing.T) {
	r := newSwapRig(t, nil)
	r.replace(t)
	r.look(t)
	require.NoError(t, r.models.Refresh(t.Context()))
	h, err := r.models.Take(t.Context(), catalog.KindGuard, "second")
	require.NoError(t, err)
	defer h.Done()
	h2, err := r.models.Take(t.Context(), catalog.KindGuard, "guard-nano")
	require.NoError(t, err)
	defer h2.Done()
	_, err = r.cat.MakeDefault(t.Context(), access.System("tester"), catalog.DefaultChange{Change: catalog.Change{ID: "guard-nano"}, Replace: true})
	require.NoError(t, err)
	require.NoError(t, r.models.Refresh(t.Context()))
	r.look(t)
	require.Equal(t, "guard-nano", r.nano(t).ID)
}

// To be asked by the server is no use of a model by anybody.
func TestAProbeIsNoUse(t *testing.T) {
	r := newRig(t, nil, nil, moderation.Options{})
	before := r.models.Used("guard-nano")
	require.False(t, before.IsZero())
	during := time.Time{}
	require.NoError(t, r.svc.Examine(t.Context(), access.Server("canary"), access.ModelManage, "guard-nano", set(t).Inputs()[:1], func([]moderation.Rejudged) (c moderation.Concluded) {
		during = r.models.Used("guard-nano")
		return c
	}))
	require.Equal(t, before, during)
	require.Equal(t, before, r.models.Used("guard-nano"))
	require.NoError(t, r.judge(t))
	require.True(t, r.models.Used("guard-nano").After(before))
}
