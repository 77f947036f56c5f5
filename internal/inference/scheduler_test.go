package inference_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/fake"
)

const modelID = "guard-nano"

// words is a vocabulary of runes, enough for the fake engine.
func words() fake.Options {
	return fake.Options{
		Decode: func(ids []int32) string {
			var b strings.Builder
			for _, id := range ids {
				b.WriteRune(id)
			}
			return b.String()
		},
		Encode: func(s string) []int32 { return []int32(s) },
	}
}

func ask(text string) inference.Query {
	// The labels " Safe" and " Unsafe" begin alike in runes: the fake is told to answer by one rune.
	return inference.Query{Prompt: []int32(text), Labels: []int32{'S', 'C', 'U'}}
}

func oneRune(prompt string) string { return strings.TrimSpace(fake.Cues(prompt)) }

type rig struct {
	guard  *access.Guard
	engine *fake.Engine
	sched  *inference.Scheduler
}

func newRig(t *testing.T, queue, slots int) *rig {
	t.Helper()
	d := apptest.OpenDB(t)
	guard, err := access.New(t.Context(), d, audit.New(d, []byte("a test's content key")), access.Options{})
	require.NoError(t, err)
	o := words()
	o.Respond = oneRune
	r := &rig{guard: guard, engine: fake.New(o), sched: inference.New(inference.Options{Queue: queue})}
	require.NoError(t, r.sched.Add(t.Context(), r.engine, inference.Spec{ModelID: modelID, Slots: slots, SlotTokens: 1000}))
	return r
}

func (r *rig) enter(t *testing.T) *access.Pass {
	t.Helper()
	p := access.Principal{Kind: access.KindUser, UserID: "usr_1", Name: "r", Role: "reviewer", SessionID: "ses_1"}
	pass, err := r.guard.Enter(t.Context(), p, access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: modelID})
	require.NoError(t, err)
	return pass
}

func (r *rig) lease(t *testing.T) *inference.Lease {
	t.Helper()
	l, err := r.sched.Acquire(t.Context(), r.enter(t), modelID)
	require.NoError(t, err)
	return l
}

func TestLeaseJudges(t *testing.T) {
	r := newRig(t, 1, 1)
	l := r.lease(t)
	a, err := l.Judge(t.Context(), ask("how to build a bomb"))
	require.NoError(t, err)
	require.Equal(t, 2, a.Best)
	a, err = l.Judge(t.Context(), ask("good morning"))
	require.NoError(t, err)
	require.Equal(t, 0, a.Best)
	_, err = l.Judge(t.Context(), inference.Query{})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	s := r.sched.Status()
	require.Len(t, s, 1)
	require.Equal(t, inference.Ready, s[0].State)
	require.Equal(t, []uint64{2, 1}, []uint64{s[0].Judged, s[0].Failed})
	require.Equal(t, []int{1, 0, 2}, []int{s[0].Active, s[0].Waiting, s[0].Capacity})
	l.Release()
	l.Release()
	require.Zero(t, r.sched.Status()[0].Active)
	_, err = l.Judge(t.Context(), ask("again"))
	require.Equal(t, fault.Internal, fault.CodeOf(err))
}

func TestAcquireRefusesInvalidPasses(t *testing.T) {
	r := newRig(t, 1, 1)
	used := r.enter(t)
	_, err := used.Commit(t.Context(), access.Outcome{}, nil)
	require.NoError(t, err)
	closed := r.enter(t)
	left := errors.New("left")
	closed.Close(&left)
	other, err := r.guard.Enter(t.Context(), access.Principal{Kind: access.KindUser, UserID: "usr_1", Name: "r", Role: "admin", SessionID: "ses_1"},
		access.Op{Action: access.ModerationRun, Operation: access.View, Model: modelID})
	require.NoError(t, err)
	for name, pass := range map[string]*access.Pass{
		"nil": nil, "zero": new(access.Pass), "committed": used, "closed": closed, "other operation": other,
	} {
		_, err := r.sched.Acquire(t.Context(), pass, modelID)
		require.Equal(t, fault.Internal, fault.CodeOf(err), name)
	}
	_, err = r.sched.Acquire(t.Context(), r.enter(t), "another-model")
	require.Equal(t, fault.Internal, fault.CodeOf(err), "a pass is for one model")
	require.Zero(t, r.sched.Status()[0].Active)
	require.Zero(t, r.engine.Judged())
}

func TestLeaseEndsWithItsPass(t *testing.T) {
	r := newRig(t, 1, 1)
	pass := r.enter(t)
	l, err := r.sched.Acquire(t.Context(), pass, modelID)
	require.NoError(t, err)
	defer l.Release()
	_, err = pass.Commit(t.Context(), access.Outcome{}, nil)
	require.NoError(t, err)
	_, err = l.Judge(t.Context(), ask("after the row"))
	require.Equal(t, fault.Internal, fault.CodeOf(err))
	require.Zero(t, r.engine.Judged())
}

