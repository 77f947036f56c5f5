//go:build !nollama

package kerneltest

/*
#include <stdlib.h>
#include "../softmax.h"

static int32_t largest(const char *kernels, const float *x, int32_t n) { return gh_softmax_of(kernels)->largest(x, n); }
static double sum(const char *kernels, const float *x, int32_t n, float top, float scale) {
	return gh_softmax_of(kernels)->sum(x, n, top, scale);
}
*/
import "C"

import "unsafe"

// Largest answers where the greatest value stands first, by the named kernels; -1 where they refuse the row.
func Largest(kernels string, x []float32) int {
	name := C.CString(kernels)
	defer C.free(unsafe.Pointer(name))
	return int(C.largest(name, (*C.float)(unsafe.SliceData(x)), C.int32_t(len(x))))
}

// SumExp answers the sum of e^((x[i] - top) * scale), by the named kernels.
func SumExp(kernels string, x []float32, top, scale float32) float64 {
	name := C.CString(kernels)
	defer C.free(unsafe.Pointer(name))
	return float64(C.sum(name, (*C.float)(unsafe.SliceData(x)), C.int32_t(len(x)), C.float(top), C.float(scale)))
}
