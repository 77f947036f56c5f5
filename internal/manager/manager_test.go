package manager_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/manager"
)

// run keeps the manager at work until the test ends.
func (r *rig) run() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan error, 1)
	var work sync.WaitGroup
	work.Go(func() { r.Run(ctx, func(err error) { first <- err }, func() {}) })
	r.t.Cleanup(func() { cancel(); work.Wait() })
	require.NoError(r.t, <-first)
}

// traffic asks for the default guard from several callers until stop, which answers how many asked and who judged.
func (r *rig) traffic(callers int) (stop func() (asked int, by map[string]int)) {
	var mu sync.Mutex
	by := map[string]int{}
	var errs []error
	var over atomic.Bool
	var work sync.WaitGroup
	for range callers {
		work.Go(func() {
			for !over.Load() {
				id, err := r.use(context.Background(), "")
				mu.Lock()
				if by[id]++; err != nil {
					errs = append(errs, err)
				}
				mu.Unlock()
			}
		})
	}
	return func() (int, map[string]int) {
		over.Store(true)
		work.Wait()
		require.Zero(r.t, len(errs), "%d failed, first %v", len(errs), first(errs))
		n := 0
		for _, k := range by {
			n += k
		}
		return n, by
	}
}

func first(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return errs[0]
}

// A new default is loaded beside the old one and takes its place while everybody asks: no request fails.
func TestSwapUnderLoadFailsNobody(t *testing.T) {
	r := newRig(t, manager.Tuning{Memory: 1000})
	r.engine.takes = map[string]int64{"guard-nano": 300, "second": 300}
	r.brought("second")
	r.run()
	stop := r.traffic(6)
	for _, next := range []string{"second", "guard-nano", "second", "guard-nano"} {
		_, err := r.cat.MakeDefault(t.Context(), admin(), catalog.DefaultChange{Change: catalog.Change{ID: next}, Replace: true})
		require.NoError(t, err)
		until(t, next+" to judge alone", func() bool { return r.model(next).Default && r.engine.Held() == 1 })
	}
	asked, by := stop()
	require.Positive(t, by["second"])
	require.Positive(t, by["guard-nano"])
	require.Equal(t, asked, by["second"]+by["guard-nano"])
	require.Equal(t, "unloaded by_hand", r.state("second"))
}

// Until the new one has proved itself the old one is the default, and one that cannot be loaded changes nothing.
func TestTheDefaultStaysUntilItsSuccessorIsThere(t *testing.T) {
	r := newRig(t, manager.Tuning{Memory: 1000})
	r.brought("second")
	r.refresh()
	_, err := r.cat.Unload(t.Context(), admin(), catalog.Change{ID: "second"})
	require.NoError(t, err)
	r.refresh()
	r.engine.FailLoad(fault.New(fault.Unprocessable, "the engine refuses it"))
	r.replace("second", false)
	require.True(t, r.model("second").Next)
	require.Error(t, r.Refresh(t.Context()))
	require.Equal(t, "failed file_refused", r.state("second"))
	require.Contains(t, r.model("second").StateReason, "The default before it goes on.")
	require.True(t, r.model("guard-nano").Default)
	require.False(t, r.model("second").Next)
	_, err = r.use(t.Context(), "")
	require.NoError(t, err)

	r.engine.FailLoad(nil)
	r.refresh()
	require.Equal(t, "failed file_refused", r.state("second"), "nothing is different: it is not tried again")
	r.replace("second", false)
	r.refresh()
	require.True(t, r.model("second").Default)
	r.refresh()
	require.Equal(t, "unloaded by_hand", r.state("guard-nano"), "it was to go then")
}