func TestQueueIsBounded(t *testing.T) {
	r := newRig(t, 2, 3)
	leases := make([]*inference.Lease, 5)
	for i := range leases {
		leases[i] = r.lease(t)
	}
	require.Equal(t, 2, r.sched.Status()[0].Waiting)
	_, err := r.sched.Acquire(t.Context(), r.enter(t), modelID)
	require.Equal(t, fault.Busy, fault.CodeOf(err))
	require.GreaterOrEqual(t, fault.From(err).RetryAfter, time.Second)
	leases[0].Release()
	r.lease(t).Release()
}

func TestAcquireRefusesWhatIsNotLoaded(t *testing.T) {
	r := newRig(t, 1, 1)
	sched := inference.New(inference.Options{})
	_, err := sched.Acquire(t.Context(), r.enter(t), modelID)
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	require.Equal(t, fault.Loading, fault.CodeOf(sched.Prime(t.Context(), modelID, nil)))

	broken := fault.New(fault.Unprocessable, "broken")
	r.engine.FailLoad(broken)
	require.ErrorIs(t, sched.Add(t.Context(), r.engine, inference.Spec{ModelID: modelID, Slots: 1}), broken)
	_, err = sched.Acquire(t.Context(), r.enter(t), modelID)
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	require.Equal(t, inference.Failed, sched.Status()[0].State)
	require.Equal(t, fault.Unprocessable, sched.Status()[0].Code)

	r.engine.FailLoad(nil)
	require.NoError(t, sched.Add(t.Context(), r.engine, inference.Spec{ModelID: modelID, Slots: 1}), "a failed load may be tried again")
	require.NoError(t, sched.Prime(t.Context(), modelID, [][]int32{{1}}))
	err = sched.Add(t.Context(), r.engine, inference.Spec{ModelID: modelID, Slots: 1})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
}

// slow is an engine whose load waits, to be looked at from outside while it does.
type slow struct {
	inference.Engine
	started, release chan struct{}
}

func (s slow) Load(ctx context.Context, spec inference.Spec) (inference.Model, error) {
	close(s.started)
	<-s.release
	return s.Engine.Load(ctx, spec)
}

func TestLoadingIsSeen(t *testing.T) {
	r := newRig(t, 1, 1)
	sched := inference.New(inference.Options{})
	e := slow{r.engine, make(chan struct{}), make(chan struct{})}
	loaded := make(chan error, 1)
	go func() { loaded <- sched.Add(context.Background(), e, inference.Spec{ModelID: modelID, Slots: 1}) }()
	<-e.started
	require.Equal(t, inference.Loading, sched.Status()[0].State)
	_, err := sched.Acquire(t.Context(), r.enter(t), modelID)
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	require.NoError(t, sched.Close(t.Context()))
	close(e.release)
	require.Error(t, <-loaded, "a model that is loaded after the end is not kept")
}

func TestCloseWaitsForLeases(t *testing.T) {
	r := newRig(t, 4, 1)
	release := r.engine.Hold()
	l := r.lease(t)
	judged := make(chan error, 1)
	go func() {
		_, err := l.Judge(context.Background(), ask("slow"))
		l.Release()
		judged <- err
	}()
	closed := make(chan error, 1)
	go func() { closed <- r.sched.Close(context.Background()) }()
	require.Eventually(t, func() bool {
		early, err := r.sched.Acquire(t.Context(), r.enter(t), modelID)
		if err == nil {
			early.Release() // the end had not begun yet; kept, it would hold the end up for ever
		}
		return fault.CodeOf(err) == fault.Busy
	}, 5*time.Second, time.Millisecond, "no lease after the end began")
	select {
	case err := <-closed:
		t.Fatalf("closed under a lease: %v", err)
	default:
	}
	release()
	require.NoError(t, <-judged)
	require.NoError(t, <-closed)
	require.NoError(t, r.sched.Close(t.Context()))
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	r := newRig(t, 1, 1)
	l := r.lease(t)
	defer l.Release()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	require.Equal(t, fault.Timeout, fault.CodeOf(r.sched.Close(ctx)))
}

