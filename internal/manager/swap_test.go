package manager_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/manager"
)

// newProvenRig is a rig in which somebody has to say of each guard that it may take another's place, with two guards, the first loaded.
func newProvenRig(t testing.TB, memory int64) *rig {
	t.Helper()
	r := newRig(t, manager.Tuning{})
	r.Service = manager.New(manager.Deps{Catalog: r.cat, Scheduler: r.sched, Engine: r.engine, Proven: true},
		manager.Options{Tuning: manager.Tuning{Memory: memory}, Now: r.clock.now})
	r.Handle(catalog.KindGuard, open)
	r.engine.takes = map[string]int64{"guard-nano": 300, "second": 300}
	r.brought("second")
	_, err := r.cat.Unload(t.Context(), admin(), catalog.Change{ID: "second"})
	require.NoError(t, err)
	r.refresh()
	r.cat.SetProven("guard-nano")
	return r
}

// replace asks for another default as a person does.
func (r *rig) replace(id string, interrupt bool) {
	r.t.Helper()
	_, err := r.cat.MakeDefault(r.t.Context(), admin(), catalog.DefaultChange{Change: catalog.Change{ID: id}, Replace: true, Interrupt: interrupt})
	require.NoError(r.t, err)
}

// stored is the default guard of the table, as a server that starts finds it, and whose place it still takes.
func (r *rig) stored() (id, follows string) {
	r.t.Helper()
	all, err := catalog.New(r.db, r.guard, catalog.Options{}).All(r.t.Context())
	require.NoError(r.t, err)
	for _, m := range all {
		if m.Default {
			id, follows = m.ID, m.Follows
		}
	}
	return id, follows
}

// givenUp is the first row of the log about a default that did not come.
func (r *rig) givenUp() audit.Event {
	r.t.Helper()
	for seq := int64(0); ; {
		rows, err := r.log.After(r.t.Context(), seq, 500)
		require.NoError(r.t, err)
		require.NotEmpty(r.t, rows, "there is no such row")
		for _, row := range rows {
			if seq = row.Seq; row.Details["change"] == "default_given_up" {
				return row
			}
		}
	}
}

// What is to take a default's place is in memory and asked before the one that serves goes, under load, and nobody is refused.
func TestADefaultServesUntilItsSuccessorIsProven(t *testing.T) {
	r := newProvenRig(t, 1000)
	r.run()
	stop := r.traffic(4)
	r.replace("second", false)
	until(t, "second to be in memory", func() bool { return r.engine.Held() == 2 && r.model("second").Unproven })
	for range 3 {
		id, err := r.use(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, "guard-nano", id)
	}
	require.True(t, r.model("second").Next)
	require.Equal(t, catalog.StateLoading, r.state("second"))
	r.cat.SetProven("second")
	until(t, "second to judge alone", func() bool { return r.model("second").Default && r.engine.Held() == 1 })
	until(t, "the change to be over", func() bool { _, follows := r.stored(); return follows == "" })
	stop()
}

// One that answers otherwise than it should takes nobody's place: the one before it goes on, here and after a start, and a row says so.
func TestASuccessorThatDriftsIsGivenUp(t *testing.T) {
	r := newProvenRig(t, 1000)
	r.run()
	stop := r.traffic(4)
	r.replace("second", false)
	until(t, "second to be in memory", func() bool { return r.engine.Held() == 2 && r.model("second").Unproven })
	r.cat.SetFailed("second", catalog.CanaryDrift, "It drifted.")
	until(t, "second to be given up", func() bool { id, follows := r.stored(); return id == "guard-nano" && follows == "" })
	_, by := stop()
	require.Zero(t, by["second"])
	r.refresh()
	m := r.model("second")
	require.Equal(t, "failed canary_drift", r.state("second"))
	require.Equal(t, "It drifted. The default before it goes on.", m.StateReason)
	require.False(t, m.Next)
	require.True(t, r.model("guard-nano").Default)
	require.Equal(t, catalog.WantLoaded, r.model("guard-nano").Wanted)
	row := r.givenUp()
	require.Equal(t, []string{audit.Error, catalog.CanaryDrift, "server:models"}, []string{row.Decision, row.Reason, row.Actor.Name})
	require.Equal(t, "guard-nano", row.Details["default"])
}