// Where both do not fit, the swap is refused with what would do; who says so has a gap instead.
func TestASwapThatDoesNotFit(t *testing.T) {
	r := newRig(t, manager.Tuning{Memory: 500})
	r.engine.takes = map[string]int64{"guard-nano": 300, "second": 300}
	r.brought("second")
	r.refresh()
	require.Equal(t, "failed no_memory", r.state("second"))
	require.ErrorContains(t, r.Fits(t.Context(), r.model("second")), "of memory")
	change := catalog.DefaultChange{Change: catalog.Change{ID: "second", Check: r.Fits}, Replace: true}
	_, err := r.cat.MakeDefault(t.Context(), admin(), change)
	require.Equal(t, fault.Unprocessable, fault.CodeOf(err))
	require.True(t, r.model("guard-nano").Default)

	change.Check, change.Interrupt = nil, true
	_, err = r.cat.MakeDefault(t.Context(), admin(), change)
	require.NoError(t, err)
	seen := make(chan error, 1)
	r.engine.before = func(string) {
		_, err := r.use(context.Background(), "")
		seen <- err
	}
	r.refresh()
	err = <-seen
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	require.GreaterOrEqual(t, fault.From(err).RetryAfter, time.Second)
	require.True(t, r.model("second").Default)
	require.Equal(t, "unloaded by_hand", r.state("guard-nano"))
	require.Equal(t, 1, r.engine.Held())
}

// What does not fit is refused with numbers, and fits when something else has gone.
func TestTheMemoryForModelsIsABound(t *testing.T) {
	const gb = 1_000_000_000
	r := newRig(t, manager.Tuning{Memory: 10 * gb})
	r.engine.takes = map[string]int64{"guard-nano": gb, "large": 6 * gb, "larger": 51 * gb / 10}
	r.brought("large")
	r.refresh()
	r.brought("larger")
	r.refresh()
	m := r.model("larger")
	require.Equal(t, "failed no_memory", r.state("larger"))
	for _, part := range []string{"needs 4864 MiB", "of the 9536 MiB for models 2861 MiB are free", "unload large", "a smaller quantisation"} {
		require.Contains(t, m.StateReason, part)
	}
	require.Equal(t, 2, r.engine.Held())
	require.EqualValues(t, 3*gb-8, r.Room().Free())
	needs, known := r.Takes(m)
	require.True(t, known)
	require.EqualValues(t, 51*gb/10+4, needs.Total())

	_, err := r.cat.Unload(t.Context(), admin(), catalog.Change{ID: "large"})
	require.NoError(t, err)
	r.refresh()
	r.refresh()
	require.Equal(t, "unloaded by_hand", r.state("large"))
	require.Equal(t, catalog.StateReady, r.state("larger"))
	r.Tune(manager.Tuning{Memory: 20 * gb})
	_, err = r.cat.Load(t.Context(), admin(), catalog.Change{ID: "large", Check: r.Fits})
	require.NoError(t, err)
	r.refresh()
	require.Equal(t, 3, r.engine.Held())
}

// A model that nobody used for long goes, but the default guard, and comes back for whoever was let in.
func TestIdleModelsGoAndComeBack(t *testing.T) {
	r := newRig(t, manager.Tuning{Idle: time.Hour})
	r.brought("second")
	r.refresh()
	r.clock.pass(59 * time.Minute)
	_, err := r.use(t.Context(), "second")
	require.NoError(t, err)
	r.clock.pass(59 * time.Minute)
	r.refresh()
	require.Equal(t, catalog.StateReady, r.state("second"), "used since")
	h, err := r.Take(t.Context(), catalog.KindGuard, "second")
	require.NoError(t, err)
	_, err = h.Resident()
	require.NoError(t, err)
	r.clock.pass(2 * time.Hour)
	r.refresh()
	require.Equal(t, catalog.StateReady, r.state("second"), "somebody is at it")
	h.Done()
	r.clock.pass(time.Hour)
	r.refresh()
	require.Equal(t, "unloaded idle", r.state("second"))
	require.Equal(t, 1, r.engine.Held())
	require.Equal(t, catalog.StateReady, r.state("guard-nano"))
	r.refresh()
	require.Equal(t, 1, r.engine.Held(), "it stays out")

	h, err = r.Take(t.Context(), catalog.KindGuard, "second")
	require.NoError(t, err)
	_, err = h.Resident()
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	h.Done()
	r.refresh()
	require.Equal(t, "unloaded idle", r.state("second"), "who only looks wakes nothing")
	_, err = r.use(t.Context(), "second")
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	require.GreaterOrEqual(t, fault.From(err).RetryAfter, time.Second)
	require.Equal(t, catalog.StateLoading, r.state("second"))
	r.refresh()
	_, err = r.use(t.Context(), "second")
	require.NoError(t, err)
}

