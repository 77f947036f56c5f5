// Package malform makes broken model files for tests: siblings of a sound one, field by field and by chance. Only _test files
// import it. It reads the sound file with a parser of its own, so that a mistake of the product's reader is not repeated here.
package malform

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Case is one file.
type Case struct {
	Class, Name string
	Bytes       []byte
}

// Pair is a key with its value as it is written: the type, then the bytes.
type Pair struct {
	Key   string
	Kind  uint32
	Value []byte
}

// Tensor is one row of the tensor table.
type Tensor struct {
	Name   string
	Dims   []uint64
	Kind   uint32
	Offset uint64
}

// Parts is a file in pieces. Any of them may be changed to what no writer would write.
type Parts struct {
	Magic         string
	Version       uint32
	Tensors, Keys uint64 // as announced
	Pairs         []Pair
	Table         []Tensor
	Data          []byte // from where the tensors' data begin
	Fields        []Field
}

// Field is a number that says how much of something there is, and where it stands.
type Field struct {
	Class, Name string
	At, Width   int
	Value       uint64
}

// widths are the bytes of each fixed kind of the format.
func width(kind uint32) int {
	switch kind {
	case 0, 1, 7:
		return 1
	case 2, 3:
		return 2
	case 4, 5, 6:
		return 4
	case 10, 11, 12:
		return 8
	}
	return 0
}

const (
	kindString    = 8
	kindArray     = 9
	dataAlignment = 32
)

// reader walks a sound file and notes its fields.
type reader struct {
	b      []byte
	at     int
	fields []Field
}

func (r *reader) number(class, name string, width int) uint64 {
	var n uint64
	switch width {
	case 2:
		n = uint64(binary.LittleEndian.Uint16(r.b[r.at:]))
	case 4:
		n = uint64(binary.LittleEndian.Uint32(r.b[r.at:]))
	case 8:
		n = binary.LittleEndian.Uint64(r.b[r.at:])
	default:
		n = uint64(r.b[r.at])
	}
	if class != "" {
		r.fields = append(r.fields, Field{class, name, r.at, width, n})
	}
	r.at += width
	return n
}

func (r *reader) text(class, name string) string {
	n := int(r.number(class, name, 8))
	s := string(r.b[r.at : r.at+n])
	r.at += n
	return s
}

func (r *reader) pair() Pair {
	p := Pair{Key: r.text("string", "length of a key")}
	p.Kind = uint32(r.number("type", "kind of "+p.Key, 4))
	from := r.at
	switch {
	case p.Kind == kindString:
		r.text("string", "length of "+p.Key)
	case p.Kind == kindArray:
		elem := uint32(r.number("type", "element of "+p.Key, 4))
		n := int(r.number("count", "elements of "+p.Key, 8))
		for i := range n {
			class := ""
			if i == 0 || i == n-1 {
				class = "string"
			}
			if elem == kindString {
				r.text(class, fmt.Sprintf("length of element %d of %s", i, p.Key))
			} else {
				r.number("", "", width(elem))
			}
		}
	default:
		r.number("hyperparameter", p.Key, width(p.Kind))
	}
	p.Value = bytes.Clone(r.b[from:r.at])
	return p
}

func (r *reader) tensor() Tensor {
	t := Tensor{Name: r.text("string", "length of a tensor's name")}
	n := int(r.number("tensor", "dimensions of "+t.Name, 4))
	for i := range n {
		t.Dims = append(t.Dims, r.number("tensor", fmt.Sprintf("dimension %d of %s", i, t.Name), 8))
	}
	t.Kind = uint32(r.number("tensor", "type of "+t.Name, 4))
	t.Offset = r.number("tensor", "offset of "+t.Name, 8)
	return t
}

// Split takes a sound file of version 3 and alignment 32 apart. It panics on any other.
func Split(b []byte) *Parts {
	r := &reader{b: b, at: 4}
	p := &Parts{Magic: string(b[:4])}
	p.Version = uint32(r.number("header", "version", 4))
	p.Tensors, p.Keys = r.number("count", "tensors", 8), r.number("count", "keys", 8)
	for range p.Keys {
		p.Pairs = append(p.Pairs, r.pair())
	}
	for range p.Tensors {
		p.Table = append(p.Table, r.tensor())
	}
	start := (r.at + dataAlignment - 1) / dataAlignment * dataAlignment
	p.Data, p.Fields = b[start:], r.fields
	return p
}

// Join writes the pieces as they are, lies included.
func (p *Parts) Join() []byte {
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			if s, ok := v.(string); ok {
				v = uint64(len(s))
				_ = binary.Write(&b, binary.LittleEndian, v)
				b.WriteString(s)
				continue
			}
			_ = binary.Write(&b, binary.LittleEndian, v) // a buffer takes everything
		}
	}
	b.WriteString(p.Magic)
	put(p.Version, p.Tensors, p.Keys)
	for _, k := range p.Pairs {
		put(k.Key, k.Kind, k.Value)
	}
	for _, t := range p.Table {
		put(t.Name, uint32(len(t.Dims)), t.Dims, t.Kind, t.Offset)
	}
	for b.Len()%dataAlignment != 0 {
		b.WriteByte(0)
	}
	b.Write(p.Data)
	return b.Bytes()
}

// With answers a copy that change has changed.
func (p *Parts) With(change func(*Parts)) *Parts {
	q := *p
	q.Pairs = append([]Pair(nil), p.Pairs...)
	q.Table = append([]Tensor(nil), p.Table...)
	for i := range q.Table {
		q.Table[i].Dims = append([]uint64(nil), q.Table[i].Dims...)
	}
	change(&q)
	return &q
}

// Set gives a key a value, the kind and then its bytes; the key is added if it is not there.
func (p *Parts) Set(key string, kind uint32, value []byte) {
	for i := range p.Pairs {
		if p.Pairs[i].Key == key {
			p.Pairs[i] = Pair{key, kind, value}
			return
		}
	}
	p.Pairs = append(p.Pairs, Pair{key, kind, value})
	p.Keys++
}

// Text is the bytes of a string.
func Text(s string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(s))), s...)
}

// Cut answers a sound file as parts of so many tensors each, behind a first one with the metadata alone.
func (p *Parts) Cut(each int) (parts [][]byte) {
	n := (len(p.Table) + each - 1) / each
	for i := range n + 1 {
		q := &Parts{Magic: p.Magic, Version: p.Version}
		if i == 0 {
			q.Pairs = append(q.Pairs, p.Pairs...)
			q.Keys = p.Keys
		} else {
			q.take(p, (i-1)*each, min(i*each, len(p.Table)))
		}
		q.Set("split.no", 2, binary.LittleEndian.AppendUint16(nil, uint16(i)))
		q.Set("split.count", 2, binary.LittleEndian.AppendUint16(nil, uint16(n+1)))
		q.Set("split.tensors.count", 5, binary.LittleEndian.AppendUint32(nil, uint32(len(p.Table))))
		parts = append(parts, q.Join())
	}
	return parts
}

// take gives p the tensors from one to another of the whole, with their data.
func (p *Parts) take(whole *Parts, from, to int) {
	start, end := whole.Table[from].Offset, uint64(len(whole.Data))
	if to < len(whole.Table) {
		end = whole.Table[to].Offset
	}
	for _, t := range whole.Table[from:to] {
		t.Offset -= start
		p.Table = append(p.Table, t)
	}
	p.Tensors, p.Data = uint64(to-from), whole.Data[start:end]
}
