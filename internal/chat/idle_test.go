package chat_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/manager"
)

// A model that is out of memory because nobody used it comes back for whoever was let in, and for nobody else.
func TestWhoMayWriteWakesAnIdleModel(t *testing.T) {
	r := newRig(t)
	r.models.Tune(manager.Tuning{Idle: 1})
	require.NoError(t, r.models.Refresh(t.Context()))
	r.models.Tune(manager.Tuning{})
	_, err := r.svc.Complete(t.Context(), person("gus", "guest"), ask("parrot", "hello"))
	require.NotEqual(t, fault.Loading, fault.CodeOf(err))
	require.NoError(t, r.models.Refresh(t.Context()))
	_, in := r.models.Layout("parrot")
	require.False(t, in)
	_, err = r.svc.Complete(t.Context(), rita(), ask("parrot", "hello"))
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	require.Positive(t, fault.From(err).RetryAfter)
	require.NoError(t, r.models.Refresh(t.Context()))
	a, err := r.svc.Complete(t.Context(), rita(), ask("parrot", "hello"))
	require.NoError(t, err)
	require.Equal(t, "hello", a.Text)
	h, err := r.models.Take(t.Context(), catalog.KindGuard, "")
	require.NoError(t, err)
	defer h.Done()
	_, err = h.Resident()
	require.NoError(t, err, "the default guard stayed")
}