// Whoever began with a model ends with it; its memory comes back after him.
func TestUnloadingWaitsForThoseWhoUseIt(t *testing.T) {
	r := newRig(t, manager.Tuning{})
	r.brought("second")
	r.refresh()
	h, err := r.Take(t.Context(), catalog.KindGuard, "second")
	require.NoError(t, err)
	_, err = r.cat.Unload(t.Context(), admin(), catalog.Change{ID: "second"})
	require.NoError(t, err)
	r.refresh()
	require.Equal(t, "unloaded by_hand", r.state("second"))
	require.Equal(t, 2, r.engine.Held())
	_, err = h.Resident()
	require.NoError(t, err)
	_, err = r.use(t.Context(), "second")
	require.Equal(t, fault.Loading, fault.CodeOf(err), "who comes now is too late")
	h.Done()
	r.refresh()
	require.Equal(t, 1, r.engine.Held())

	_, err = r.cat.Unload(t.Context(), admin(), catalog.Change{ID: "guard-nano"})
	require.Equal(t, fault.Conflict, fault.CodeOf(err), "the default stays")
}

// A load that takes minutes is given up when its model is not wanted any more.
func TestALoadThatIsNotWantedIsGivenUp(t *testing.T) {
	r := newRig(t, manager.Tuning{})
	r.brought("second")
	started, goOn := make(chan struct{}), make(chan struct{})
	r.engine.before = func(id string) {
		if id == "second" {
			close(started)
			<-goOn
		}
	}
	done := make(chan error, 1)
	go func() { done <- r.Load(context.Background()) }()
	<-started
	_, err := r.cat.Unload(t.Context(), admin(), catalog.Change{ID: "second"})
	require.NoError(t, err)
	r.Look(t.Context())
	close(goOn)
	require.NoError(t, <-done)
	require.Equal(t, "unloaded by_hand", r.state("second"))
	require.Equal(t, 1, r.engine.Held())
}

// A model that is removed while it is used is used to the end, and then it, its memory and its file are gone.
func TestRemovalWhileItRuns(t *testing.T) {
	r := newRig(t, manager.Tuning{})
	m := r.brought("second")
	r.refresh()
	release := r.engine.Hold()
	defer release()
	running := make(chan error, 1)
	go func() { _, err := r.use(context.Background(), "second"); running <- err }()
	until(t, "the engine to be asked", func() bool { return r.engine.Running() == 1 })
	_, err := r.cat.Remove(t.Context(), admin(), catalog.Change{ID: "second"})
	require.NoError(t, err)
	require.NoFileExists(t, m.Path)
	r.refresh()
	require.Equal(t, 2, r.engine.Held())
	_, err = r.use(t.Context(), "second")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	release()
	require.NoError(t, <-running)
	r.refresh()
	require.Equal(t, 1, r.engine.Held())
	_, err = r.cat.Remove(t.Context(), admin(), catalog.Change{ID: "guard-nano"})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
}

// What somebody wanted of a model holds after a restart.
func TestWhatIsWantedLastsOverARestart(t *testing.T) {
	r := newRig(t, manager.Tuning{})
	r.brought("second")
	_, err := r.cat.Unload(t.Context(), admin(), catalog.Change{ID: "second"})
	require.NoError(t, err)
	require.NoError(t, r.Load(t.Context()))
	require.Equal(t, 1, r.engine.Held())
	require.Equal(t, "unloaded by_hand", r.state("second"))
}
