package llamacpp

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/gguf"
	"guardhouse/internal/gpu"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/shape"
)

func nanoHeader(t testing.TB) *gguf.File {
	t.Helper()
	f, err := os.Open("../../../models/guard-nano.gguf")
	require.NoError(t, err)
	defer f.Close()
	info, err := f.Stat()
	require.NoError(t, err)
	g, err := gguf.Read(f, info.Size())
	require.NoError(t, err)
	return g
}

// Every byte of the weights is in one part, but for the embedding, which stays with the processor.
func TestParts(t *testing.T) {
	whole := shape.Of(nanoHeader(t), false)
	p, err := newPlan(inference.Spec{Slots: 4, Lanes: 1, SlotTokens: 512, Threads: 1}, 0, 1)
	require.NoError(t, err)
	s := parts(whole, p)
	require.NotEmpty(t, s.Layers)
	total := int64(0)
	for _, bytes := range s.Layers {
		require.Positive(t, bytes)
		total += bytes
	}
	require.Positive(t, s.Output)
	require.Less(t, total, whole.WeightBytes)
	require.Greater(t, total+s.Output, whole.WeightBytes/2)
	require.Positive(t, s.Compute)
	half := p
	half.lane.cacheQ8 = true
	require.Equal(t, s.Cache*17/32, parts(whole, half).Cache)
}

// A file that names no heads of keys has as many as heads.
func TestPartsWithoutHeadsOfKeys(t *testing.T) {
	g := nanoHeader(t)
	grouped := shape.Of(g, false).CellBytes
	heads, ok := g.Uint("qwen3.attention.head_count")
	require.True(t, ok)
	groups, ok := g.Uint("qwen3.attention.head_count_kv")
	require.True(t, ok)
	delete(g.KV, "qwen3.attention.head_count_kv")
	require.Positive(t, grouped)
	require.Equal(t, grouped/int64(groups)*int64(heads), shape.Of(g, false).CellBytes)
}

// board is a device with so much for models beside its head-room.
func board(usable int64) gpu.Device {
	const reserve = 512 << 20
	return gpu.Device{Description: "Board", Free: usable + reserve, Total: usable + reserve}
}

// What goes on a device is not counted against the machine, and what does not is: the more there is room for, the less stays.
func TestAnEstimateKnowsTheDevice(t *testing.T) {
	const mib = 1 << 20
	whole := inference.Shape{
		WeightBytes: 1100 * mib, OutputBytes: 100 * mib, TiedBytes: 100 * mib, CellBytes: 10 << 10, Vocabulary: 1000, Heads: 4,
		LayerBytes: []int64{100 * mib, 100 * mib, 100 * mib, 100 * mib, 100 * mib, 100 * mib, 100 * mib, 100 * mib, 100 * mib, 100 * mib},
	}
	spec := inference.Spec{Slots: 4, SlotTokens: 1024, Threads: 1, Lanes: 1}
	on := func(usable int64, wanted int) inference.Memory {
		c, sizes, err := placed(spec, whole, []gpu.Device{board(usable)}, wanted)
		require.NoError(t, err)
		return estimateOn(spec, whole, 1, c, sizes)
	}
	none := on(0, gpu.AllLayers)
	require.Zero(t, none.GPU)
	require.Equal(t, estimate(spec, whole, 1), none)
	all := on(4<<30, gpu.AllLayers)
	require.EqualValues(t, 100*mib, all.Weights, "the table of tokens stays")
	require.Zero(t, all.Packed+all.Cache)
	require.Greater(t, all.GPU, int64(1100*mib))
	some := on(600*mib, gpu.AllLayers)
	require.LessOrEqual(t, some.GPU, int64(600*mib))
	require.Less(t, some.Weights, none.Weights)
	require.Less(t, some.Cache, none.Cache)
	require.Greater(t, some.Total(), all.Total())
	require.Equal(t, on(4<<30, 3).Weights, int64(800*mib), "as many as the setting says")
}

// Where a device has less memory than it said, what is left over must fit into the machine's as before.
func TestFewerLayersStayWithinTheMemory(t *testing.T) {
	const mib = 1 << 20
	whole := inference.Shape{
		WeightBytes: 500 * mib, OutputBytes: 100 * mib, CellBytes: 1 << 10, Vocabulary: 1000, Heads: 4,
		LayerBytes: []int64{100 * mib, 100 * mib, 100 * mib, 100 * mib},
	}
	spec := inference.Spec{Slots: 4, SlotTokens: 1024, Threads: 1, Lanes: 1}
	c, sizes, err := placed(spec, whole, []gpu.Device{board(4 << 30)}, gpu.AllLayers)
	require.NoError(t, err)
	require.Equal(t, 5, c.Layers)
	free, err := within(spec, whole, 1, c, sizes)
	require.NoError(t, err)
	require.Equal(t, spec, free, "nobody set a bound")
	spec.Limit = 250 * mib
	_, err = within(spec, whole, 1, c, sizes)
	require.NoError(t, err)
	c.Layers = gpu.Fewer(c.Layers)
	_, err = within(spec, whole, 1, c, sizes)
	require.ErrorIs(t, err, inference.ErrNoRoom)
}
