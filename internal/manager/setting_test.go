package manager_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/manager"
)

// restart is another server on the same data folder, whose setting models.default names a guard, "" for none. It has begun to load.
func (r *rig) restart(memory int64, named string) {
	r.t.Helper()
	r.reopen(memory, named)
	_ = r.Load(r.t.Context()) // what fails is in the states
}

// reopen is another process on the same data folder, which has loaded nothing.
func (r *rig) reopen(memory int64, named string) {
	r.t.Helper()
	engine := &sized{Engine: r.engine.Engine, takes: r.engine.takes, before: r.engine.before}
	require.NoError(r.t, r.sched.Close(r.t.Context()))
	r.engine = engine
	r.cat = catalog.New(r.db, r.guard, r.files)
	r.cat.SetDefault(named)
	r.schedule()
	r.Service = manager.New(manager.Deps{Catalog: r.cat, Scheduler: r.sched, Engine: r.engine, Proven: true},
		manager.Options{Tuning: manager.Tuning{Memory: memory}, Now: r.clock.now})
	r.Handle(catalog.KindGuard, open)
}

// judges is the guard that judges where nobody is named, "" where nobody does.
func (r *rig) judges() string {
	r.t.Helper()
	id, err := r.use(r.t.Context(), "")
	if fault.CodeOf(err) == fault.Loading {
		return ""
	}
	require.NoError(r.t, err)
	return id
}

func (r *rig) lastProven() catalog.Proven {
	r.t.Helper()
	p, err := catalog.LastProven(r.t.Context(), r.db)
	require.NoError(r.t, err)
	return p
}

// gaveUp counts the rows about a default that did not come.
func (r *rig) gaveUp() (n int) {
	r.t.Helper()
	for seq := int64(0); ; {
		rows, err := r.log.After(r.t.Context(), seq, 500)
		require.NoError(r.t, err)
		if len(rows) == 0 {
			return n
		}
		for _, row := range rows {
			if seq = row.Seq; row.Details["change"] == "default_given_up" {
				n++
			}
		}
	}
}

// settled is newProvenRig after a look: guard-nano is noted as proven.
func settled(t testing.TB) *rig {
	t.Helper()
	r := newProvenRig(t, 1000)
	r.refresh()
	require.Equal(t, catalog.Proven{ID: "guard-nano"}, r.lastProven())
	return r
}

// A server that starts with a setting that names a guard which drifts comes up with the default that was proven last, writes one row, and
// tries again when it starts once more; what was proven once serves at a start without waiting.
func TestAStartGoesBackFromANamedGuardThatDrifts(t *testing.T) {
	r := settled(t)
	r.restart(1000, "second")
	require.Equal(t, 2, r.engine.Held())
	require.Equal(t, "guard-nano", r.judges(), "nobody is judged by what is not proven")
	require.Equal(t, catalog.StateLoading, r.state("second"))
	require.True(t, r.model("second").Next)
	r.cat.SetFailed("second", catalog.CanaryDrift, "It drifted.")
	for range 3 {
		r.refresh()
		require.Equal(t, "guard-nano", r.judges())
	}
	require.Equal(t, "failed canary_drift", r.state("second"))
	require.Equal(t, "It drifted. The default before it goes on.", r.model("second").StateReason)
	require.Equal(t, 1, r.gaveUp())
	row := r.givenUp()
	require.Equal(t, []string{audit.Error, catalog.CanaryDrift, "server:models"}, []string{row.Decision, row.Reason, row.Actor.Name})
	require.Equal(t, catalog.Proven{ID: "guard-nano", GaveUp: "second", Reason: catalog.CanaryDrift}, r.lastProven())
	came, err := r.cat.NamedCame(t.Context())
	require.NoError(t, err)
	require.False(t, came, "the settings say so")

	r.restart(1000, "second")
	require.Equal(t, "guard-nano", r.judges())
	r.cat.SetProven("second")
	r.refresh()
	require.Equal(t, "second", r.judges())
	require.Equal(t, catalog.Proven{ID: "second"}, r.lastProven())
	require.Equal(t, 1, r.gaveUp())
	came, err = r.cat.NamedCame(t.Context())
	require.NoError(t, err)
	require.True(t, came)

	r.restart(1000, "second")
	require.Equal(t, "second", r.judges(), "a start waits for nothing")
}

