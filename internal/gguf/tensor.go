package gguf

import (
	"math/bits"
	"slices"
	"strings"
)

// Tensor is one row of the tensor table. Offset counts from DataStart.
type Tensor struct {
	Name   string
	Type   Type
	Dims   []uint64 // innermost first, 1 to 4 of them
	Offset uint64
	Size   uint64
}

// Type is a ggml element type.
type Type uint32

// layout answers the elements and the bytes of one block, and the name. Removed and unknown types
// have no block. The numbers are the sizes of the engine's block structs.
func (t Type) layout() (elements, size uint64, name string) {
	switch t {
	case 0:
		return 1, 4, "F32"
	case 1:
		return 1, 2, "F16"
	case 2:
		return 32, 18, "Q4_0"
	case 3:
		return 32, 20, "Q4_1"
	case 6:
		return 32, 22, "Q5_0"
	case 7:
		return 32, 24, "Q5_1"
	case 8:
		return 32, 34, "Q8_0"
	case 10:
		return 256, 84, "Q2_K"
	case 11:
		return 256, 110, "Q3_K"
	case 12:
		return 256, 144, "Q4_K"
	case 13:
		return 256, 176, "Q5_K"
	case 14:
		return 256, 210, "Q6_K"
	case 30:
		return 1, 2, "BF16"
	case 39:
		return 32, 17, "MXFP4"
	}
	return t.rareLayout()
}

// rareLayout has the types that are seldom or never seen in weights.
func (t Type) rareLayout() (elements, size uint64, name string) {
	switch t {
	case 9:
		return 32, 36, "Q8_1"
	case 15:
		return 256, 292, "Q8_K"
	case 16:
		return 256, 66, "IQ2_XXS"
	case 17:
		return 256, 74, "IQ2_XS"
	case 18:
		return 256, 98, "IQ3_XXS"
	case 19:
		return 256, 50, "IQ1_S"
	case 20:
		return 32, 18, "IQ4_NL"
	case 21:
		return 256, 110, "IQ3_S"
	case 22:
		return 256, 82, "IQ2_S"
	case 23:
		return 256, 136, "IQ4_XS"
	case 24:
		return 1, 1, "I8"
	case 25:
		return 1, 2, "I16"
	case 26:
		return 1, 4, "I32"
	case 27:
		return 1, 8, "I64"
	case 28:
		return 1, 8, "F64"
	case 29:
		return 256, 56, "IQ1_M"
	case 34:
		return 256, 54, "TQ1_0"
	case 35:
		return 256, 66, "TQ2_0"
	}
	return 0, 0, ""
}

// String answers the name of the type, "" for one that does not exist.
func (t Type) String() string {
	_, _, name := t.layout()
	return name
}

// weight says whether the engine can multiply with the type: integers, F64 and the two activation
// formats would abort in the first graph.
func (t Type) weight() bool {
	switch t {
	case 9, 15, 24, 25, 26, 27, 28:
		return false
	}
	return t.String() != ""
}

// quantized says whether some weights are stored in blocks.
func (f *File) quantized() bool {
	return slices.ContainsFunc(f.Tensors, func(t Tensor) bool { per, _, _ := t.Type.layout(); return per > 1 })
}

// table reads n tensor descriptions.
func (d *decoder) table(f *File, n uint64) error {
	seen := make(map[string]struct{}, n)
	f.Tensors = make([]Tensor, 0, n)
	for range n {
		t, err := d.tensor()
		if err != nil {
			return err
		}
		if _, twice := seen[t.Name]; twice {
			return refuse("two tensors have the same name")
		}
		seen[t.Name] = struct{}{}
		f.Tensors = append(f.Tensors, t)
	}
	return nil
}

func (d *decoder) tensor() (t Tensor, err error) {
	if t.Name, err = d.text(maxName, "a tensor name"); err != nil {
		return t, err
	}
	if t.Name == "" || strings.TrimSpace(t.Name) != t.Name {
		return t, refuse("a tensor name is empty or padded")
	}
	n, err := d.uint32()
	if err != nil {
		return t, err
	}
	if n < 1 || n > maxDims {
		return t, refuse("a tensor does not have 1 to %d dimensions", maxDims)
	}
	t.Dims = make([]uint64, n)
	for i := range t.Dims {
		if t.Dims[i], err = d.uint64(); err != nil {
			return t, err
		}
	}
	kind, err := d.uint32()
	if err != nil {
		return t, err
	}
	t.Type = Type(kind)
	if t.Offset, err = d.uint64(); err != nil {
		return t, err
	}
	t.Size, err = t.bytes()
	return t, err
}

// bytes answers the size of the tensor's data with checked arithmetic.
func (t Tensor) bytes() (uint64, error) {
	per, size, _ := t.Type.layout()
	if per == 0 {
		return 0, refuse("a tensor has an unknown or removed type")
	}
	if t.Dims[0]%per != 0 {
		return 0, refuse("a tensor's rows are no multiple of its block size")
	}
	total := uint64(1)
	for _, n := range t.Dims {
		if n == 0 {
			return 0, refuse("a tensor has a dimension of 0")
		}
		high, low := bits.Mul64(total, n)
		if high != 0 || low > 1<<62 {
			return 0, refuse("a tensor's dimensions overflow")
		}
		total = low
	}
	high, low := bits.Mul64(total/per, size)
	if high != 0 || low > 1<<62 {
		return 0, refuse("a tensor's dimensions overflow")
	}
	return low, nil
}

// place checks where tensor data lies: C demands that each tensor begins exactly where the one before
// ends, rounded up to the alignment, so nothing overlaps and no offset is free to lie. Bytes after
// the last tensor are refused: nobody would have read them.
func (f *File) place(end, size uint64) error {
	if len(f.Tensors) == 0 {
		return refuse("it holds no tensors")
	}
	f.DataStart = f.pad(end)
	next, last := uint64(0), uint64(0)
	for _, t := range f.Tensors {
		if t.Offset != next {
			return refuse("a tensor is not aligned, overlaps another, or is out of order")
		}
		last = t.Offset + t.Size // both below 2^62 and inside the file, see below
		if last > size || f.DataStart > size-last {
			return refuse("a tensor reaches past the end of the file")
		}
		next = f.pad(last)
	}
	if size-f.DataStart > next {
		return refuse("there are bytes after the last tensor")
	}
	return nil
}

func (f *File) pad(n uint64) uint64 { return (n + f.Alignment - 1) &^ (f.Alignment - 1) }

// Quantization answers the type that most weight bytes have, such as Q8_0; C's file type number is
// only a claim.
func (f *File) Quantization() string {
	sums := map[Type]uint64{}
	var best Type
	for _, t := range f.Tensors {
		if sums[t.Type] += t.Size; sums[t.Type] > sums[best] {
			best = t.Type
		}
	}
	return best.String()
}
