//go:build !nollama

// Package kerneltest computes single products with kernels of one's choice, and with the engine's own. Only _test files
// import it.
package kerneltest

/*
#cgo CXXFLAGS: -std=c++17
#include <stdlib.h>
#include "kerneltest.h"
*/
import "C"

import (
	"errors"
	"time"
	"unsafe"

	"guardhouse/internal/inference/llamacpp/kernel"
)

// Type is ggml's number of a weight type.
type Type int

// The types that kernels take.
const (
	Q4_0 Type = 2
	Q8_0 Type = 8
	Q4_K Type = 12
	Q6_K Type = 14
)

// String is the type's name.
func (t Type) String() string {
	return map[Type]string{Q4_0: "Q4_0", Q8_0: "Q8_0", Q4_K: "Q4_K", Q6_K: "Q6_K"}[t]
}

// ErrRefused says that the kernels do not take this weight.
var ErrRefused = errors.New("the kernels do not take this weight")

// RowBytes answers the size of a row of k values.
func (t Type) RowBytes(k int) int { return int(C.gh_row_bytes(C.int(t), C.int64_t(k))) }

// Quantise answers rows of ggml's blocks that stand for the values.
func (t Type) Quantise(values []float32, k int) []byte {
	out := make([]byte, len(values)/k*t.RowBytes(k))
	C.gh_quantise(C.int(t), (*C.float)(&values[0]), C.int64_t(len(values)/k), C.int64_t(k), unsafe.Pointer(&out[0]))
	return out
}

// Floats answers what blocks stand for.
func (t Type) Floats(blocks []byte, k int) []float32 {
	out := make([]float32, len(blocks)/t.RowBytes(k)*k)
	C.gh_floats(C.int(t), unsafe.Pointer(&blocks[0]), (*C.float)(&out[0]), C.int64_t(len(out)))
	return out
}

// Product is a weight and columns, ready to be multiplied as a pass of the engine would. It belongs to one goroutine.
type Product struct {
	c             *C.gh_product
	rows, columns int
}

// New makes a product with the weight of rows x k in the form that the named kernels want: those of package kernel, "none" for
// the engine's plain ones, "engine" for the best that the engine has. It refuses with ErrRefused what those do not take.
// The columns stand apart by stride floats, at least k, in batches of equal size.
func New(kernels string, t Type, weight []byte, rows, k, columns, batches, stride, threads int) (*Product, error) {
	kernel.Name() // links what is tested
	name := C.CString(kernels)
	defer C.free(unsafe.Pointer(name))
	p := C.gh_product_new(name, C.int(t), unsafe.Pointer(&weight[0]), C.size_t(len(weight)), C.int64_t(rows), C.int64_t(k), C.int64_t(columns),
		C.int64_t(batches), C.int64_t(stride), C.int(threads))
	if p == nil {
		return nil, ErrRefused
	}
	return &Product{c: p, rows: rows, columns: columns * batches}, nil
}

// Compute multiplies so many times, and answers rows x columns and the processor time of
// the calling thread in the fastest.
func (p *Product) Compute(x []float32, times int) ([]float32, time.Duration) {
	y := make([]float32, p.rows*p.columns)
	ns := C.gh_product_compute(p.c, (*C.float)(&x[0]), C.size_t(len(x)), (*C.float)(&y[0]), C.int(times))
	return y, time.Duration(ns)
}

// Bytes is the size of the weight in the form that the kernels want.
func (p *Product) Bytes() int { return int(C.gh_product_bytes(p.c)) }

// Close frees it.
func (p *Product) Close() { C.gh_product_free(p.c) }
