//go:build !nollama

package manager_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/gguf"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/llamacpp"
	"guardhouse/internal/inference/shape"
	"guardhouse/internal/manager"
)

// predictedAtMost is how much more than a model really takes may be held against it before it is loaded: what computing reserves
// is known only to the engine, and is most of it where a model is tiny.
const predictedAtMost = 1.4

// What is said of a model before it is loaded is never less than it takes, and not much more.
func TestThePredictionHolds(t *testing.T) {
	for _, name := range []string{"../../models/guard-nano.gguf", "../../../shared/goldens/qwen/tiny-guard/tiny-guard-q8_0.gguf"} {
		f, err := os.Open(filepath.FromSlash(name))
		require.NoError(t, err)
		defer f.Close()
		info, err := f.Stat()
		require.NoError(t, err)
		g, err := gguf.Read(f, info.Size())
		require.NoError(t, err)
		for _, spec := range []inference.Spec{
			{SlotTokens: 4096, Threads: 2},
			{SlotTokens: 1024, Threads: 2, Slots: 8, Cache: "q8_0"},
			{SlotTokens: 512, Threads: 1, Slots: 2, Flash: "off"},
			{SlotTokens: 2048, Threads: 2, Slots: 4, Batch: 1024, Lanes: 1},
		} {
			engine := llamacpp.New()
			said := engine.Estimate(spec, shape.Of(g, false))
			spec.File = f
			m, err := engine.Load(t.Context(), spec)
			require.NoError(t, err)
			real := m.Describe().Memory
			require.NoError(t, m.Close())
			require.Equal(t, real.Cache, said.Cache)
			require.Equal(t, real.Weights+real.Packed, said.Weights+said.Packed)
			require.GreaterOrEqual(t, said.Total(), real.Total())
			require.LessOrEqual(t, float64(said.Total()), predictedAtMost*float64(real.Total()))
		}
	}
}

// The real engine: two copies of guard-nano take each other's place while eight callers ask, and nobody is refused.
func TestSwapOfRealModelsUnderLoad(t *testing.T) {
	r := newRig(t, manager.Tuning{})
	r.Service = manager.New(manager.Deps{Catalog: r.cat, Scheduler: r.sched, Engine: llamacpp.New()}, manager.Options{})
	r.Handle(catalog.KindGuard, func(ctx context.Context, m catalog.Model, f *catalog.File) (manager.Opened, error) {
		o, err := open(ctx, m, f)
		o.Spec.Threads = 2
		return o, err
	})
	r.brought("second")
	r.run()
	stop := r.traffic(8)
	for _, next := range []string{"second", "guard-nano", "second"} {
		_, err := r.cat.MakeDefault(t.Context(), admin(), catalog.DefaultChange{Change: catalog.Change{ID: next, Check: r.Fits}, Replace: true})
		require.NoError(t, err)
		until(t, next+" to judge alone", func() bool { return r.model(next).Default && len(r.sched.Status()) == 1 })
	}
	asked, by := stop()
	require.Positive(t, by["second"])
	require.Positive(t, by["guard-nano"])
	t.Logf("%d requests, none refused: %v", asked, by)
}
