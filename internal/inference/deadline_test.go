package inference_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// TestADeadlineInTheLine: who may wait for 25 ms behind a minute's work waits for 25 ms, not longer, learns how long the line
// is and when to come back, and leaves his place to the next at once.
func TestADeadlineInTheLine(t *testing.T) {
	passes := newRig(t, 1, 1).people(t, 3)
	synctest.Test(t, func(t *testing.T) {
		m := newPaced(2)
		s := schedule(t, m, 32)
		var all sync.WaitGroup
		for range 10 {
			l := acquire(t, s, passes[0])
			all.Go(func() {
				defer l.Release()
				if _, err := l.Judge(t.Context(), ask("patient")); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		const mayWait = 5 * onePass / 2
		ctx, cancel := context.WithTimeout(t.Context(), mayWait)
		defer cancel()
		hasty := acquire(t, s, passes[0])
		start := time.Now()
		_, err := hasty.Judge(ctx, ask("hasty"))
		require.Equal(t, mayWait, time.Since(start))
		f := fault.From(err)
		require.Equal(t, fault.Timeout, f.Code)
		require.Equal(t, "The time for this request passed while it waited for the model.", f.Message)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.GreaterOrEqual(t, f.RetryAfter, time.Second)
		require.Equal(t, &fault.Line{Waiting: 5, Capacity: 32}, f.Line, "two passes of two are answered, two run")
		require.Equal(t, 4, s.Status()[0].Queued)
		hasty.Release()
		all.Wait()
		require.Equal(t, 5*onePass, time.Since(start))
		require.Equal(t, 10, m.run(), "the model never saw it")

		// The same in the middle of a pass.
		ctx, cancel = context.WithTimeout(t.Context(), onePass/2)
		defer cancel()
		l := acquire(t, s, passes[1])
		_, err = l.Judge(ctx, ask("slow"))
		require.Equal(t, fault.Timeout, fault.CodeOf(err))
		gone, leave := context.WithCancel(t.Context())
		leave()
		_, err = l.Judge(gone, ask("gone"))
		require.Equal(t, fault.Canceled, fault.CodeOf(err))
		l.Release()

		st := s.Status()[0]
		require.Equal(t, []uint64{10, 0, 1, 2}, []uint64{st.Judged, st.Failed, st.Left, st.Late})
		require.Equal(t, []uint64{10, 0, 1, 2}, []uint64{st.Waits.Judged.Total, st.Waits.Failed.Total, st.Waits.Left.Total, st.Waits.Late.Total})
		require.InDelta(t, mayWait.Seconds(), st.Waits.Late.Sum, 1e-6, "the one in the pass had not waited")
		require.InDelta(t, 2*(0+1+2+3+4)*onePass.Seconds(), st.Waits.Judged.Sum, 1e-6)
	})
}

// TestWhatAWaitingPersonSees: how many wait, how many of them are his, his place, how long it will be; nothing of who the
// others are. Whoever comes new stands before those who wait already, once.
func TestWhatAWaitingPersonSees(t *testing.T) {
	passes := newRig(t, 1, 1).people(t, 3)
	synctest.Test(t, func(t *testing.T) {
		s := schedule(t, newPaced(2), 32)
		see := func(who *access.Pass) inference.Line {
			l, err := s.Line(modelID, who.Account())
			require.NoError(t, err)
			return l
		}
		require.Equal(t, inference.Line{Capacity: 32}, see(passes[0]))
		var all sync.WaitGroup
		send := func(who *access.Pass, n int) {
			for range n {
				l := acquire(t, s, who)
				all.Go(func() { defer l.Release(); _, _ = l.Judge(t.Context(), ask("forty ids of a text, more or less, here")) })
			}
			synctest.Wait()
		}
		send(passes[0], 8)
		<-time.After(onePass) // two are done: how long one takes is known
		synctest.Wait()
		send(passes[1], 1)
		require.Equal(t, inference.Line{Waiting: 5, Capacity: 32, Yours: 1, Place: 1, Expected: onePass / 2, OldestWait: onePass}, see(passes[1]))
		require.Equal(t, inference.Line{Waiting: 5, Capacity: 32, Yours: 6, Place: 2, Expected: onePass, OldestWait: onePass}, see(passes[0]))
		require.Equal(t, inference.Line{Waiting: 5, Capacity: 32, OldestWait: onePass}, see(passes[2]), "he does not wait")
		all.Wait()
		require.Equal(t, inference.Line{Capacity: 32}, see(passes[0]))
		_, err := s.Line("no-such-model", "usr_0")
		require.Equal(t, fault.Loading, fault.CodeOf(err))
	})
}

// TestARefusalTellsThePlace: it would have been the next one.
func TestARefusalTellsThePlace(t *testing.T) {
	r := newRig(t, 3, 1)
	for range 4 {
		defer r.lease(t).Release()
	}
	_, err := r.sched.Acquire(t.Context(), r.enter(t), modelID)
	f := fault.From(err)
	require.Equal(t, fault.Busy, f.Code)
	require.Equal(t, &fault.Line{Position: 4, Waiting: 3, Capacity: 3}, f.Line)
}

// TestRolesHaveWeights: of two that always ask, one of a role with weight two gets two texts for one.
func TestRolesHaveWeights(t *testing.T) {
	r := newRig(t, 1, 1)
	var passes []*access.Pass
	for _, p := range []access.Principal{
		{Kind: access.KindUser, UserID: "usr_0", Name: "a", Role: "reviewer"}, {Kind: access.KindUser, UserID: "usr_1", Name: "b", Role: "admin"},
	} {
		pass, err := r.guard.Enter(t.Context(), p, access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: modelID})
		require.NoError(t, err)
		passes = append(passes, pass)
	}
	synctest.Test(t, func(t *testing.T) {
		s := inference.New(inference.Options{Queue: 64, Weights: map[string]int{"reviewer": 2}})
		require.NoError(t, s.Add(t.Context(), newPaced(1), inference.Spec{ModelID: modelID}))
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		var mu sync.Mutex
		got := [2]int{}
		for i := range got {
			l := acquire(t, s, passes[i])
			for range 400 {
				all.Go(func() {
					if _, err := l.Judge(ctx, ask(string(make([]rune, 64)))); err == nil {
						mu.Lock()
						got[i]++
						mu.Unlock()
					}
				})
			}
			defer l.Release()
		}
		<-time.After(300*onePass + onePass/2)
		cancel()
		all.Wait()
		require.InDelta(t, 2, float64(got[0])/float64(got[1]), 0.05, "%v", got)
	})
}
