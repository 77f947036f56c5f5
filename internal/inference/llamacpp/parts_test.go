package llamacpp

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/gguf"
	"guardhouse/internal/inference"
)

// Every byte of the weights is in one part, but for the embedding, which stays with the processor.
func TestParts(t *testing.T) {
	f, err := os.Open("../../../models/guard-nano.gguf")
	require.NoError(t, err)
	defer f.Close()
	p, err := newPlan(inference.Spec{Slots: 4, Lanes: 1, SlotTokens: 512, Threads: 1}, 0, 1)
	require.NoError(t, err)
	s, err := parts(f, p)
	require.NoError(t, err)
	require.NotEmpty(t, s.Layers)
	total := int64(0)
	for _, bytes := range s.Layers {
		require.Positive(t, bytes)
		total += bytes
	}
	info, err := f.Stat()
	require.NoError(t, err)
	require.Positive(t, s.Output)
	require.Less(t, total, info.Size())
	require.Greater(t, total+s.Output, info.Size()/2)
	require.Positive(t, s.Compute)
	half := p
	half.lane.cacheQ8 = true
	q, err := parts(f, half)
	require.NoError(t, err)
	require.Equal(t, s.Cache*17/32, q.Cache)
}

// A file that names no heads of keys has as many as heads.
func TestPartsWithoutHeadsOfKeys(t *testing.T) {
	f, err := os.Open("../../../models/guard-nano.gguf")
	require.NoError(t, err)
	defer f.Close()
	info, err := f.Stat()
	require.NoError(t, err)
	g, err := gguf.Read(f, info.Size())
	require.NoError(t, err)
	p, err := newPlan(inference.Spec{Slots: 4, Lanes: 1, SlotTokens: 512, Threads: 1}, 0, 1)
	require.NoError(t, err)
	grouped := partsOf(g, p).Cache
	heads, ok := g.Uint("qwen3.attention.head_count")
	require.True(t, ok)
	groups, ok := g.Uint("qwen3.attention.head_count_kv")
	require.True(t, ok)
	delete(g.KV, "qwen3.attention.head_count_kv")
	require.Positive(t, grouped)
	require.Equal(t, grouped/int64(groups)*int64(heads), partsOf(g, p).Cache)
}
