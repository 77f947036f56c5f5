//go:build !nollama

package kernel

/*
#cgo CXXFLAGS: -std=c++17
#include <stdlib.h>
#include "kernel.h"
*/
import "C"

import (
	"unsafe"

	// The engine whose buffer types and thread pool this plugs into.
	_ "github.com/ollama/ollama/llama"
)

// Runs says whether this processor runs the kernels of that name; "auto" and "none" run everywhere.
func Runs(name string) bool {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	return bool(C.gh_kernels_run(c))
}

// Install makes the engine compute with the kernels of that name for the rest of the process. The first call counts; it
// comes before the engine's first model.
func Install(name string) {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	C.gh_kernels_install(c)
}

// Name answers the kernels that the process computes with, "none" where the engine's own do.
func Name() string { return C.GoString(C.gh_kernels_name()) }
