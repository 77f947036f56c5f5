//go:build !nollama

package kerneltest

/*
#include <stdlib.h>
#include "node.h"
*/
import "C"

import (
	"errors"
	"time"
	"unsafe"
)

// ErrLacking says that this processor does not run the kernels.
var ErrLacking = errors.New("this processor does not run these kernels")

// Attention is one operation as the engine lays it out: queries of width x heads x tokens for each stream; a cache of cells
// x kv heads x width for each stream, of which the first Keys are seen; a mask of MaskRows x Keys for each stream, or none.
type Attention struct {
	Width, Tokens, Keys, Heads, KVHeads, Streams, Cells, MaskRows int
	Scale, MaxBias, SoftCap                                       float32
	EightBits, Sinks                                              bool // things that only the engine computes
	Q                                                             []float32
	K, V, Mask                                                    []uint16
}

// Place is where the rows of an operation stand.
type Place int

// The places: in memory of their own; overwritten by the result; with gaps between them.
const (
	Apart Place = iota
	Over
	Gaps
)

// Halves answers values in half precision, rounded as the engine does.
func Halves(x []float32) []uint16 {
	h := make([]uint16, len(x))
	C.gh_halves((*C.float)(&x[0]), (*C.uint16_t)(&h[0]), C.int64_t(len(x)))
	return h
}

// Node is one operation, ready to be computed. It belongs to one goroutine, and no other may compute meanwhile: it changes
// what the engine asks.
type Node struct{ c *C.gh_node }

// NewAttention makes the operation.
func NewAttention(a *Attention) *Node {
	s := C.gh_attention_shape{
		width: C.int64_t(a.Width), tokens: C.int64_t(a.Tokens), keys: C.int64_t(a.Keys), heads: C.int64_t(a.Heads),
		kv_heads: C.int64_t(a.KVHeads), streams: C.int64_t(a.Streams), cells: C.int64_t(a.Cells), mask_rows: C.int64_t(a.MaskRows),
		scale: C.float(a.Scale), max_bias: C.float(a.MaxBias), soft_cap: C.float(a.SoftCap),
		eight_bits: C.bool(a.EightBits), sinks: C.bool(a.Sinks),
	}
	var mask *C.uint16_t
	if a.Mask != nil {
		mask = (*C.uint16_t)(&a.Mask[0])
	}
	return &Node{C.gh_node_attention(&s, (*C.float)(&a.Q[0]), (*C.uint16_t)(&a.K[0]), (*C.uint16_t)(&a.V[0]), mask)}
}

// NewNorm makes the norm of rows.
func NewNorm(shape [4]int, x []float32, eps float32, p Place) *Node {
	ne := sizes(shape)
	return &Node{C.gh_node_norm(&ne[0], (*C.float)(&x[0]), C.float(eps), C.int(p))}
}

// NewTimes makes the product of rows with one row.
func NewTimes(shape [4]int, x, w []float32, p Place) *Node {
	ne := sizes(shape)
	return &Node{C.gh_node_times(&ne[0], (*C.float)(&x[0]), (*C.float)(&w[0]), C.int(p))}
}

// Rope are the parameters of a rotation by position: ggml's mode (2 is NEOX), how many values of a row are turned, the base
// and scale of the frequencies, and the part of YaRN's ramp.
type Rope struct {
	Mode, Turned      int
	Base, Scale, Ramp float32
}

// NewRope makes the rotation of shape[1] heads at shape[2] positions.
func NewRope(shape [4]int, x []float32, positions []int32, r Rope, p Place) *Node {
	ne := sizes(shape)
	return &Node{C.gh_node_rope(&ne[0], (*C.float)(&x[0]), (*C.int32_t)(&positions[0]), C.int(r.Mode), C.int(r.Turned), C.float(r.Base),
		C.float(r.Scale), C.float(r.Ramp), C.int(p))}
}

// NewLookup makes the lookup of rows by their ids in a q8_0 tensor of rows of that width.
func NewLookup(width int, x []float32, ids []int32) *Node {
	return &Node{C.gh_node_lookup(C.int64_t(width), C.int64_t(len(x)/width), (*C.float)(&x[0]), (*C.int32_t)(&ids[0]), C.int64_t(len(ids)))}
}

// NewGate makes x / (1 + e^-x) * g.
func NewGate(shape [4]int, x, g []float32, p Place) *Node {
	ne := sizes(shape)
	return &Node{C.gh_node_gate(&ne[0], (*C.float)(&x[0]), (*C.float)(&g[0]), C.int(p))}
}

// NewCast makes the cast to half precision.
func NewCast(shape [4]int, x []float32, p Place) *Node {
	ne := sizes(shape)
	return &Node{C.gh_node_cast(&ne[0], (*C.float)(&x[0]), C.int(p))}
}

func sizes(shape [4]int) (ne [4]C.int64_t) {
	for i, n := range shape {
		ne[i] = C.int64_t(n)
	}
	return ne
}

// Taken says whether the kernels of that name compute the operation themselves.
func (n *Node) Taken(kernels string) bool {
	name := C.CString(kernels)
	defer C.free(unsafe.Pointer(name))
	return C.gh_node_taken(n.c, name) == 1
}

// Compute computes so many times, and answers the rows and what the fastest took of the calling thread's processor time. It
// refuses with ErrLacking. "none" is the engine's own code.
func (n *Node) Compute(kernels string, threads, times int) ([]float32, time.Duration, error) {
	name := C.CString(kernels)
	defer C.free(unsafe.Pointer(name))
	out := make([]float32, C.gh_node_floats(n.c))
	ns := C.gh_node_compute(n.c, name, C.int(threads), C.int(times), (*C.float)(&out[0]))
	if ns < 0 {
		return nil, 0, ErrLacking
	}
	return out, time.Duration(ns), nil
}

// Close frees it.
func (n *Node) Close() { C.gh_node_free(n.c) }
