package gguf

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"
)

// Kind is the type of a metadata value as the format numbers it.
type Kind uint32

// The kinds of the format.
const (
	KindUint8 Kind = iota
	KindInt8
	KindUint16
	KindInt16
	KindUint32
	KindInt32
	KindFloat32
	KindBool
	KindString
	KindArray
	KindUint64
	KindInt64
	KindFloat64
)

// width answers the bytes of one fixed-size value, 0 for strings, arrays and unknown kinds.
func (k Kind) width() uint64 {
	switch k {
	case KindUint8, KindInt8, KindBool:
		return 1
	case KindUint16, KindInt16:
		return 2
	case KindUint32, KindInt32, KindFloat32:
		return 4
	case KindUint64, KindInt64, KindFloat64:
		return 8
	case KindString, KindArray:
	}
	return 0
}

// Value is one metadata value. Elem is the kind of an array's elements.
type Value struct {
	Kind Kind
	Elem Kind
	bits uint64 // scalars, zero-extended
	str  string
	strs []string
	raw  []byte // arrays of fixed-size elements, little endian
}

// Len answers the number of elements of an array.
func (v Value) Len() int {
	if v.Elem == KindString {
		return len(v.strs)
	}
	if w := v.Elem.width(); v.Kind == KindArray && w > 0 {
		return len(v.raw) / int(w)
	}
	return 0
}

func (v Value) uint() (uint64, bool) {
	n, ok := signed(v.Kind, v.bits)
	if v.Kind == KindUint64 {
		return v.bits, true
	}
	if !ok || n < 0 {
		return 0, false
	}
	return uint64(n), true
}

// signed answers the integer that bits stand for; false for kinds that are no integers.
func signed(k Kind, bits uint64) (int64, bool) {
	switch k {
	case KindUint8, KindUint16, KindUint32:
		return int64(bits), true
	case KindInt8:
		return int64(int8(bits)), true
	case KindInt16:
		return int64(int16(bits)), true
	case KindInt32:
		return int64(int32(bits)), true
	case KindInt64, KindUint64:
		return int64(bits), true
	case KindFloat32, KindBool, KindString, KindArray, KindFloat64:
	}
	return 0, false
}

func (v Value) ints() ([]int64, bool) {
	w := int(v.Elem.width())
	if _, ok := signed(v.Elem, 0); !ok {
		return nil, false
	}
	out := make([]int64, len(v.raw)/w)
	for i := range out {
		out[i], _ = signed(v.Elem, little(v.raw[i*w:i*w+w]))
	}
	return out, true
}

// little answers up to eight little-endian bytes as a number.
func little(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	default:
		return binary.LittleEndian.Uint64(b)
	}
}

// checkFixed refuses what C would read as undefined (a boolean that is not 0 or 1) or compute with
// (NaN, infinity).
func checkFixed(k Kind, raw []byte) error {
	switch k {
	case KindBool:
		for _, b := range raw {
			if b > 1 {
				return refuse("a boolean is neither 0 nor 1")
			}
		}
	case KindFloat32:
		for i := 0; i+4 <= len(raw); i += 4 {
			if binary.LittleEndian.Uint32(raw[i:])&0x7f800000 == 0x7f800000 {
				return refuse("a number in the metadata is not finite")
			}
		}
	case KindFloat64:
		for i := 0; i+8 <= len(raw); i += 8 {
			f := math.Float64frombits(binary.LittleEndian.Uint64(raw[i:]))
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return refuse("a number in the metadata is not finite")
			}
		}
	case KindUint8, KindInt8, KindUint16, KindInt16, KindUint32, KindInt32, KindString, KindArray, KindUint64, KindInt64:
	}
	return nil
}

// clean says whether s is UTF-8 without NUL: C stops at a NUL and would see another text than Go.
func clean(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}
