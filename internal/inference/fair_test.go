package inference_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// onePass is how long a query takes in a paced model, on a bubble's clock: waits come out in whole passes.
const onePass = 10 * time.Millisecond

// paced is an engine and its model: each query takes one pass of time and none of a processor.
type paced struct {
	slots  int
	closed chan struct{}

	mu     sync.Mutex
	passes int
}

func newPaced(slots int) *paced { return &paced{slots: slots, closed: make(chan struct{})} }

func (m *paced) Load(context.Context, inference.Spec) (inference.Model, error) { return m, nil }
func (m *paced) Prime(context.Context, [][]int32) error                        { return nil }
func (m *paced) Close() error                                                  { close(m.closed); return nil }

func (m *paced) Describe() inference.Description { return inference.Description{Slots: m.slots} }

func (m *paced) Judge(ctx context.Context, _ inference.Query) (inference.Answer, error) {
	m.mu.Lock()
	m.passes++
	m.mu.Unlock()
	select {
	case <-time.After(onePass):
		return inference.Answer{Passes: 1, Compute: onePass}, nil
	case <-ctx.Done():
		return inference.Answer{}, fault.From(ctx.Err())
	case <-m.closed:
		return inference.Answer{}, fault.New(fault.Canceled, "closed")
	}
}

// Generate takes a pass for each id, and gives its place back where it is asked to.
func (m *paced) Generate(ctx context.Context, g inference.Generation) (inference.Generated, error) {
	out := inference.Generated{Reason: inference.Length, Stop: -1, Prompt: len(g.Prompt), Cached: g.Written}
	for len(out.IDs) < g.Max {
		if _, err := m.Judge(ctx, inference.Query{}); err != nil {
			out.Reason = inference.Canceled
			return out, err
		}
		out.IDs = append(out.IDs, int32(g.Written+len(out.IDs)))
		out.Compute += onePass
		if g.Sink != nil && !g.Sink(inference.Token{ID: out.IDs[len(out.IDs)-1]}) {
			out.Reason = inference.Stopped
			return out, nil
		}
		if len(out.IDs)%inference.TurnIDs == 0 && len(out.IDs) < g.Max && g.Yield() {
			out.Reason = inference.Yielded
			return out, nil
		}
	}
	return out, nil
}

func (m *paced) run() int { m.mu.Lock(); defer m.mu.Unlock(); return m.passes }

// people answers one open pass for each of n users, made before a bubble begins.
func (r *rig) people(t *testing.T, n int) []*access.Pass {
	t.Helper()
	all := make([]*access.Pass, n)
	for i := range all {
		p := access.Principal{Kind: access.KindUser, UserID: fmt.Sprint("usr_", i), Name: "r", Role: "reviewer", SessionID: "ses_1"}
		var err error
		all[i], err = r.guard.Enter(t.Context(), p, access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: modelID})
		require.NoError(t, err)
	}
	return all
}

// schedule answers a scheduler with one paced model. It is made inside the bubble, whose clock it takes.
func schedule(t *testing.T, m *paced, queue int) *inference.Scheduler {
	t.Helper()
	s := inference.New(inference.Options{Queue: queue})
	require.NoError(t, s.Add(t.Context(), m, inference.Spec{ModelID: modelID}))
	return s
}

func acquire(t *testing.T, s *inference.Scheduler, pass *access.Pass) *inference.Lease {
	t.Helper()
	l, err := s.Acquire(t.Context(), pass, modelID)
	require.NoError(t, err)
	return l
}

// TestABacklogMovesNobody: threat R2, through the scheduler. One person's 10,000 queries wait in forty requests; another
// asks one question after the other, which is answered in its own pass and the rest of the one under way.
func TestABacklogMovesNobody(t *testing.T) {
	passes := newRig(t, 1, 1).people(t, 2)
	synctest.Test(t, func(t *testing.T) {
		m := newPaced(4)
		s := schedule(t, m, 64)
		ctx, cancel := context.WithCancel(t.Context())
		var hog sync.WaitGroup
		for range 40 {
			l := acquire(t, s, passes[0])
			var all sync.WaitGroup
			for range 250 {
				all.Go(func() { _, _ = l.Judge(ctx, ask("one of very many texts")) })
			}
			hog.Go(func() { all.Wait(); l.Release() })
		}
		synctest.Wait()
		require.Equal(t, 9996, s.Status()[0].Queued)
		const asked = 200
		var took []time.Duration
		for range asked {
			<-time.After(onePass / 2) // in the middle of a pass
			l := acquire(t, s, passes[1])
			start := time.Now()
			a, err := l.Judge(t.Context(), ask("short"))
			require.NoError(t, err)
			took = append(took, time.Since(start))
			require.Equal(t, onePass, time.Since(start)-a.Queue, "the wait is told")
			l.Release()
		}
		slices.Sort(took)
		require.Equal(t, onePass+onePass/2, took[asked/2], "the median: alone it is one pass")
		require.Equal(t, onePass+onePass/2, took[asked-1], "and the worst")
		require.GreaterOrEqual(t, m.run(), 3*asked, "the hog gets all the rest")
		require.Greater(t, s.Status()[0].OldestWait, asked*onePass)
		cancel()
		hog.Wait()
		require.Zero(t, s.Status()[0].Active)
	})
}

