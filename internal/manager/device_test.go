package manager_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/manager"
)

// What a model has on a GPU is counted there and not against the machine's memory; what the GPU has no room for is, and is refused with
// both numbers and with what would do.
func TestTheDeviceIsCountedApart(t *testing.T) {
	const gb = 1_000_000_000
	r := newRig(t, manager.Tuning{Memory: 2 * gb})
	r.engine.takes = map[string]int64{"guard-nano": gb, "large": 6 * gb, "larger": 5 * gb}
	r.engine.board = &board{total: 8 * gb, free: 7 * gb}
	r.brought("large")
	r.refresh()
	require.Equal(t, catalog.StateReady, r.state("large"), "the machine alone has no room for it")
	room := r.Room()
	require.EqualValues(t, 8, room.Used, "the caches")
	require.Equal(t, []manager.DeviceRoom{{Name: "cuda:Board", Total: 8 * gb, Used: 7 * gb, Free: 0}}, room.Devices)

	m := r.brought("larger")
	r.refresh()
	require.Equal(t, "failed no_memory", r.state("larger"))
	for _, part := range []string{"needs 4769 MiB of memory beside 0 MiB on a GPU, where 0 MiB are free", "of the 1907 MiB for models 1907 MiB are free", "unload large"} {
		require.Contains(t, r.model("larger").StateReason, part)
	}
	_, err := r.cat.Unload(t.Context(), admin(), catalog.Change{ID: "large"})
	require.NoError(t, err)
	r.refresh()
	r.refresh()
	require.Equal(t, catalog.StateReady, r.state("larger"), "what was said would do does")
	needs, known := r.Takes(m)
	require.True(t, known)
	require.EqualValues(t, 5*gb, needs.GPU)
	require.EqualValues(t, 6*gb, r.Room().Devices[0].Used)
}
