package manager_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/inference"
	"guardhouse/internal/manager"
)

// unloaded is a rig with a guard in memory and others, which differ in nothing but their ids, out of it; nothing is known of them.
func unloaded(t testing.TB, o manager.Tuning, ids ...string) *rig {
	t.Helper()
	r := newRig(t, o)
	for _, id := range ids {
		r.brought(id)
		_, err := r.cat.Unload(t.Context(), admin(), catalog.Change{ID: id})
		require.NoError(t, err)
	}
	r.refresh()
	return r
}

// needs is what a model's page says that it would take.
func (r *rig) needs(id string) int64 {
	r.t.Helper()
	m, known := r.Takes(r.model(id))
	if !known {
		return 0
	}
	return m.Total()
}

// One round tells of every model, and not of another's with the same bytes; whoever shows one is told to read it again.
func TestAllUnloadedModelsAreForeseenAtOnce(t *testing.T) {
	r := unloaded(t, manager.Tuning{Memory: 1000}, "a", "b", "c")
	r.engine.takes = map[string]int64{"guard-nano": 100, "a": 200, "b": 300, "c": 400}
	before := r.model("c").Revision
	r.Foresee(t.Context())
	require.Equal(t, []int64{204, 304, 404}, []int64{r.needs("a"), r.needs("b"), r.needs("c")})
	require.Greater(t, r.model("c").Revision, before)
	before = r.model("c").Revision
	r.Foresee(t.Context())
	require.Equal(t, before, r.model("c").Revision, "nothing is new")
}

// What a model would take is of the room that there is now: another setting, or another model that came or went.
func TestWhatAModelWouldTakeIsOfTheRoomOfNow(t *testing.T) {
	r := unloaded(t, manager.Tuning{Memory: 1000}, "a", "b")
	r.engine.takes, r.engine.wide = map[string]int64{"a": 100, "b": 100}, 10_000
	r.Foresee(t.Context())
	require.EqualValues(t, 996, r.needs("a"), "guard-nano has the rest")
	before := r.model("a").Revision
	r.Tune(manager.Tuning{Memory: 2000})
	require.EqualValues(t, 1996, r.needs("a"))
	require.Greater(t, r.model("a").Revision, before)
	r.Tune(manager.Tuning{Memory: 20_000})
	require.EqualValues(t, 10_100, r.needs("a"))
	_, err := r.cat.Load(t.Context(), admin(), catalog.Change{ID: "b"})
	require.NoError(t, err)
	r.refresh()
	require.EqualValues(t, 9896, r.needs("a"))
	r.Tune(manager.Tuning{Memory: 30_000})
	require.EqualValues(t, 10_100, r.needs("b"), "one in memory is held to what it was held to before")
}

// A file that could not be read is read again when it is another.
func TestAModelIsForeseenOnceItsFileIsThere(t *testing.T) {
	r := newRig(t, manager.Tuning{Memory: 1000})
	m := r.brought("a")
	_, err := r.cat.Unload(t.Context(), admin(), catalog.Change{ID: "a"})
	require.NoError(t, err)
	require.NoError(t, os.Rename(m.Path, m.Path+".away"))
	r.Foresee(t.Context())
	_, known := r.Takes(m)
	require.False(t, known)
	require.NoError(t, os.Rename(m.Path+".away", m.Path))
	r.Foresee(t.Context())
	require.EqualValues(t, 4, r.needs("a"))
}

// One that waits for another model's load is foreseen meanwhile; the one that is loaded is about to say it itself.
func TestAModelThatWaitsIsForeseen(t *testing.T) {
	r := newRig(t, manager.Tuning{Memory: 1000})
	r.brought("a")
	known := map[string]bool{}
	r.engine.before = func(string) {
		r.engine.before = nil
		r.Foresee(context.Background())
		known["a"] = r.needs("a") > 0
	}
	r.refresh()
	require.Equal(t, map[string]bool{"a": true}, known)
}

// An engine that foresees nothing is asked for nothing, and no file is read for it.
func TestAnEngineThatForeseesNothing(t *testing.T) {
	r := newRig(t, manager.Tuning{})
	plain := manager.New(manager.Deps{Catalog: r.cat, Scheduler: r.sched, Engine: struct{ inference.Engine }{r.engine}}, manager.Options{Now: r.clock.now})
	plain.Handle(catalog.KindGuard, func(context.Context, catalog.Model, *catalog.File) (manager.Opened, error) {
		t.Error("a file was read")
		return manager.Opened{}, nil
	})
	plain.Foresee(t.Context())
	_, known := plain.Takes(r.model("guard-nano"))
	require.False(t, known)
}