// TestWhoLeavesFreesAtOnce: half of those who wait leave. Their places are free before anything else happens, the model
// never sees them, and nobody else waits longer for it.
func TestWhoLeavesFreesAtOnce(t *testing.T) {
	pass := newRig(t, 1, 1).people(t, 1)[0]
	synctest.Test(t, func(t *testing.T) {
		const slots, queue = 2, 15
		m := newPaced(slots)
		s := schedule(t, m, queue)
		gone, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		var mu sync.Mutex
		codes := map[fault.Code]int{}
		for i := range slots + queue {
			ctx := t.Context()
			if i >= slots && i%2 == 0 {
				ctx = gone
			}
			l := acquire(t, s, pass)
			all.Go(func() {
				defer l.Release()
				_, err := l.Judge(ctx, ask("x"))
				mu.Lock()
				defer mu.Unlock()
				codes[fault.CodeOf(err)]++
			})
			synctest.Wait()
		}
		_, err := s.Acquire(t.Context(), pass, modelID)
		require.Equal(t, fault.Busy, fault.CodeOf(err))
		require.Contains(t, err.Error(), fmt.Sprint(queue))
		require.Equal(t, queue, s.Status()[0].Queued)
		leave()
		synctest.Wait() // the clock stands: no pass ended
		require.Equal(t, []int{7, 9}, []int{s.Status()[0].Queued, s.Status()[0].Active})
		require.Equal(t, map[fault.Code]int{fault.Canceled: 8}, codes)
		acquire(t, s, pass).Release()
		start := time.Now()
		all.Wait()
		require.Equal(t, 5*onePass, time.Since(start), "nine queries at two places")
		require.Equal(t, 9, m.run(), "who left cost no pass")
		require.Equal(t, uint64(9), s.Status()[0].Judged)
		_, err = acquire(t, s, pass).Judge(gone, ask("x"))
		require.Equal(t, fault.Canceled, fault.CodeOf(err))
	})
}

// TestAThousandClients: a hundred people with ten clients each, at once. Each is answered or told how many wait and when
// to come back; no person holds more than his share; nothing is left behind, or the bubble would not end.
func TestAThousandClients(t *testing.T) {
	passes := newRig(t, 1, 1).people(t, 100)
	synctest.Test(t, func(t *testing.T) {
		const slots, queue = 4, 256
		m := newPaced(slots)
		s := schedule(t, m, queue)
		var all sync.WaitGroup
		var mu sync.Mutex
		answered, busy := map[int]int{}, 0
		for i := range 1000 {
			all.Go(func() {
				l, err := s.Acquire(t.Context(), passes[i%len(passes)], modelID)
				if err == nil {
					defer l.Release()
					_, err = l.Judge(t.Context(), ask("what everybody asks"))
				}
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					answered[i%len(passes)]++
				case fault.CodeOf(err) == fault.Busy:
					busy++
					if fault.From(err).RetryAfter < time.Second {
						t.Error("no time to come back")
					}
				default:
					t.Error(err)
				}
			})
		}
		start := time.Now()
		all.Wait()
		require.Equal(t, 1000-slots-queue, busy)
		require.Equal(t, slots+queue, m.run())
		require.Equal(t, (slots+queue)/slots*onePass, time.Since(start), "every place was always taken")
		st := s.Status()[0]
		require.Equal(t, []int{0, 0, 0}, []int{st.Active, st.Queued, int(st.OldestWait)})
		require.NoError(t, s.Close(t.Context()))
	})
}

// TestAnOwnersShareOfTheQueue: one person alone may fill nearly all of it, and half of it while others wait; then another
// finds a place although the first goes on asking.
func TestAnOwnersShareOfTheQueue(t *testing.T) {
	passes := newRig(t, 1, 1).people(t, 2)
	synctest.Test(t, func(t *testing.T) {
		const slots, queue = 2, 32
		s := schedule(t, newPaced(slots), queue)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		fill := func(who int) (n int, err error) {
			for {
				var l *inference.Lease
				if l, err = s.Acquire(ctx, passes[who], modelID); err != nil {
					return n, err
				}
				n++
				all.Go(func() { defer l.Release(); _, _ = l.Judge(ctx, ask("x")) })
				synctest.Wait()
			}
		}
		n, err := fill(0)
		require.Equal(t, fault.Busy, fault.CodeOf(err))
		require.Equal(t, slots+queue-queue/16, n)
		require.Contains(t, err.Error(), "of your requests")
		n, err = fill(1)
		require.Equal(t, fault.Busy, fault.CodeOf(err))
		require.Equal(t, queue/16, n, "what was kept back")
		require.Contains(t, err.Error(), "32 requests wait")
		<-time.After(onePass) // two are answered: the places go to whoever holds less
		synctest.Wait()
		_, err = s.Acquire(t.Context(), passes[0], modelID)
		require.Equal(t, fault.Busy, fault.CodeOf(err), "half of the queue is his while the other waits")
		n, err = fill(1)
		require.Equal(t, fault.Busy, fault.CodeOf(err))
		require.Equal(t, 2, n)
		cancel()
		all.Wait()
	})
}