// Where both do not fit, or the named one cannot be loaded, the proven one is brought back all the same.
func TestAStartMakesRoomForTheDefaultThatWasProven(t *testing.T) {
	r := settled(t)
	r.restart(500, "second")
	require.Equal(t, 1, r.engine.Held())
	require.Empty(t, r.judges(), "the named one is still being tried")
	r.cat.SetFailed("second", catalog.CanaryDrift, "It drifted.")
	r.refresh()
	require.Equal(t, "guard-nano", r.judges())
	require.Equal(t, 1, r.engine.Held())
	require.Equal(t, "failed canary_drift", r.state("second"))
	require.Equal(t, 1, r.gaveUp())

	r.engine.before = func(id string) {
		r.engine.FailLoad(nil)
		if id == "second" {
			r.engine.FailLoad(fault.New(fault.Unprocessable, "the engine refuses it"))
		}
	}
	r.restart(1000, "second")
	require.Equal(t, "guard-nano", r.judges())
	require.Equal(t, "failed file_refused", r.state("second"))
	require.Equal(t, 2, r.gaveUp())
}

// A process for a few texts has nobody who would prove a guard: it judges with what it was told to load.
func TestAProcessForOneModelWaitsForNobody(t *testing.T) {
	r := settled(t)
	r.reopen(1000, "second")
	require.NoError(t, r.LoadModel(t.Context(), catalog.KindGuard, ""))
	require.Equal(t, "second", r.judges())
	require.Equal(t, catalog.Proven{ID: "guard-nano"}, r.lastProven(), "and says nothing of it to a server")
}

// Where no guard was ever proven there is nothing to go back to: nobody judges.
func TestAStartWithoutAProvenGuardJudgesWithNone(t *testing.T) {
	r := newProvenRig(t, 1000)
	require.Empty(t, r.lastProven())
	r.restart(1000, "second")
	r.cat.SetFailed("second", catalog.CanaryDrift, "It drifted.")
	r.refresh()
	require.Equal(t, "failed canary_drift", r.state("second"))
	require.True(t, r.model("second").Default, "nobody takes its place")
	require.Zero(t, r.gaveUp())
}

// A setting that is taken away leaves the catalogue's own default, which has to be proven as well; a setting that names the proven one
// again is the end of what was given up.
func TestASettingThatIsTakenBack(t *testing.T) {
	r := settled(t)
	r.restart(1000, "second")
	r.cat.SetProven("second")
	r.refresh()
	r.restart(1000, "")
	require.Equal(t, "second", r.judges())
	require.True(t, r.model("guard-nano").Next)
	r.cat.SetFailed("guard-nano", catalog.CanaryDrift, "It drifted.")
	r.refresh()
	require.Equal(t, "second", r.judges())
	require.Equal(t, "guard-nano", r.lastProven().GaveUp)
	r.restart(1000, "second")
	r.cat.SetProven("second")
	r.refresh()
	require.Equal(t, catalog.Proven{ID: "second"}, r.lastProven())
}

// What a named guard would go back to is neither unloaded nor removed, by a command that knows no states either.
func TestWhatANamedGuardGoesBackToStays(t *testing.T) {
	r := settled(t)
	r.replace("second", false)
	r.refresh()
	r.cat.SetProven("second")
	r.refresh()
	require.Equal(t, catalog.Proven{ID: "second"}, r.lastProven())
	shell := catalog.New(r.db, r.guard, r.files)
	shell.SetDefault("guard-nano")
	_, err := shell.Remove(t.Context(), admin(), catalog.Change{ID: "second"})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	shell.SetDefault("second")
	_, err = shell.Unload(t.Context(), admin(), catalog.Change{ID: "guard-nano"})
	require.NoError(t, err)
}
