package overview

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/doctor"
)

func TestOneRoundAtATimeAndItsReportIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rounds, running := newRounds(), 0, 0
		examine := func(context.Context) doctor.Report {
			running++
			require.Equal(t, 1, running)
			<-time.After(10 * time.Second)
			running, rounds = running-1, rounds+1
			return doctor.Report{OK: true}
		}
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				<-time.After(time.Duration(i) * time.Second)
				_, err := r.get(t.Context(), roundEvery, time.Now, examine)
				require.NoError(t, err)
			})
		}
		all.Wait()
		require.Equal(t, 1, rounds, "who came while it ran is shown what it found")
		require.Equal(t, 10*time.Second, r.last().Took)
		_, err := r.get(t.Context(), roundFresh, time.Now, examine)
		require.NoError(t, err)
		require.Equal(t, 1, rounds)
		_, err = r.get(t.Context(), roundEvery, time.Now, examine)
		require.NoError(t, err)
		require.Equal(t, 2, rounds)
	})
}

func TestARoundEndsInTimeAndOneThatWasLeftIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRounds()
		patient := func(ctx context.Context) doctor.Report {
			<-ctx.Done()
			return doctor.Report{}
		}
		start := time.Now()
		_, err := r.get(t.Context(), 0, time.Now, patient)
		require.NoError(t, err)
		require.Equal(t, roundMost, time.Since(start))
		kept := r.last()
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		_, err = r.get(ctx, 0, time.Now, patient)
		require.Error(t, err)
		require.Same(t, kept, r.last())
		_, err = r.get(ctx, 0, time.Now, patient)
		require.Error(t, err, "who has left does not wait")
	})
}
