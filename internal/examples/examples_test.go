package examples_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/examples"
	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

// judge stands for moderation: what it says of a text is told apart by the text alone.
type judge struct {
	mu       sync.Mutex
	standard moderation.Standard
	loading  error
	broken   error
	asked    []moderation.Request
	by       []access.Principal
	slow     chan struct{} // when set, Evaluate waits for it
}

func (j *judge) Standard(context.Context) (moderation.Standard, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.standard, j.loading
}

func (j *judge) Evaluate(ctx context.Context, p access.Principal, r moderation.Request) ([]moderation.Verdict, error) {
	j.mu.Lock()
	j.asked, j.by = append(j.asked, r), append(j.by, p)
	slow, broken, standard := j.slow, j.broken, j.standard
	j.mu.Unlock()
	if slow != nil {
		select {
		case <-slow:
		case <-ctx.Done():
			return nil, fault.From(ctx.Err())
		}
	}
	if broken != nil {
		return nil, broken
	}
	out := make([]moderation.Verdict, len(r.Inputs))
	for i := range r.Inputs {
		out[i] = moderation.Verdict{Severity: moderation.Safe, Model: standard.Model, Policy: standard.Policy}
	}
	return out, nil
}

func (j *judge) set(change func(*judge)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(j)
}

func (j *judge) times() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.asked)
}

type rig struct {
	svc   *examples.Service
	judge *judge
	clock *apptest.Clock
}

func newRig(t *testing.T) *rig {
	t.Helper()
	d := apptest.OpenDB(t)
	guard, err := access.New(t.Context(), d, audit.New(d, []byte("a test's content key")), access.Options{})
	require.NoError(t, err)
	r := &rig{judge: &judge{standard: version(1)}, clock: apptest.NewClock(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))}
	r.svc = examples.New(guard, r.judge, r.clock.Now)
	_, err = r.svc.List(t.Context(), guest(), examples.English)
	require.Equal(t, fault.Loading, fault.CodeOf(err), "reading alone asks nobody")
	require.Zero(t, r.judge.times())
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.svc.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	require.Eventually(t, func() bool {
		_, err := r.svc.List(t.Context(), guest(), examples.English)
		return err == nil
	}, 10*time.Second, time.Millisecond)
	r.judge.set(func(j *judge) { j.asked, j.by = nil, nil })
	r.clock.Advance(time.Hour)
	return r
}

func version(n int64) moderation.Standard {
	return moderation.Standard{Model: moderation.ModelRef{ID: "guard-nano"}, Policy: moderation.PolicyRef{Version: n, Mode: moderation.Strict}}
}

func guest() access.Principal {
	return access.Principal{Kind: access.KindUser, UserID: "usr_gus", Name: "gus", Role: "guest"}
}

// TestEachLanguageHasTwoTextsOfEachLevel, the same ones.
func TestEachLanguageHasTwoTextsOfEachLevel(t *testing.T) {
	r := newRig(t)
	meant := map[string]map[string]string{}
	for _, language := range examples.Languages() {
		set, err := r.svc.List(t.Context(), guest(), language)
		require.NoError(t, err)
		require.Len(t, set.Items, 6)
		require.Equal(t, language, set.Language)
		levels := map[string]int{}
		meant[language] = map[string]string{}
		for _, e := range set.Items {
			levels[e.Meant]++
			meant[language][e.ID] = e.Meant
			require.NotEmpty(t, e.Content)
		}
		require.Equal(t, map[string]int{moderation.Safe: 2, moderation.Controversial: 2, moderation.Unsafe: 2}, levels)
	}
	require.Equal(t, meant[examples.English], meant[examples.Chinese])
}

// TestTheModelIsAskedOnceForEachPolicy by the server itself, and not more often than every ten seconds.
func TestTheModelIsAskedOnceForEachPolicy(t *testing.T) {
	r := newRig(t)
	list := func(want int64) {
		t.Helper()
		set, err := r.svc.List(t.Context(), guest(), examples.English)
		require.NoError(t, err)
		require.Equal(t, want, set.Standard.Policy.Version)
	}
	list(1)
	require.Zero(t, r.judge.times(), "nothing has changed")
	r.judge.set(func(j *judge) { j.standard = version(2) })
	list(2)
	r.clock.Advance(time.Hour)
	list(2)
	require.Equal(t, 1, r.judge.times())
	require.Equal(t, access.Server("examples").Name, r.judge.by[0].Name)
	require.NotEmpty(t, r.judge.by[0].Origin.RequestID)
	require.Len(t, r.judge.asked[0].Inputs, 6, "one request for all")

	r.judge.set(func(j *judge) { j.standard = version(3) })
	list(3)
	r.judge.set(func(j *judge) { j.standard = version(4) })
	list(3)
	r.clock.Advance(time.Minute)
	list(4)
	require.Equal(t, 3, r.judge.times())
}

// TestWithoutAModelThereIsNothingToShow: loading, not a guess; and verdicts that were given are shown on.
func TestWithoutAModelThereIsNothingToShow(t *testing.T) {
	r := newRig(t) // has English ones
	r.judge.set(func(j *judge) { j.loading = fault.New(fault.Loading, "not yet") })
	_, err := r.svc.List(t.Context(), guest(), examples.Chinese)
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	require.Zero(t, r.judge.times())
	r.judge.set(func(j *judge) { j.loading, j.broken = nil, fault.New(fault.Forbidden, "a rule says no") })
	for range 3 {
		_, err = r.svc.List(t.Context(), guest(), examples.Chinese)
		require.Equal(t, fault.Loading, fault.CodeOf(err), "whatever kept the server from it is not the reader's")
	}
	require.Equal(t, 1, r.judge.times(), "nor asked for again at once")
	r.judge.set(func(j *judge) { j.broken = nil })
	r.clock.Advance(time.Minute)
	_, err = r.svc.List(t.Context(), guest(), examples.Chinese)
	require.NoError(t, err)
	r.judge.set(func(j *judge) { j.loading = fault.New(fault.Loading, "not any more") })
	_, err = r.svc.List(t.Context(), guest(), examples.Chinese)
	require.NoError(t, err)
}

// TestWhoLeavesEndsNothing: the model is asked once for all who wait, also when the first of them has gone.
func TestWhoLeavesEndsNothing(t *testing.T) {
	r := newRig(t)
	slow := make(chan struct{})
	r.judge.set(func(j *judge) { j.slow = slow })
	ctx, leave := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := r.svc.List(ctx, guest(), examples.Chinese); first <- err }()
	require.Eventually(t, func() bool { return r.judge.times() == 1 }, 10*time.Second, time.Millisecond)
	leave()
	require.Equal(t, fault.Loading, fault.CodeOf(<-first), "he has left, and there is nothing yet")
	go func() { _, err := r.svc.List(t.Context(), guest(), examples.Chinese); second <- err }()
	close(slow)
	require.NoError(t, <-second)
	require.Equal(t, 1, r.judge.times())
}

// TestWhoMayNotSeeThem: without example.read, and in a language that there is none of.
func TestWhoMayNotSeeThem(t *testing.T) {
	r := newRig(t)
	_, err := r.svc.List(t.Context(), access.Anonymous(access.Origin{}), examples.English)
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	_, err = r.svc.List(t.Context(), guest(), "fr")
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	require.Zero(t, r.judge.times())
}
