package rehearsal_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/rehearsal"
)

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := rehearsal.NewTurns(1)
		first, err := turns.Take(t.Context())
		require.NoError(t, err)
		taken := make(chan func(), 1)
		go func() {
			done, err := turns.Take(t.Context())
			if err == nil {
				taken <- done
			}
		}()
		synctest.Wait()
		require.Empty(t, taken, "one at a time")
		first()
		first()
		second := <-taken

		gone, cancel := context.WithCancel(t.Context())
		left := make(chan error, 40)
		for range cap(left) {
			go func() {
				_, err := turns.Take(gone)
				left <- err
			}()
		}
		synctest.Wait()
		require.Len(t, left, 8, "so many do not wait")
		require.Equal(t, fault.Busy, fault.CodeOf(<-left))
		for range 7 {
			require.Equal(t, fault.Busy, fault.CodeOf(<-left))
		}
		cancel()
		for range 32 {
			require.Equal(t, fault.Canceled, fault.CodeOf(<-left))
		}
		_, err = turns.Take(gone)
		require.Equal(t, fault.Canceled, fault.CodeOf(err), "nobody waits for the answer")
		second()
		third, err := turns.Take(t.Context())
		require.NoError(t, err, "an end that is called twice frees one place")
		third()
	})
}
