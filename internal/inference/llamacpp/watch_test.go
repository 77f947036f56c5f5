package llamacpp

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWatchTellsWhatMoved: what did not move is not told twice, what moved last is told at the end, and nothing after it.
func TestWatchTellsWhatMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done int32
		var heard []float64
		end := watch(&done, func(part float64) { heard = append(heard, part) })
		for _, to := range []int32{2500, 2500, 7500} {
			atomic.StoreInt32(&done, to)
			<-time.After(watchEvery)
			synctest.Wait()
		}
		atomic.StoreInt32(&done, watchWhole)
		end()
		require.Equal(t, []float64{0.25, 0.75, 1}, heard)
	})
}

// TestWatchWithoutAnEar: nobody is started for nobody.
func TestWatchWithoutAnEar(t *testing.T) {
	done := int32(watchWhole)
	watch(&done, nil)()
}
