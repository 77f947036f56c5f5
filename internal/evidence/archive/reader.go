package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
)

// Archive is a pack whose layout was checked: nothing in it is believed yet.
type Archive struct {
	from   io.ReaderAt
	all    []entry
	stamp  Stamp
	note   []byte
	before int64
}

// Open checks the layout of a pack of a length, and reads nothing but headers and the last member. It refuses (Invalid) whatever Writer
// does not write: the least that is more, less, or spelled in another way.
func Open(from io.ReaderAt, size int64) (*Archive, error) {
	a := &Archive{from: from}
	directory, at, err := a.directory(size)
	if err != nil {
		return nil, err
	}
	if err := a.entries(directory, at); err != nil {
		return nil, err
	}
	for _, e := range a.all {
		if err := a.headers(e); err != nil {
			return nil, err
		}
	}
	last := a.all[len(a.all)-1]
	a.before = last.at
	a.note, err = a.read(last.content(), last.size)
	if err == nil && checksum(a.note) != last.crc {
		err = refused("the checksum of its note is wrong")
	}
	return a, err
}

func (a *Archive) read(at, n int64) ([]byte, error) {
	b := make([]byte, n)
	if _, err := a.from.ReadAt(b, at); err != nil {
		return nil, refused("it cannot be read to its end")
	}
	return b, nil
}

// directory reads the end of the file, whose only form says where the directory is and how long.
func (a *Archive) directory(size int64) ([]byte, int64, error) {
	const most = MaxMembers * (centralSize + MaxName)
	if size < endSize || size > MaxBytes {
		return nil, 0, refused("a pack has less than 4 GiB, and more than nothing")
	}
	tail, err := a.read(size-endSize, endSize)
	if err != nil {
		return nil, 0, err
	}
	n := int(binary.LittleEndian.Uint16(tail[10:]))
	length, at := int64(binary.LittleEndian.Uint32(tail[12:])), int64(binary.LittleEndian.Uint32(tail[16:]))
	switch {
	case n == 0 || n > MaxMembers || length > most || !bytes.Equal(tail, end(n, length, at)):
		return nil, 0, refused("it does not end as one")
	case at+length+endSize != size:
		return nil, 0, refused("its directory is not where its end says")
	}
	a.all = make([]entry, 0, n)
	directory, err := a.read(at, length)
	return directory, at, err
}

// entries reads the directory and holds each entry against the only form that it has. The members have to lie one behind the
// other from the first byte of the file to the directory.
func (a *Archive) entries(directory []byte, until int64) error {
	at, spread, names := int64(0), int64(0), map[string]bool{}
	for n := cap(a.all); n > 0; n-- {
		if len(directory) < centralSize {
			return refused("its directory is cut off")
		}
		u32 := func(i int) int64 { return int64(binary.LittleEndian.Uint32(directory[i:])) }
		length := int(binary.LittleEndian.Uint16(directory[28:]))
		if len(directory) < centralSize+length {
			return refused("its directory is cut off")
		}
		e := entry{
			name: string(directory[centralSize : centralSize+length]), crc: uint32(u32(16)), packed: u32(20), size: u32(24), at: at, last: n == 1,
		}
		if len(a.all) == 0 {
			a.stamp = Stamp{Time: binary.LittleEndian.Uint16(directory[12:]), Date: binary.LittleEndian.Uint16(directory[14:])}
		}
		if !validName(e.name) || names[e.name] || e.last != (e.name == Last) {
			return refused("a member has a name that it cannot have")
		}
		form := e.central(a.stamp)
		if !bytes.Equal(directory[:len(form)], form) {
			return refused("an entry of its directory is not in its form")
		}
		if spread += e.size; spread > MaxBytes || e.last && (e.size != e.packed || e.size > MaxNote) {
			return refused("it holds more than a pack may")
		}
		names[e.name], at, directory = true, at+e.length(), directory[len(form):]
		a.all = append(a.all, e)
	}
	if at != until || len(directory) > 0 {
		return refused("its members do not fill it")
	}
	return nil
}

// headers holds what stands before and behind a member's content against the directory.
func (a *Archive) headers(e entry) error {
	for _, part := range []struct {
		at   int64
		form []byte
	}{{e.at, e.local(a.stamp)}, {e.content() + e.packed, e.descriptor()}} {
		got, err := a.read(part.at, int64(len(part.form)))
		if err != nil {
			return err
		}
		if !bytes.Equal(got, part.form) {
			return refused("a header is not what the directory says")
		}
	}
	return nil
}

// Stamp answers when the members say that they were made.
func (a *Archive) Stamp() Stamp { return a.stamp }

// Note answers the content of the last member.
func (a *Archive) Note() []byte { return a.note }

// Members answers the names and lengths of the others in their order.
func (a *Archive) Members() []File {
	out := make([]File, 0, len(a.all)-1)
	for _, e := range a.all[:len(a.all)-1] {
		out = append(out, File{Name: e.name, Size: e.size})
	}
	return out
}

// Before answers how many bytes stand before the last member, and their SHA-256.
func (a *Archive) Before(ctx context.Context) (int64, string, error) {
	sum := sha256.New()
	r := io.NewSectionReader(a.from, 0, a.before)
	for {
		if err := ctx.Err(); err != nil {
			return 0, "", err
		}
		_, err := io.CopyN(sum, r, 1<<20)
		switch {
		case errors.Is(err, io.EOF):
			return a.before, hex.EncodeToString(sum.Sum(nil)), nil
		case err != nil:
			return 0, "", refused("it cannot be read to its end")
		}
	}
}
