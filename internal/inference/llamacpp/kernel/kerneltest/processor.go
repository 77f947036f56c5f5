//go:build !nollama

package kerneltest

/*
struct ggml_backend_reg;
struct ggml_backend_reg *ggml_backend_cpu_reg(void);
*/
import "C"

import "unsafe"

// Processor answers where the engine's own backend for the processor is, for a stand-in of another that computes with it.
func Processor() uintptr { return uintptr(unsafe.Pointer(C.ggml_backend_cpu_reg())) }
