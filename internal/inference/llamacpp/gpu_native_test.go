//go:build !nollama

package llamacpp

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/gpu"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/llamacpp/kernel/kerneltest"
	"guardhouse/internal/inference/shape"
)

// standIn compiles a library that behaves as the engine's own does, with a device that is none. "" = a compiler is missing.
func standIn(t *testing.T, behaviour int, more ...string) string {
	t.Helper()
	compiler, err := exec.LookPath("c++")
	if err != nil {
		t.Skipf("not run: %s needs a C++ compiler named c++", t.Name())
	}
	name := filepath.Join(t.TempDir(), "standin.so")
	args := append([]string{"-std=c++17", "-shared", "-fPIC", "-DSTANDIN=" + strconv.Itoa(behaviour), "-o", name, "testdata/standin.cpp"}, more...)
	out, err := exec.CommandContext(t.Context(), compiler, args...).CombinedOutput()
	require.NoError(t, err, string(out))
	return name
}

// TestGPUChild is not a test of its own: it is what tests below run in another process.
func TestGPUChild(t *testing.T) {
	names, isChild := os.LookupEnv("GH_TEST_LIBRARY")
	if !isChild {
		t.Skip("run by TestTryGPU")
	}
	var files []*os.File
	for name := range strings.SplitSeq(names, ":") {
		f, err := os.Open(name)
		require.NoError(t, err)
		files = append(files, f)
	}
	r, err := TryGPU(files)
	require.NoError(t, err)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	fmt.Printf("REPORT %s\n", text)
}

func TestTryGPU(t *testing.T) {
	helper := filepath.Join(t.TempDir(), "libhelper.so.1")
	compiler, err := exec.LookPath("cc")
	require.NoError(t, err)
	compile := exec.CommandContext(t.Context(), compiler, "-x", "c", "-shared", "-fPIC", "-Wl,-soname,libhelper.so.1", "-o", helper, "-")
	compile.Stdin = strings.NewReader("int gh_helper(void) { return 1; }\n")
	out, err := compile.CombinedOutput()
	require.NoError(t, err, string(out))
	broken := filepath.Join(t.TempDir(), "broken.so")
	require.NoError(t, os.WriteFile(broken, []byte("no library"), 0o600))

	run := func(libraries ...string) string {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestGPUChild$", "-test.v")
		child.Env = []string{"GH_TEST_LIBRARY=" + strings.Join(libraries, ":"), "GGML_NO_BACKTRACE=1"}
		out, _ := child.CombinedOutput() //nolint:errcheck // how it ended is in what it said
		return string(out)
	}
	good := run(standIn(t, 0))
	require.Contains(t, good, `"description":"Stand-in Board"`)
	require.Contains(t, good, `"major":8,"minor":6`)
	needs := standIn(t, 0, "-Wl,--no-as-needed", helper)
	require.Contains(t, run(needs), "libhelper.so.1: cannot open shared object file", "what a library needs is looked for nowhere")
	require.Contains(t, run(helper, needs), "Stand-in Board", "but found where it was loaded before")
	require.Contains(t, run(standIn(t, 1)), "no kernel image")
	require.Contains(t, run(standIn(t, 3)), `REPORT {"devices":null}`)
	require.Contains(t, run(standIn(t, 4)), "it is no backend of this engine")
	require.Contains(t, run(helper), "it is no backend of this engine")
	require.Contains(t, run(broken), "file too short")
}

