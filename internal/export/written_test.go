package export_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/export"
)

// Retention asks how far the schedules are: the one that is least far counts, and the table alone is not believed.
func TestHowFarSchedulesAre(t *testing.T) {
	t.Parallel()
	h, _ := scheduled(t)
	far := func() int64 {
		seq, limited, err := h.Written(t.Context())
		require.NoError(t, err)
		require.True(t, limited)
		return seq
	}
	_, limited, err := h.Written(t.Context())
	require.NoError(t, err)
	require.False(t, limited, "nobody is waited for")
	h.fill(5)
	first, err := h.Add(t.Context(), h.alice(), daily())
	require.NoError(t, err)
	require.Zero(t, far(), "it has written nothing yet")
	h.exec(`UPDATE export_schedules SET after_seq = 6`)
	require.Zero(t, far(), "the log knows of no file")
	h.exec(`UPDATE export_schedules SET after_seq = 0`)

	h.turn(24 * time.Hour)
	require.NoError(t, h.RunDue(t.Context()))
	require.Equal(t, int64(7), far(), "up to its own opening row")
	h.take(export.Request{Format: export.JSONL})
	require.Equal(t, int64(7), far(), "what somebody takes is no file of it")
	h.exec(`UPDATE export_schedules SET after_seq = 100`)
	require.Equal(t, int64(7), far())

	second := daily()
	second.Name = "second"
	_, err = h.Add(t.Context(), h.alice(), second)
	require.NoError(t, err)
	require.Zero(t, far(), "the one that is least far")
	require.NoError(t, h.Remove(t.Context(), h.alice(), "second"))
	require.Equal(t, int64(7), far())
	require.NoError(t, h.Remove(t.Context(), h.alice(), first.ID))
	_, limited, err = h.Written(t.Context())
	require.NoError(t, err)
	require.False(t, limited)
}
