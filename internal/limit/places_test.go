package limit_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
)

func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := limit.NewPlaces(1, "busy")
		first, err := places.Take(t.Context(), "ana")
		require.NoError(t, err)
		taken := make(chan func(), 1)
		go func() {
			done, err := places.Take(t.Context(), "bo")
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
		for i := range cap(left) {
			go func() {
				_, err := places.Take(gone, strconv.Itoa(i))
				left <- err
			}()
		}
		synctest.Wait()
		require.Len(t, left, 8, "so many do not wait")
		for range 8 {
			err := <-left
			require.Equal(t, fault.Busy, fault.CodeOf(err))
			require.Positive(t, fault.From(err).RetryAfter)
		}
		cancel()
		for range 32 {
			require.Equal(t, fault.Canceled, fault.CodeOf(<-left))
		}
		_, err = places.Take(gone, "ana")
		require.Equal(t, fault.Canceled, fault.CodeOf(err), "nobody waits for the answer")
		second()
		third, err := places.Take(t.Context(), "ana")
		require.NoError(t, err, "an end that is called twice frees one place")
		third()
	})
}

// Whoever asks for many has one place, and stands in the line once.
func TestPlacesOfOneAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := limit.NewPlaces(2, "busy")
		taken, refused := make(chan func(), 20), make(chan error, 20)
		ask := func(ctx context.Context, account string) {
			done, err := places.Take(ctx, account)
			if err != nil {
				refused <- err
				return
			}
			taken <- done
		}
		gone, cancel := context.WithCancel(t.Context())
		for range 12 {
			go ask(gone, "ana")
		}
		synctest.Wait()
		require.Len(t, taken, 1)
		require.Len(t, refused, 3, "eight wait")
		for range 3 {
			require.Equal(t, fault.Busy, fault.CodeOf(<-refused))
		}
		go ask(t.Context(), "bo")
		synctest.Wait()
		require.Len(t, taken, 2, "the other place is for others")
		ana, bo := <-taken, <-taken
		ana()
		synctest.Wait()
		require.Len(t, taken, 1, "her next one")
		cancel()
		synctest.Wait()
		for range 7 {
			require.Equal(t, fault.Canceled, fault.CodeOf(<-refused))
		}
		(<-taken)()
		bo()
		for range 2 { // whoever left holds nothing
			done, err := places.Take(t.Context(), "ana")
			require.NoError(t, err)
			done()
		}
	})
}
