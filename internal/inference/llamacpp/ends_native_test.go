//go:build !nollama

package llamacpp

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// threat M3: the end of a context reads its backends once more, so they must not be gone by then. What would be read is
// freed memory, which only a sanitizer sees (scripts/asan-models.sh); here the order is held.
func TestBackendsOutliveTheirScheduler(t *testing.T) {
	runtime.LockOSThread() // the engine ends them on the thread that closes
	defer runtime.UnlockOSThread()
	w, err := loadWeights(t.Context(), nano(t), true, nil)
	require.NoError(t, err)
	defer w.free()
	n, err := openLane(w, laneLimits{slots: 1, slotTokens: 128, batch: chunk, threads: 1, poll: poll, flash: true})
	require.NoError(t, err)
	before := held()
	n.close()
	require.Greater(t, held(), before, "the backends of a context end after it")
}