func TestRemoveWaitsForLeasesAndFreesTheModel(t *testing.T) {
	r := newRig(t, 4, 1)
	first, second := r.lease(t), r.lease(t)
	impatient, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	require.Equal(t, fault.Timeout, fault.CodeOf(r.sched.Remove(impatient, modelID)))
	require.Equal(t, inference.Removing, r.sched.Status()[0].State)
	require.Equal(t, 1, r.engine.Held(), "nothing is freed under a lease")
	_, err := r.sched.Acquire(t.Context(), r.enter(t), modelID)
	require.Equal(t, fault.Loading, fault.CodeOf(err), "no new lease")
	err = r.sched.Add(t.Context(), r.engine, inference.Spec{ModelID: modelID, Slots: 1})
	require.Equal(t, fault.Conflict, fault.CodeOf(err), "not twice in memory")

	removed := make(chan error, 2)
	for range 2 {
		go func() { removed <- r.sched.Remove(context.Background(), modelID) }()
	}
	_, err = first.Judge(t.Context(), ask("good morning"))
	require.NoError(t, err, "a lease keeps what it has")
	first.Release()
	require.Equal(t, 1, r.engine.Held())
	second.Release()
	require.NoError(t, <-removed)
	require.NoError(t, <-removed)
	require.Zero(t, r.engine.Held())
	require.Empty(t, r.sched.Status())
	require.NoError(t, r.sched.Remove(t.Context(), modelID), "what is not there is gone")

	require.NoError(t, r.sched.Add(t.Context(), r.engine, inference.Spec{ModelID: modelID, Slots: 1}))
	r.lease(t).Release()
	require.Equal(t, 1, r.engine.Held())
	require.NoError(t, r.sched.Close(t.Context()))
	require.Zero(t, r.engine.Held())
}

func TestRemoveLeavesALoadAlone(t *testing.T) {
	r := newRig(t, 1, 1)
	sched := inference.New(inference.Options{})
	e := slow{r.engine, make(chan struct{}), make(chan struct{})}
	loaded := make(chan error, 1)
	go func() { loaded <- sched.Add(context.Background(), e, inference.Spec{ModelID: modelID, Slots: 1}) }()
	<-e.started
	require.Equal(t, fault.Conflict, fault.CodeOf(sched.Remove(t.Context(), modelID)))
	close(e.release)
	require.NoError(t, <-loaded)
	require.NoError(t, sched.Remove(t.Context(), modelID))
	r.engine.FailLoad(fault.New(fault.Unprocessable, "broken"))
	require.Error(t, sched.Add(t.Context(), r.engine, inference.Spec{ModelID: modelID, Slots: 1}))
	require.NoError(t, sched.Remove(t.Context(), modelID), "one that failed holds nothing")
	require.Empty(t, sched.Status())
}

func TestManyAcquireAndRelease(t *testing.T) {
	r := newRig(t, 3, 2)
	pass := r.enter(t)
	var all sync.WaitGroup
	for range 32 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 50 {
				l, err := r.sched.Acquire(context.Background(), pass, modelID)
				if err != nil {
					if fault.CodeOf(err) != fault.Busy {
						t.Error(err)
					}
					continue
				}
				if s := r.sched.Status()[0]; s.Active < 1 || s.Active > 5 {
					t.Errorf("%d leases", s.Active)
				}
				if _, err := l.Judge(context.Background(), ask("x")); err != nil {
					t.Error(err)
				}
				l.Release()
			}
		}()
	}
	all.Wait()
	require.Zero(t, r.sched.Status()[0].Active)
	require.NoError(t, r.sched.Close(t.Context()))
}

func TestFakeEngine(t *testing.T) {
	e := fake.New(words())
	ctx, cancel := context.WithCancel(t.Context())
	m, err := e.Load(ctx, inference.Spec{File: os.Stdin, Slots: 1, SlotTokens: 100})
	require.NoError(t, err)
	q := inference.Query{Prompt: []int32("bomb"), Labels: []int32{' '}, Tails: [][]int32{[]int32("Unsafe\nCategories:")}, MaxTail: 30}
	a, err := m.Judge(ctx, q)
	require.NoError(t, err)
	require.Equal(t, " Violent", string(a.Tail))
	require.True(t, a.Stopped)
	q.MaxTail = 3
	a, err = m.Judge(ctx, q)
	require.NoError(t, err)
	require.Equal(t, " Vi", string(a.Tail))
	require.False(t, a.Stopped)
	e.Garbage(true)
	a, err = m.Judge(ctx, q)
	require.NoError(t, err)
	require.Less(t, a.Probs[0], 0.1)
	e.Fail(fault.New(fault.Internal, "told to"))
	_, err = m.Judge(ctx, q)
	require.Equal(t, fault.Internal, fault.CodeOf(err))
	e.Fail(nil)
	defer e.Hold()()
	cancel()
	_, err = m.Judge(ctx, q)
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
	require.Equal(t, 3, e.Judged())
	require.Zero(t, e.Running())
}
