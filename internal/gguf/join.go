package gguf

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// MaxParts is how many files a model may be cut into.
const MaxParts = 512

// Part is one file of a model that was cut into several.
type Part struct {
	R    io.ReaderAt
	Size int64
}

// Joined is a model out of several files: what the one file will say of itself, and where its tensors lie now.
type Joined struct {
	File   *File
	head   []byte // everything before the tensors' data
	pieces []piece
	size   int64
}

type piece struct {
	r        io.ReaderAt
	at, size int64
}

// Join answers the one file that parts are, in their order. It reads their metadata alone, and refuses what is not every part
// of one model exactly once: numbers, counts, alignments or names that do not fit. What it answers still has to be written,
// and read again like any other file.
func Join(parts []Part) (*Joined, error) {
	if len(parts) < 2 || len(parts) > MaxParts {
		return nil, refuse("a model in several files has 2 to %d of them", MaxParts)
	}
	j := &Joined{File: &File{Version: 3, Alignment: defaultAlignment}}
	seen := map[string]struct{}{}
	for i, p := range parts {
		f, err := readPart(p.R, p.Size, i, len(parts))
		if err != nil {
			return nil, err
		}
		if i == 0 {
			j.File.KV, j.File.Alignment = f.KV, f.Alignment
		} else if !f.agrees(j.File) {
			return nil, refuse("part %d of %d is of another model than the first", i+1, len(parts))
		}
		if err := j.add(f, p.R, seen); err != nil {
			return nil, err
		}
	}
	if n, ok := j.File.KV["split.tensors.count"]; ok && n.bits != uint64(len(j.File.Tensors)) {
		return nil, refuse("its parts do not hold as many tensors as they announce")
	}
	maps.DeleteFunc(j.File.KV, func(key string, _ Value) bool { return strings.HasPrefix(key, "split.") })
	j.lay()
	return j, nil
}

// readPart is Read for part i of n: only the first has the model's metadata, and it may have no tensors.
func readPart(r io.ReaderAt, size int64, i, n int) (*File, error) {
	d := newDecoder(r, size)
	f := &File{Alignment: defaultAlignment}
	tensors, keys, err := d.header(f)
	if err != nil {
		return nil, err
	}
	if f.KV, err = d.pairs(keys); err != nil {
		return nil, err
	}
	err = checkKeys(f.KV, "")
	if err == nil {
		err = f.checkPart(i, n)
	}
	if err == nil && i == 0 {
		err = checkTypes(f.KV)
	}
	if err != nil {
		return nil, err
	}
	if err := f.setAlignment(); err != nil {
		return nil, err
	}
	if err := d.table(f, tensors); err != nil {
		return nil, err
	}
	if i == 0 && tensors == 0 {
		return f, nil
	}
	return f, f.place(d.pos, uint64(size))
}

// checkPart holds a part's own account of itself against its place.
func (f *File) checkPart(i, n int) error {
	no, ok := f.KV["split.no"]
	count, counted := f.KV["split.count"]
	if !ok || !counted || no.bits != uint64(i) || count.bits != uint64(n) {
		return refuse("part %d of %d is not the one that its name says", i+1, n)
	}
	return nil
}

// agrees says that a part says of the model what the first does, or nothing.
func (f *File) agrees(first *File) bool {
	for key, v := range f.KV {
		if w, there := first.KV[key]; there && key != "split.no" && !v.same(w) {
			return false
		}
	}
	return true
}

func (v Value) same(w Value) bool {
	return v.Kind == w.Kind && v.Elem == w.Elem && v.bits == w.bits && v.str == w.str && slices.Equal(v.strs, w.strs) && slices.Equal(v.raw, w.raw)
}

func (j *Joined) add(f *File, r io.ReaderAt, seen map[string]struct{}) error {
	if len(j.File.Tensors)+len(f.Tensors) > maxTensors {
		return refuse("its parts hold more than %d tensors", maxTensors)
	}
	for _, t := range f.Tensors {
		if _, twice := seen[t.Name]; twice {
			return refuse("two tensors have the same name")
		}
		seen[t.Name] = struct{}{}
		j.pieces = append(j.pieces, piece{r, int64(f.DataStart + t.Offset), int64(t.Size)}) // inside the part, as place has found
		j.File.Tensors = append(j.File.Tensors, t)
	}
	return nil
}

// lay gives every tensor its place and writes the head.
func (j *Joined) lay() {
	next := uint64(0)
	for i := range j.File.Tensors {
		t := &j.File.Tensors[i]
		t.Offset = next
		next = j.File.pad(next + t.Size)
	}
	b := append([]byte("GGUF"), 3, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(j.File.Tensors)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(j.File.KV)))
	for _, key := range slices.Sorted(maps.Keys(j.File.KV)) {
		b = j.File.KV[key].append(appendText(b, key))
	}
	for _, t := range j.File.Tensors {
		b = binary.LittleEndian.AppendUint32(appendText(b, t.Name), uint32(len(t.Dims)))
		for _, n := range t.Dims {
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(t.Type))
		b = binary.LittleEndian.AppendUint64(b, t.Offset)
	}
	j.head = append(b, make([]byte, j.File.pad(uint64(len(b)))-uint64(len(b)))...)
	j.File.DataStart = uint64(len(j.head))
	j.size = int64(j.File.DataStart + next)
}

// Size answers the bytes of the one file.
func (j *Joined) Size() int64 { return j.size }

// WriteTo writes the one file, tensor by tensor. It refuses parts that became shorter since.
func (j *Joined) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(j.head)
	total := int64(n)
	for _, p := range j.pieces {
		if err != nil {
			break
		}
		var m int64
		m, err = io.Copy(w, io.NewSectionReader(p.r, p.at, p.size))
		total += m
		if err == nil && m != p.size {
			err = refuse("a part of it became shorter while it was read")
		}
		if err == nil {
			n, err = w.Write(make([]byte, j.File.pad(uint64(p.size))-uint64(p.size)))
			total += int64(n)
		}
	}
	if err != nil {
		return total, fmt.Errorf("joining the parts: %w", err)
	}
	return total, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// append writes a value as the format has it: its kind, then its bytes.
func (v Value) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(v.Kind))
	switch v.Kind {
	case KindString:
		return appendText(b, v.str)
	case KindArray:
		b = binary.LittleEndian.AppendUint32(b, uint32(v.Elem))
		b = binary.LittleEndian.AppendUint64(b, uint64(v.Len()))
		for _, s := range v.strs {
			b = appendText(b, s)
		}
		return append(b, v.raw...)
	case KindUint8, KindInt8, KindBool, KindUint16, KindInt16, KindUint32, KindInt32, KindFloat32, KindUint64, KindInt64, KindFloat64:
	}
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], v.bits)
	return append(b, word[:v.Kind.width()]...)
}