// TestRemoveServesThoseWhoWait: a model that is taken away while many wait judges them first, and takes nobody new.
func TestRemoveServesThoseWhoWait(t *testing.T) {
	pass := newRig(t, 1, 1).people(t, 1)[0]
	synctest.Test(t, func(t *testing.T) {
		m := newPaced(2)
		s := schedule(t, m, 64)
		var all sync.WaitGroup
		for range 50 {
			l := acquire(t, s, pass)
			all.Go(func() {
				defer l.Release()
				if _, err := l.Judge(t.Context(), ask("x")); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		require.NoError(t, s.Remove(t.Context(), modelID))
		require.Equal(t, 25*onePass, time.Since(start))
		all.Wait()
		require.Empty(t, s.Status())
		_, err := s.Acquire(t.Context(), pass, modelID)
		require.Equal(t, fault.Loading, fault.CodeOf(err))
		require.Equal(t, 50, m.run())
	})
}

// TestCloseEndsThoseWhoWait: a scheduler that may not wait any longer sends everybody away at once.
func TestCloseEndsThoseWhoWait(t *testing.T) {
	pass := newRig(t, 1, 1).people(t, 1)[0]
	synctest.Test(t, func(t *testing.T) {
		m := newPaced(2)
		s := schedule(t, m, 64)
		late := acquire(t, s, pass)
		var all sync.WaitGroup
		var mu sync.Mutex
		codes := map[fault.Code]int{}
		for range 50 {
			l := acquire(t, s, pass)
			all.Go(func() {
				defer l.Release()
				_, err := l.Judge(t.Context(), ask("x"))
				mu.Lock()
				defer mu.Unlock()
				codes[fault.CodeOf(err)]++
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), onePass/2)
		defer cancel()
		start := time.Now()
		require.Equal(t, fault.Timeout, fault.CodeOf(s.Close(ctx)))
		all.Wait()
		require.Equal(t, onePass/2, time.Since(start))
		require.Equal(t, map[fault.Code]int{fault.Canceled: 50}, codes)
		require.Equal(t, 2, m.run())
		_, err := late.Judge(t.Context(), ask("x"))
		require.Equal(t, fault.Canceled, fault.CodeOf(err))
		late.Release()
	})
}

// TestNobodyRunsWithAPassThatEndedMeanwhile: what was right when the wait began is asked again when it ends.
func TestNobodyRunsWithAPassThatEndedMeanwhile(t *testing.T) {
	r := newRig(t, 1, 1)
	passes := r.people(t, 2)
	release := r.engine.Hold()
	first, second := make(chan error, 1), make(chan error, 1)
	for i, done := range []chan error{first, second} {
		l := acquire(t, r.sched, passes[i])
		defer l.Release()
		go func() { _, err := l.Judge(context.Background(), ask("x")); done <- err }()
		require.Eventually(t, func() bool { s := r.sched.Status()[0]; return r.engine.Running() == 1 && s.Queued == i }, 10*time.Second, time.Millisecond)
	}
	_, err := passes[1].Commit(t.Context(), access.Outcome{}, nil)
	require.NoError(t, err)
	release()
	require.NoError(t, <-first)
	require.Equal(t, fault.Internal, fault.CodeOf(<-second))
	require.Equal(t, 1, r.engine.Judged())
}

// TestKeysOfOnePersonAreOneOwner: more keys are no more turns.
func TestKeysOfOnePersonAreOneOwner(t *testing.T) {
	r := newRig(t, 1, 1)
	mine := access.Principal{Kind: access.KindKey, UserID: "usr_0", KeyID: "key_1", Name: "r", Role: "reviewer"}
	other := mine
	other.KeyID = "key_2"
	var passes []*access.Pass
	for _, p := range []access.Principal{mine, other} {
		pass, err := r.guard.Enter(t.Context(), p, access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: modelID})
		require.NoError(t, err)
		passes = append(passes, pass)
	}
	passes = append(passes, r.people(t, 2)[1])
	synctest.Test(t, func(t *testing.T) {
		s := schedule(t, newPaced(1), 64)
		order := make(chan int, 64)
		var all sync.WaitGroup
		for i, pass := range []*access.Pass{passes[0], passes[0], passes[0], passes[1], passes[1], passes[2], passes[2]} {
			l := acquire(t, s, pass)
			all.Go(func() {
				defer l.Release()
				if _, err := l.Judge(t.Context(), ask(string(make([]rune, 64)))); err != nil {
					t.Error(err)
				}
				order <- i
			})
			synctest.Wait()
		}
		all.Wait()
		close(order)
		var got []int
		for i := range order {
			got = append(got, i)
		}
		// The first runs; then the two owners take turns, and the second key waits behind the first one's queries.
		require.Equal(t, []int{0, 1, 5, 2, 6, 3, 4}, got)
	})
}
