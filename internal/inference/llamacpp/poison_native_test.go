//go:build !nollama

package llamacpp

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/gguf"
	"guardhouse/internal/inference"
)

// poisoned answers a copy of guard-nano whose first layer computes values over all bounds for one id, and for no other.
func poisoned(t *testing.T, id uint64) string {
	t.Helper()
	raw, err := os.ReadFile(nano(t))
	require.NoError(t, err)
	g, err := readGGUF(nano(t))
	require.NoError(t, err)
	for _, tensor := range g.Tensors {
		at := g.DataStart + tensor.Offset
		switch tensor.Name {
		case "blk.0.attn_norm.weight":
			binary.LittleEndian.PutUint32(raw[at:], math.Float32bits(1e9)) // of the first value
		case "token_embd.weight":
			row := tensor.Size / tensor.Dims[1]
			for i := range tensor.Dims[1] {
				setFirst(t, tensor.Type, raw[at+i*row:at+(i+1)*row], i == id)
			}
		}
	}
	name := filepath.Join(t.TempDir(), "poisoned.gguf")
	require.NoError(t, os.WriteFile(name, raw, 0o600))
	return name
}

// setFirst makes the first value of a quantised row the largest of its block, or zero.
func setFirst(t *testing.T, kind gguf.Type, row []byte, large bool) {
	t.Helper()
	switch kind.String() {
	case "Q8_0": // behind its block's scale
		row[2] = 0
		if large {
			row[2] = 127
		}
	case "Q6_K": // four bits of it, two bits of it 128 bytes on, both with an offset of 32; then scales
		row[0], row[128] = row[0]&^15, row[128]&^3|2
		if large {
			row[0], row[128], row[192] = row[0]|15, row[128]|3, 127
		}
	default:
		t.Fatalf("embeddings in %v: say here where a row's first value lies", kind)
	}
}

// Numbers that are none lie in the cells of the text that made them: neither who computes beside it nor who comes later, on those
// very cells, is touched.
func TestWhatIsNoNumberStaysItsOwners(t *testing.T) {
	const bad = 500
	w, err := loadWeights(t.Context(), poisoned(t, bad), false, nil)
	require.NoError(t, err)
	defer w.free()
	for _, k := range []laneLimits{{flash: true}, {flash: true, cacheQ8: true}} {
		k.slots, k.slotTokens, k.batch, k.threads, k.share, k.poll = 3, 256, chunk, 1, 1, poll
		n, err := openLane(w, k)
		require.NoError(t, err)
		m := newModel(plan{lanes: 1, threads: 1, slotTokens: 256, temperature: 1, weightBytes: w.bytes}, []core{n}, time.Now, func() {})
		good := inference.Query{Prompt: []int32{600, 601, 602}, Labels: nanoLabels()}
		before, err := m.Judge(t.Context(), good)
		require.NoError(t, err)
		for round := range 6 {
			worse := inference.Query{Prompt: []int32{700, bad}, Labels: nanoLabels()}
			for i := range int32(round * 40) {
				worse.Prompt = append(worse.Prompt, 701+i)
			}
			beside := make(chan error, 1)
			go func() {
				_, err := m.Judge(t.Context(), worse)
				beside <- err
			}()
			together, err := m.Judge(t.Context(), good)
			require.NoError(t, err)
			require.LessOrEqual(t, apart(before.Probs, together.Probs), companyTolerance)
			require.ErrorIs(t, <-beside, errNotFinite)
			after, err := m.Judge(t.Context(), good)
			require.NoError(t, err)
			require.LessOrEqual(t, apart(before.Probs, after.Probs), companyTolerance)
		}
		require.NoError(t, m.Close())
	}
}

// Without flash attention all cells are multiplied, at a weight of zero where they are not one's own. Who shares a pass with such
// a text fails as it does; who comes later is answered, with the prefix that was resident.
func TestWhatIsNoNumberIsClearedAway(t *testing.T) {
	const bad = 500
	w, err := loadWeights(t.Context(), poisoned(t, bad), false, nil)
	require.NoError(t, err)
	defer w.free()
	n, err := openLane(w, laneLimits{slots: 3, slotTokens: 256, batch: chunk, threads: 1, share: 1, poll: poll})
	require.NoError(t, err)
	m := newModel(plan{lanes: 1, threads: 1, slotTokens: 256, temperature: 1, weightBytes: w.bytes}, []core{n}, time.Now, func() {})
	require.NoError(t, m.Prime(t.Context(), [][]int32{{600, 601}}))
	good := inference.Query{Prompt: []int32{600, 601, 602}, Prefix: 2, Labels: nanoLabels()}
	before, err := m.Judge(t.Context(), good)
	require.NoError(t, err)
	for round := range int32(6) {
		worse := inference.Query{Prompt: []int32{600, 601, 700, bad}, Prefix: 2, Labels: nanoLabels()}
		for i := range round * 40 {
			worse.Prompt = append(worse.Prompt, 701+i)
		}
		_, err := m.Judge(t.Context(), worse)
		require.ErrorIs(t, err, errNotFinite)
		after, err := m.Judge(t.Context(), good)
		require.NoError(t, err)
		require.LessOrEqual(t, apart(before.Probs, after.Probs), companyTolerance)
		require.Equal(t, 1, after.Evaluated, "the prefix is resident again")
	}
	require.NoError(t, m.Close())
}