// A default that had to go first is brought back where what comes after it cannot be loaded, or drifts; meanwhile nobody is judged by
// one that is not proven.
func TestAnInterruptThatComesToNothingBringsTheDefaultBack(t *testing.T) {
	for name, fails := range map[string]func(*rig){
		"load": func(r *rig) {
			r.engine.before = func(id string) {
				r.engine.FailLoad(nil)
				if id == "second" {
					r.engine.FailLoad(fault.New(fault.Unprocessable, "the engine refuses it"))
				}
			}
			r.replace("second", true)
			require.Error(r.t, r.Refresh(r.t.Context()))
		},
		"drift": func(r *rig) {
			r.replace("second", true)
			r.refresh()
			require.True(r.t, r.model("second").Default)
			_, err := r.use(r.t.Context(), "")
			require.Equal(r.t, fault.Loading, fault.CodeOf(err))
			require.Positive(r.t, fault.From(err).RetryAfter)
			h, err := r.Take(r.t.Context(), catalog.KindGuard, "")
			require.NoError(r.t, err)
			defer h.Done()
			_, err = h.Resident()
			require.NoError(r.t, err, "who asks it whether it may")
			h.Done()
			r.cat.SetFailed("second", catalog.CanaryDrift, "It drifted.")
			r.refresh()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newProvenRig(t, 500)
			fails(r)
			require.Equal(t, catalog.StateReady, r.state("guard-nano"))
			id, err := r.use(t.Context(), "")
			require.NoError(t, err)
			require.Equal(t, "guard-nano", id)
			id, follows := r.stored()
			require.Equal(t, []string{"guard-nano", ""}, []string{id, follows})
			require.Equal(t, catalog.StateFailed, r.model("second").State)
			require.Contains(t, r.model("second").StateReason, "The default before it is brought back.")
			require.Equal(t, 1, r.engine.Held())
			r.refresh()
			r.refresh()
			require.Equal(t, 1, r.engine.Held(), "it is not tried again by itself")
			require.Equal(t, catalog.StateFailed, r.model("second").State)
		})
	}
}

// An interrupt that goes well ends as any other swap.
func TestAnInterruptGoesOn(t *testing.T) {
	r := newProvenRig(t, 500)
	r.replace("second", true)
	r.refresh()
	r.cat.SetProven("second")
	r.refresh()
	id, err := r.use(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "second", id)
	id, follows := r.stored()
	require.Equal(t, []string{"second", ""}, []string{id, follows})
}

// A server that finds that the one before it ended over a default that was to come goes back; one that finds it only asked for, as a
// command leaves it where no server runs, does it.
func TestAStartGoesBackFromADefaultThatEndedTheServer(t *testing.T) {
	for _, begun := range []bool{false, true} {
		r := newProvenRig(t, 1000)
		r.replace("second", false)
		if begun {
			require.NoError(t, r.cat.BeginSwap(t.Context(), r.model("second")))
		}
		ctx, cancel := context.WithCancel(t.Context())
		done, loaded := make(chan struct{}), make(chan error, 1)
		go func() { defer close(done); r.Run(ctx, func(err error) { loaded <- err }, func() {}) }()
		require.NoError(t, <-loaded)
		cancel()
		<-done
		id, follows := r.stored()
		if begun {
			require.Equal(t, []string{"guard-nano", ""}, []string{id, follows})
			require.Equal(t, "server_ended", r.givenUp().Reason)
			continue
		}
		require.Equal(t, []string{"second", "guard-nano"}, []string{id, follows})
	}
}

// The default that a change would go back to is neither unloaded nor removed by a command that does not see the server's states.
func TestWhatIsGoneBackToStays(t *testing.T) {
	r := newProvenRig(t, 1000)
	r.replace("second", false)
	shell := catalog.New(r.db, r.guard, catalog.Options{ModelsDir: t.TempDir()})
	_, err := shell.Unload(t.Context(), admin(), catalog.Change{ID: "guard-nano"})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	r.replace("guard-nano", false)
	id, follows := r.stored()
	require.Equal(t, []string{"guard-nano", ""}, []string{id, follows}, "who changes his mind has nothing to go back to")
}
