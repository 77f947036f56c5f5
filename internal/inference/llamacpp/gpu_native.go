//go:build !nollama

package llamacpp

/*
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "shim.h"
#include "gpu.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"guardhouse/internal/gpu"
)

// TryGPU is what the child process does with a library: it loads it, has every device compute, and answers them. What ends
// the process here would have ended the server.
func TryGPU(files []*os.File) (gpu.Report, error) {
	devices, err := loadGPU(files)
	if err != nil {
		return gpu.Report{}, err
	}
	for _, d := range devices {
		if err := called(func(words *C.char) C.int { return C.gh_gpu_try(C.int32_t(d.Index), words, wordsSize) }); err != nil {
			return gpu.Report{}, fmt.Errorf("%s: %w", d.Description, err)
		}
	}
	return gpu.Report{Devices: devices}, nil
}

// loadGPU loads the checked files in their order, each through its descriptor and never by a path, and answers the devices of
// the last one. The loader knows a library by the path that it came by, so that no descriptor may be closed before the last
// one is loaded. It must be called once in a process.
func loadGPU(files []*os.File) ([]gpu.Device, error) {
	if len(files) == 0 {
		return nil, errors.New("there is no library")
	}
	if err := quiet(); err != nil {
		return nil, err
	}
	C.gh_start()
	for i, f := range files {
		path := C.CString(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
		err := called(func(words *C.char) C.int {
			if i < len(files)-1 {
				return C.gh_gpu_support(path, words, wordsSize)
			}
			return C.gh_gpu_load(path, words, wordsSize)
		})
		C.free(unsafe.Pointer(path))
		if err != nil {
			return nil, err
		}
	}
	return devices(), nil
}

// unwantedByGPU are the variables that the backend, CUDA and its driver read: some name a library that they would load or a
// file that they would write, the others change what is computed, or which devices there are.
func unwantedByGPU() []string {
	return []string{
		"CUDA_INJECTION32_PATH", "CUDA_INJECTION64_PATH", "NVTX_INJECTION32_PATH", "NVTX_INJECTION64_PATH", "CUDA_LOG_FILE",
		"CUDA_CACHE_PATH", "CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES", "CUDA_FORCE_PTX_JIT", "CUDA_LAUNCH_BLOCKING", "CUDA_MODULE_LOADING",
		"CUDA_ENABLE_COREDUMP_ON_EXCEPTION", "CUDA_COREDUMP_FILE", "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY",
		"CUBLAS_LOGDEST_DBG", "CUBLAS_LOGINFO_DBG", "CUBLAS_WORKSPACE_CONFIG", "CUBLASLT_LOG_FILE", "CUBLASLT_LOG_LEVEL", "CUBLASLT_LOG_MASK",
		"GGML_CUDA_DISABLE_FUSION", "GGML_CUDA_DISABLE_GRAPHS", "GGML_CUDA_ENABLE_UNIFIED_MEMORY", "GGML_CUDA_GRAPH_OPT", "GGML_CUDA_INIT",
		"GGML_CUDA_NO_PINNED", "GGML_CUDA_REGISTER_HOST",
	}
}

// devices answers what is there now, with the memory that is free now.
func devices() (out []gpu.Device) {
	for i := range int(C.gh_gpu_count()) {
		var d C.gh_gpu
		if C.gh_gpu_describe(C.int32_t(i), &d) != C.GH_OK {
			continue
		}
		out = append(out, gpu.Device{
			Index: i, Name: C.GoString(&d.name[0]), Description: C.GoString(&d.description[0]),
			Free: int64(d.memory_free), Total: int64(d.memory_total), Major: int(d.major), Minor: int(d.minor),
		})
	}
	return out
}

// called answers the code of a C function as an error, with what it said.
func called(f func(words *C.char) C.int) error {
	words := (*C.char)(C.calloc(1, wordsSize))
	defer C.free(unsafe.Pointer(words))
	code := f(words)
	if code == C.GH_OK {
		return nil
	}
	if said := strings.TrimSpace(C.GoString(words)); said != "" {
		return errors.New(said)
	}
	return codeError(code)
}
