package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"guardhouse/internal/fault"
)

// decoder walks the metadata once. pos never passes limit, and nothing is allocated for bytes that
// the file does not have.
type decoder struct {
	r       *bufio.Reader
	pos     uint64
	limit   uint64
	cut     bool // the limit is maxMetadata, not the end of the file
	strings int  // array strings kept so far
}

func newDecoder(r io.ReaderAt, size int64) *decoder {
	limit := uint64(max(size, 0))
	d := &decoder{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, max(size, 0)), 64<<10), limit: limit}
	if limit > maxMetadata {
		d.limit, d.cut = maxMetadata, true
	}
	return d
}

// want refuses n bytes that are not there.
func (d *decoder) want(n uint64) error {
	if n <= d.limit-d.pos {
		return nil
	}
	if d.cut {
		return refuse("the metadata is longer than %d MiB", maxMetadata>>20)
	}
	return refuse("it ends inside the metadata, or a length in it is too large")
}

func (d *decoder) read(b []byte) error {
	if err := d.want(uint64(len(b))); err != nil {
		return err
	}
	if _, err := io.ReadFull(d.r, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return refuse("it became shorter while it was read")
		}
		return fault.Wrap(err, fault.Internal, "the model file cannot be read")
	}
	d.pos += uint64(len(b))
	return nil
}

func (d *decoder) uint32() (uint32, error) {
	var b [4]byte
	err := d.read(b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

func (d *decoder) uint64() (uint64, error) {
	var b [8]byte
	err := d.read(b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

// text reads one string of at most limit bytes and refuses what is not UTF-8 or holds a NUL.
func (d *decoder) text(limit uint64, what string) (string, error) {
	n, err := d.uint64()
	if err != nil {
		return "", err
	}
	if n > limit {
		return "", refuse("%s is longer than %d bytes", what, limit)
	}
	if err := d.want(n); err != nil {
		return "", err
	}
	b := make([]byte, n)
	if err := d.read(b); err != nil {
		return "", err
	}
	s := string(b)
	if !clean(s) {
		return "", refuse("%s is not UTF-8 text, or holds a NUL", what)
	}
	return s, nil
}

// pairs reads n key-value pairs.
func (d *decoder) pairs(n uint64) (map[string]Value, error) {
	kv := make(map[string]Value, n)
	for range n {
		key, err := d.text(maxKeyBytes, "a key")
		if err != nil {
			return nil, err
		}
		if key == "" {
			return nil, refuse("a key is empty")
		}
		if _, twice := kv[key]; twice {
			return nil, refuse("a key appears twice")
		}
		kind, err := d.uint32()
		if err != nil {
			return nil, err
		}
		if kv[key], err = d.value(Kind(kind)); err != nil {
			return nil, err
		}
	}
	return kv, nil
}

func (d *decoder) value(kind Kind) (Value, error) {
	v := Value{Kind: kind}
	var err error
	switch {
	case kind == KindString:
		v.str, err = d.text(maxString, "a string")
	case kind == KindArray:
		return d.array()
	case kind.width() > 0:
		raw := make([]byte, kind.width())
		if err = d.read(raw); err == nil {
			v.bits, err = little(raw), checkFixed(kind, raw)
		}
	default:
		err = refuse("a value has an unknown type")
	}
	return v, err
}

func (d *decoder) array() (Value, error) {
	elem, err := d.uint32()
	if err != nil {
		return Value{}, err
	}
	n, err := d.uint64()
	if err != nil {
		return Value{}, err
	}
	v := Value{Kind: KindArray, Elem: Kind(elem)}
	switch w := v.Elem.width(); {
	case v.Elem == KindString:
		v.strs, err = d.texts(n)
	case v.Elem == KindArray:
		err = refuse("arrays inside arrays are not supported")
	case w == 0:
		err = refuse("an array has elements of an unknown type")
	case n > maxMetadata/w:
		err = refuse("an array announces more elements than the metadata may hold")
	default:
		v.raw, err = d.fixed(v.Elem, n*w)
	}
	return v, err
}

func (d *decoder) fixed(elem Kind, n uint64) ([]byte, error) {
	if err := d.want(n); err != nil {
		return nil, err
	}
	raw := make([]byte, n)
	if err := d.read(raw); err != nil {
		return nil, err
	}
	return raw, checkFixed(elem, raw)
}

// texts reads an array of n strings. Small ones share one allocation each 64 KiB: a vocabulary has
// hundreds of thousands.
func (d *decoder) texts(n uint64) ([]string, error) {
	if n > uint64(maxStrings-d.strings) {
		return nil, refuse("the metadata holds more than %d strings", maxStrings)
	}
	if err := d.want(n * 8); err != nil { // each has at least its length
		return nil, err
	}
	d.strings += int(n)
	out := make([]string, 0, n)
	block := make([]byte, 0, 64<<10)
	ends := make([]int, 0, 1024)
	flush := func() error {
		s, from := string(block), 0
		for _, end := range ends {
			if !clean(s[from:end]) {
				return refuse("a string in an array is not UTF-8 text, or holds a NUL")
			}
			out, from = append(out, s[from:end]), end
		}
		block, ends = block[:0], ends[:0]
		return nil
	}
	for range n {
		size, err := d.uint64()
		if err != nil {
			return nil, err
		}
		if size > maxString {
			return nil, refuse("a string is longer than %d bytes", maxString)
		}
		if err := d.want(size); err != nil {
			return nil, err
		}
		at := len(block)
		block = append(block, make([]byte, size)...)
		if err := d.read(block[at:]); err != nil {
			return nil, err
		}
		if ends = append(ends, len(block)); len(block) >= 60<<10 {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	return out, flush()
}
