//go:build !nollama

package llamacpp

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
	"guardhouse/internal/gpu"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/llamacpp/kernel"
	"guardhouse/internal/inference/shape"
)

// Load reads the model behind the descriptor and makes its contexts. It refuses with fault.Unprocessable
// what the engine refuses, with fault.Invalid limits that no context can have.
func (e *Engine) Load(ctx context.Context, s inference.Spec) (inference.Model, error) {
	if s.File == nil {
		return nil, fault.New(fault.Invalid, "there is no model file")
	}
	// The limits are looked at before minutes of reading.
	if _, err := newPlan(s, 0, 1); err != nil {
		return nil, err
	}
	if err := quiet(); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the engine could not be started")
	}
	if err := useKernels(s.Kernels); err != nil {
		return nil, err
	}
	m, err := e.loadAnywhere(ctx, s)
	if err != nil {
		return nil, err
	}
	m.description.Kernels, m.description.Runtime = kernel.Name(), thisRuntime()
	return m, nil
}

// loadAnywhere loads a model onto the GPU, if there is one, as far as it fits.
func (e *Engine) loadAnywhere(ctx context.Context, s inference.Spec) (*model, error) {
	if e.gpu == nil {
		return e.loadOn(ctx, s, gpu.Choice{})
	}
	shape, err := shapeOf(s.File)
	if err != nil {
		return nil, err
	}
	bounded, cores := atHand(s)
	choice, sizes, err := placed(bounded, shape, devices(), e.gpu.wanted)
	if err != nil {
		return nil, err
	}
	return offload(ctx, e.gpu.log, s.ModelID, choice, func(c gpu.Choice) (*model, error) {
		bounded, err := within(bounded, shape, cores, c, sizes)
		if err != nil {
			return nil, err
		}
		return e.loadOn(ctx, bounded, c)
	})
}

// shapeOf answers the shape of a model by its file's own table of tensors.
func shapeOf(f *os.File) (inference.Shape, error) {
	info, err := f.Stat()
	if err != nil {
		return inference.Shape{}, fault.Wrap(err, fault.Unprocessable, "the model file could not be read")
	}
	g, err := gguf.Read(f, info.Size())
	if err != nil {
		return inference.Shape{}, err
	}
	return shape.Of(g, sealed(f)), nil
}

// loadOn reads the weights and makes the contexts, with the chosen layers on their device.
func (e *Engine) loadOn(ctx context.Context, s inference.Spec, c gpu.Choice) (*model, error) {
	w, err := loadWeightsOn(ctx, fmt.Sprintf("/proc/self/fd/%d", s.File.Fd()), sealed(s.File), c, s.Progress)
	runtime.KeepAlive(s.File)
	if err != nil {
		return nil, err
	}
	cpus := affinity()
	if len(cpus) > 0 {
		s.Threads = min(s.Threads, len(cpus)) // more threads than processors only wait for each other
	}
	if c.Layers > 0 {
		s = onGPU(s)
	}
	m, err := e.layOut(ctx, s, w, cpus, c)
	if err != nil {
		w.free()
		return nil, err
	}
	return m, nil
}

// layOut chooses how the model is laid out and makes its contexts. It refuses with fault.Unprocessable what does not fit
// into the memory that is there.
func (e *Engine) layOut(ctx context.Context, s inference.Spec, w *weights, cpus []int, c gpu.Choice) (*model, error) {
	root := os.DirFS("/")
	p, err := newPlan(s, w.bytes, computeCores(root, cpus))
	if err != nil {
		return nil, err
	}
	cell := w.cell
	if p.lane.cacheQ8 {
		if cell = w.cell8; cell == 0 {
			return nil, fault.New(fault.Unprocessable, "this model's keys and values do not divide into blocks of q8_0")
		}
	}
	p.need = need{cell: beside(cell, c), vocab: w.vocab, heads: w.heads}
	open := func(l laneLimits) (core, error) { return openLane(w, l) }
	file, err := s.File.Stat()
	if err != nil {
		return nil, fault.Wrap(err, fault.Unprocessable, "the model's file cannot be read")
	}
	if err := p.settle(ctx, s, means{
		open: open, now: e.now, within: context.WithTimeout, room: roomOf(s, memoryRoom(root)),
		trials: e.trials, kernels: kernel.Name(), file: file.Size(),
	}); err != nil {
		return nil, err
	}
	var cores []core
	for range p.lanes {
		n, err := openLane(w, p.lane)
		if err == nil && ctx.Err() != nil {
			n.close()
			err = fault.From(ctx.Err())
		}
		if err != nil {
			for _, c := range cores {
				c.close()
			}
			return nil, err
		}
		cores = append(cores, n)
	}
	if c.Layers > 0 {
		if err := rehearse(cores, p.lane.share); err != nil {
			for _, c := range cores {
				c.close()
			}
			return nil, fault.Wrap(err, fault.Unprocessable, "the model does not run on the GPU")
		}
	}
	return newModel(p, cores, e.now, w.free), nil
}

// sealed says that nobody can ever change or shorten the file: only then may C map it. A mapped file
// that is cut would end the process, one that is rewritten would run what was never checked.
func sealed(f *os.File) bool {
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	const needed = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK
	return err == nil && seals&needed == needed
}

// unwanted are the variables that the pinned engine reads: one names a library that it would load
// unchecked, one makes an abort start a debugger, the others print token ids or change what is computed.
func unwanted() []string {
	return []string{
		"GGML_BACKEND_PATH", "GGML_BACKTRACE_LLDB", "GGML_SCHED_DEBUG", "GGML_SCHED_DEBUG_REALLOC",
		"LLAMA_BATCH_DEBUG", "LLAMA_CACHE", "LLAMA_GRAPH_INPUT_DEBUG", "LLAMA_GRAPH_RESULT_DEBUG",
		"LLAMA_GRAPH_REUSE_DISABLE", "LLAMA_KV_CACHE_DEBUG", "LLAMA_TRACE", "MTMD_BACKEND_DEVICE", "MTMD_DEBUG_GRAPH",
	}
}

// quiet takes away what the environment could make native code do, here and in children. An empty
// OLLAMA_LIBRARY_PATH is one that names no folder; without one the folder beside the binary counts.
func quiet() error {
	for _, name := range append(unwanted(), unwantedByGPU()...) {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	if err := os.Setenv("OLLAMA_LIBRARY_PATH", ""); err != nil {
		return err
	}
	return os.Setenv("GGML_NO_BACKTRACE", "1")
}

// affinity answers the logical processors that this process may run on.
func affinity() []int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil
	}
	var cpus []int
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	return cpus
}
