//go:build !nollama

package llamacpp

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

// constant is what a loaded model may take beside what its description says: threads' stacks, graphs, the library's books.
const constant = 16 << 20

// residentBytes answers what the kernel counts as this process's memory, its own and what it maps of files.
func residentBytes(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			require.NoError(t, err)
			return kib << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// ranAlone runs the calling test in a process of its own and answers true, false in that process: what other tests gave back,
// C's allocator keeps, and would hand out again without the process growing.
func ranAlone(t *testing.T) bool {
	t.Helper()
	const mark = "GH_TEST_ALONE"
	if os.Getenv(mark) != "" {
		return false
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), mark+"=1")
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	t.Logf("%s", out)
	return true
}

// A model takes at least its weights and its cache, and at most what its description says and the constant, whatever it is
// asked: passes as large as they get, on all lanes, in all slots.
func TestMemoryIsAsStated(t *testing.T) {
	if ranAlone(t) {
		return
	}
	nanoLabels() // what tests read of the file is not the model's
	before := residentBytes(t)
	const tokens = 1024
	m := load(t, nano(t), inference.Spec{SlotTokens: tokens, Threads: 2, Slots: 8})
	d := m.Describe()
	var all sync.WaitGroup
	for c := range 16 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(5, uint64(c)))
			for i := range 6 {
				q := inference.Query{Labels: nanoLabels(), Tails: [][]int32{{198}, {198}, {198}}, MaxTail: 4}
				n := 1 + r.IntN(200)
				if i%3 == 0 {
					n = tokens - 16
				}
				for range n {
					q.Prompt = append(q.Prompt, nanoTextFrom+r.Int32N(nanoTextTo()-nanoTextFrom))
				}
				if _, err := m.Judge(t.Context(), q); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	grew := residentBytes(t) - before
	mem := d.Memory
	t.Logf("grew by %d KiB; stated %d: weights %d, packed %d, cache %d, compute %d, output %d KiB", grew>>10,
		mem.Total()>>10, mem.Weights>>10, mem.Packed>>10, mem.Cache>>10, mem.Compute>>10, mem.Output>>10)
	require.Equal(t, mem.Cache, d.CacheBytes)
	// Two lanes of four slots and two shelves.
	require.Equal(t, 2*(4*tokens+shelves*shelfIDs)*nanoCell(t), mem.Cache)
	require.GreaterOrEqual(t, mem.Weights+mem.Packed, d.WeightBytes)
	require.LessOrEqual(t, grew, mem.Total()+constant)
	require.Greater(t, grew, mem.Cache, "the cache is taken at once")
}

// A q8_0 cache is 34 bytes where f16 has 64, and gives the same labels.
func TestCacheInQ8(t *testing.T) {
	spec := inference.Spec{SlotTokens: 384, Threads: 1, Slots: 2}
	plain := load(t, nano(t), spec)
	spec.Cache = cacheQ8
	small := load(t, nano(t), spec)
	require.Equal(t, cacheQ8, small.Describe().Cache)
	require.Equal(t, plain.Describe().Memory.Cache*34/64, small.Describe().Memory.Cache)
	tok := nanoTokenizer(t, nano(t))
	for text, want := range nanoTexts() {
		a, err := small.Judge(t.Context(), nanoQuery(tok, text))
		require.NoError(t, err)
		require.Equal(t, want, a.Best, text)
	}
}
