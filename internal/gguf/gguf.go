// Package gguf reads the metadata and the tensor table of a GGUF model file. It owns the bounds:
// every count, length, offset and number is checked in Go before C opens the same bytes, because the
// engine's own reader allocates first and asserts later. It never reads weights, never executes a
// template, and imports nothing but fault and the standard library.
package gguf

import (
	"io"
	"math"

	"guardhouse/internal/fault"
)

// Limits of one file. The largest known vocabularies (262,144 tokens with merges) need about 20 MiB of
// metadata and 600,000 strings; the largest tensor tables have about 7,000 entries.
const (
	maxKeys     = 4096
	maxKeyBytes = 65535 // the format's own limit
	maxTensors  = 16384 // C compares every pair of names: 16,384 are one second, 65,536 would be sixteen
	maxString   = 16 << 20
	maxMetadata = 64 << 20
	maxStrings  = 2 << 20
	maxName     = 63 // GGML_MAX_NAME less its NUL
	maxDims     = 4

	defaultAlignment = 32
	minAlignment     = 8
	maxAlignment     = 65536
)

// File is what a model file says about itself. It holds no weights and no reference to the file.
type File struct {
	Version   uint32
	Alignment uint64
	KV        map[string]Value
	Tensors   []Tensor
	DataStart uint64 // where tensor data begins
}

// Read answers the checked metadata and tensor table of the size bytes behind r. It refuses, with a
// fault.Invalid that says what is wrong, every file whose structure is not exactly sound; it allocates
// in proportion to what the file really holds, at most about 128 MiB.
func Read(r io.ReaderAt, size int64) (*File, error) {
	d := newDecoder(r, size)
	f := &File{Alignment: defaultAlignment}
	tensors, keys, err := d.header(f)
	if err != nil {
		return nil, err
	}
	if f.KV, err = d.pairs(keys); err != nil {
		return nil, err
	}
	if err := checkSchema(f.KV); err != nil {
		return nil, err
	}
	if err := f.setAlignment(); err != nil {
		return nil, err
	}
	if err := d.table(f, tensors); err != nil {
		return nil, err
	}
	if err := f.place(d.pos, uint64(size)); err != nil {
		return nil, err
	}
	return f, nil
}

// header reads magic, version and the two counts.
func (d *decoder) header(f *File) (tensors, keys uint64, err error) {
	var magic [4]byte
	if err := d.read(magic[:]); err != nil {
		return 0, 0, refuse("this is not a GGUF file: it is too short")
	}
	if string(magic[:]) != "GGUF" {
		return 0, 0, refuse("this is not a GGUF file")
	}
	if f.Version, err = d.uint32(); err != nil {
		return 0, 0, err
	}
	if f.Version != 2 && f.Version != 3 {
		return 0, 0, refuse("the GGUF version is not 2 or 3")
	}
	if tensors, err = d.uint64(); err != nil {
		return 0, 0, err
	}
	if keys, err = d.uint64(); err != nil {
		return 0, 0, err
	}
	if tensors > maxTensors {
		return 0, 0, refuse("the file announces more than %d tensors", maxTensors)
	}
	if keys == 0 || keys > maxKeys {
		return 0, 0, refuse("the file must announce 1 to %d keys", maxKeys)
	}
	return tensors, keys, nil
}

// setAlignment takes general.alignment, which checkSchema has found to be UINT32.
func (f *File) setAlignment() error {
	v, ok := f.KV["general.alignment"]
	if !ok {
		return nil
	}
	a := v.bits
	if a < minAlignment || a > maxAlignment || a&(a-1) != 0 {
		return refuse("general.alignment must be a power of two from %d to %d", minAlignment, maxAlignment)
	}
	f.Alignment = a
	return nil
}

// String answers the string under key.
func (f *File) String(key string) (string, bool) {
	v, ok := f.KV[key]
	if !ok || v.Kind != KindString {
		return "", false
	}
	return v.str, true
}

// Uint answers the non-negative integer under key, whatever its width.
func (f *File) Uint(key string) (uint64, bool) {
	v, ok := f.KV[key]
	if !ok {
		return 0, false
	}
	return v.uint()
}

// Float answers the floating-point number under key. Read has refused NaN and infinity.
func (f *File) Float(key string) (float64, bool) {
	v, ok := f.KV[key]
	switch {
	case !ok:
		return 0, false
	case v.Kind == KindFloat32:
		return float64(math.Float32frombits(uint32(v.bits))), true
	case v.Kind == KindFloat64:
		return math.Float64frombits(v.bits), true
	}
	return 0, false
}

// Bool answers the boolean under key.
func (f *File) Bool(key string) (value, ok bool) {
	v, ok := f.KV[key]
	return ok && v.Kind == KindBool && v.bits == 1, ok && v.Kind == KindBool
}

// Strings answers the array of strings under key. The slice must not be changed.
func (f *File) Strings(key string) ([]string, bool) {
	v, ok := f.KV[key]
	if !ok || v.Kind != KindArray || v.Elem != KindString {
		return nil, false
	}
	return v.strs, true
}

// Ints answers the array of integers under key, widened.
func (f *File) Ints(key string) ([]int64, bool) {
	v, ok := f.KV[key]
	if !ok || v.Kind != KindArray {
		return nil, false
	}
	return v.ints()
}

// Architecture answers general.architecture, which Read has found present.
func (f *File) Architecture() string {
	s, _ := f.String("general.architecture")
	return s
}

// ContextLength answers the context the model was trained for, 0 if the file does not say.
func (f *File) ContextLength() int {
	n, ok := f.Uint(f.Architecture() + ".context_length")
	if !ok || n > maxContext {
		return 0
	}
	return int(n)
}

// refuse answers the one kind of error this package gives for a bad file. Arguments are constants,
// numbers and names from our own schema: nothing out of the file, which may be hostile, is quoted.
func refuse(format string, args ...any) error {
	return fault.Newf(fault.Invalid, "the model file is refused: "+format, args...)
}