// threat M6: variables that a driver obeys are gone before it is loaded. A model is laid out over a device as its memory allows, answers as it does on the processor, and goes back there when the
// device's memory is full after all.
func TestModelsOnAGPU(t *testing.T) {
	if ranAlone(t) {
		return
	}
	t.Setenv("GH_STANDIN_CPU", strconv.FormatUint(uint64(kerneltest.Processor()), 16))
	library, err := os.Open(standIn(t, 0))
	require.NoError(t, err)
	tok := nanoTokenizer(t, nano(t))
	query := nanoQuery(tok, "How do I bake bread?")
	spec := inference.Spec{Slots: 4, SlotTokens: 512, Threads: 1}
	plain := load(t, nano(t), spec)
	want, err := plain.Judge(t.Context(), query)
	require.NoError(t, err)
	require.Equal(t, "cpu", plain.Describe().Device)

	t.Setenv("CUDA_INJECTION64_PATH", "/nowhere/planted.so") // the driver would load it
	e := New()
	require.NoError(t, e.UseGPU(&gpu.Host{Library: &gpu.Library{Files: []*os.File{library}}, Wanted: gpu.AllLayers}, slog.New(slog.DiscardHandler)))
	require.NotContains(t, strings.Join(os.Environ(), "\n"), "planted.so")
	try := func(wanted int) inference.Description {
		e.gpu.wanted = wanted
		f, err := os.Open(nano(t))
		require.NoError(t, err)
		defer f.Close()
		s := spec
		s.File = f
		said := e.Estimate(s, shape.Of(nanoHeader(t), false))
		m, err := e.Load(t.Context(), s)
		require.NoError(t, err)
		defer m.Close()
		if os.Getenv("GH_STANDIN_LIMIT") == "" { // else the device has less than it says
			real := m.Describe().Memory
			t.Logf("%d layers: %+v, foreseen %+v", wanted, real, said)
			require.GreaterOrEqual(t, said.GPU, real.GPU)
			require.LessOrEqual(t, float64(said.GPU), 1.25*float64(real.GPU)+float64(said.Compute), "computing is counted on both sides")
			require.GreaterOrEqual(t, said.Total(), real.Total())
		}
		got, err := m.Judge(t.Context(), query)
		require.NoError(t, err)
		require.Equal(t, want.Best, got.Best)
		require.InDeltaSlice(t, want.Probs, got.Probs, 0.01)
		return m.Describe()
	}

	all := try(gpu.AllLayers)
	require.Equal(t, "cuda:Stand-in Board", all.Device)
	require.Contains(t, all.Choice.Why, "layers on Stand-in Board")
	require.Greater(t, all.Memory.GPU, plain.Describe().WeightBytes/2)
	require.Less(t, all.Memory.Total(), plain.Describe().Memory.Total())
	require.Equal(t, all.CacheBytes, plain.Describe().CacheBytes)

	some := try(2)
	require.Equal(t, "cuda:Stand-in Board", some.Device)
	require.Contains(t, some.Choice.Why, "2 of ")
	require.Less(t, some.Memory.GPU, all.Memory.GPU)
	require.Positive(t, some.Memory.GPU)

	none := try(0)
	require.Equal(t, "cpu", none.Device)
	require.Zero(t, none.Memory.GPU)

	t.Setenv("GH_STANDIN_LIMIT", strconv.FormatInt(all.Memory.GPU*3/4, 10)) // it says that there is more
	fewer := try(gpu.AllLayers)
	require.Equal(t, "cuda:Stand-in Board", fewer.Device)
	require.Contains(t, fewer.Choice.Why, "there is no memory for more; all ")
	require.Less(t, fewer.Memory.GPU, all.Memory.GPU*3/4)

	t.Setenv("GH_STANDIN_LIMIT", "1000")
	back := try(gpu.AllLayers)
	require.Equal(t, "cpu", back.Device)
	require.Zero(t, back.Memory.GPU)
	require.Contains(t, back.Choice.Why, "on the processor, beside Stand-in Board")

	f, err := os.Open(nano(t))
	require.NoError(t, err)
	defer f.Close()
	e.gpu.wanted = gpu.AllLayers
	bounded := spec
	bounded.File, bounded.Limit = f, e.Estimate(spec, shape.Of(nanoHeader(t), false)).Total() // enough for what was to stay
	_, err = e.Load(t.Context(), bounded)
	require.ErrorIs(t, err, inference.ErrNoRoom)

	t.Setenv("GH_STANDIN_FREE", strconv.Itoa(600<<20)) // less than the head-room
	little := try(gpu.AllLayers)
	require.Equal(t, "cpu", little.Device)
	require.Contains(t, little.Choice.Why, "head-room")
}
