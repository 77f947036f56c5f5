//go:build !nollama

package llamacpp

/*
#cgo CXXFLAGS: -std=c++17
#cgo LDFLAGS: -Wl,--wrap=ggml_backend_free
#include <stdlib.h>
#include "ends.h"
#include "shim.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"unsafe"

	// The engine itself: linked for its C functions, none of its Go functions is called. In particular
	// not BackendInit, which loads shared libraries from the environment and from beside the binary.
	_ "github.com/ollama/ollama/llama"

	"guardhouse/internal/fault"
	"guardhouse/internal/gpu"
	"guardhouse/internal/inference"
)

// wordsSize bounds what is kept of the engine's own complaint about a file.
const wordsSize = 512

// weights is a loaded model, read-only and shared by its lanes.
type weights struct {
	c     *C.gh_model
	vocab int
	heads int
	bytes int64
	cell  int64 // bytes of one cell of the cache as f16; 0 = unknown
	cell8 int64 // as q8_0; 0 = it cannot be
}

// loadWeights is loadWeightsOn for the processor alone.
func loadWeights(ctx context.Context, path string, mmap bool, told func(float64)) (*weights, error) {
	return loadWeightsOn(ctx, path, mmap, gpu.Choice{}, told)
}

// loadWeightsOn reads the model behind path, the chosen layers onto their device. It refuses with fault.Unprocessable what the engine refuses,
// and ends early with the context's error. told, where there is one, hears now and then how far it is, 0 to 1.
func loadWeightsOn(ctx context.Context, path string, mmap bool, on gpu.Choice, told func(float64)) (*weights, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	words := (*C.char)(C.calloc(1, wordsSize))
	defer C.free(unsafe.Pointer(words))
	flag := (*C.gh_flag)(C.calloc(1, C.sizeof_gh_flag))
	defer C.free(unsafe.Pointer(flag))
	heard := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		atomic.StoreInt32((*int32)(unsafe.Pointer(flag)), 1)
		close(heard)
	})
	defer func() {
		if !stop() {
			<-heard // the flag must outlive its writer
		}
	}()
	defer watch((*int32)(unsafe.Pointer(&flag.done)), told)()

	w := &weights{}
	if code := C.gh_load(name, C.bool(mmap), C.int32_t(on.Device.Index), C.int32_t(on.Layers), flag, &w.c, words, wordsSize); code != C.GH_OK {
		if err := ctx.Err(); err != nil {
			return nil, fault.From(err)
		}
		cause := fmt.Errorf("loading model: %w: %s", codeError(code), strings.TrimSpace(C.GoString(words)))
		return nil, fault.Wrap(cause, fault.Unprocessable, "the model file could not be loaded")
	}
	var i C.gh_info
	C.gh_describe(w.c, &i)
	w.vocab, w.heads, w.bytes = int(i.vocab), int(i.heads), int64(i.weight_bytes)
	w.cell, w.cell8 = int64(i.cell_bytes), int64(i.cell_bytes_q8)
	return w, nil
}

// free ends the model. Its lanes must be closed.
func (w *weights) free() {
	C.gh_unload(w.c)
	w.c = nil
}

// tokenize is llama.cpp's own tokenizer, for comparison with ours. Long runs of one class of characters
// overflow its stack: callers bound them.
func (w *weights) tokenize(text string) ([]int32, error) {
	if text == "" {
		return nil, nil
	}
	c := C.CString(text)
	defer C.free(unsafe.Pointer(c))
	ids := make([]int32, len(text)+1)
	count := C.gh_tokenize(w.c, c, C.int32_t(len(text)), (*C.int32_t)(&ids[0]), C.int32_t(len(ids)), false)
	if count < 0 {
		return nil, errFailed
	}
	return ids[:count], nil
}

// What only loading complains of.
var (
	errMemory = fmt.Errorf("the engine: %w", inference.ErrNoRoom)
	errLayout = errors.New("the linked engine is another version than the shim was written for")
)

func codeError(code C.int) error {
	switch code {
	case C.GH_OK:
		return nil
	case C.GH_FULL:
		return errFull
	case C.GH_ABORTED:
		return errAborted
	case C.GH_INVALID:
		return errInvalid
	case C.GH_EXCEPTION:
		return errException
	case C.GH_MEMORY:
		return errMemory
	case C.GH_NOT_FINITE:
		return errNotFinite
	case C.GH_LAYOUT:
		return errLayout
	}
	return errFailed
}

// held answers how many backends this thread has ended only after what reads them, for tests.
func held() int { return int(C.gh_held()) }
