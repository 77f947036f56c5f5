package moderation_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/db"
	"guardhouse/internal/moderation"
)

// runtimeRows counts what is kept of runtimes.
func (r *rig) runtimeRows(t testing.TB) (n int) {
	t.Helper()
	require.NoError(t, r.db.ReadSQL().QueryRowContext(context.Background(), "SELECT count(*) FROM runtimes").Scan(&n))
	return n
}

func TestAVerdictSaysWhatComputedIt(t *testing.T) {
	r := newRig(t, with(moderation.Options{Build: "1.2.3 abc", CacheEntries: 10}))
	want := &moderation.RuntimeRef{Build: "1.2.3 abc", Engine: "fake engine", Device: "cpu", Kernels: "none", KVCache: "f16"}
	first := r.judge(t, text("How do I bake bread?"))
	require.Equal(t, want, first.Runtime)
	again := r.judge(t, text("How do I bake bread?"))
	require.True(t, again.Cached)
	require.Equal(t, want, again.Runtime)
	page, err := r.svc.History(t.Context(), rita(), moderation.HistoryFilter{})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	for _, row := range page.Items {
		require.Equal(t, want, row.Runtime)
	}
	tail, _, err := r.svc.Tail(t.Context(), 0, page.Items[0].AuditSeq)
	require.NoError(t, err)
	require.Equal(t, want, tail[0].Runtime)
	require.Equal(t, 1, r.runtimeRows(t), "kept once")
}

// A row of an older release says nothing rather than something.
func TestAnOldVerdictSaysNothingOfWhatComputedIt(t *testing.T) {
	r := newRig(t)
	v := r.judge(t, text("How do I bake bread?"))
	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE verdicts SET runtime_id = NULL")
		return err
	}))
	row, err := r.svc.Get(t.Context(), rita(), v.ID)
	require.NoError(t, err)
	require.Nil(t, row.Runtime)
}
