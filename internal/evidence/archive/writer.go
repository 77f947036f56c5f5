package archive

import (
	"bufio"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"io"
	"slices"
	"time"

	"guardhouse/internal/fault"
)

// block is how much goes out in one write.
const block = 64 << 10

// File is one member: its name, and the length and the hash of its content.
type File struct {
	Name, SHA256 string
	Size         int64
}

// Writer writes a pack front to back. It holds one block and no content.
type Writer struct {
	out    *bufio.Writer
	stamp  Stamp
	at     int64 // bytes so far
	hash   hash.Hash
	all    []entry
	files  []File
	now    *member
	spread int64 // what the members come to when unpacked
	most   int64 // of both
	err    error
}

// NewWriter answers the writer of a pack that was made at a moment.
func NewWriter(out io.Writer, at time.Time) *Writer {
	return &Writer{out: bufio.NewWriterSize(out, block), stamp: StampOf(at), hash: sha256.New(), most: MaxBytes}
}

// raw is the Writer's own way out: it counts and hashes what the file gets.
type raw struct{ *Writer }

// Write is part of io.Writer.
func (w raw) Write(p []byte) (int, error) {
	if w.err == nil && w.at+int64(len(p)) > w.most {
		w.err = tooLarge()
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.out.Write(p)
	w.hash.Write(p[:n])
	w.at += int64(n)
	if err != nil {
		w.err = err
	}
	return n, err
}

// member is the one that is being written.
type member struct {
	w      *Writer
	entry  entry
	pack   *flate.Writer
	crc    hash.Hash32
	sum    hash.Hash
	before int64 // bytes of the file before its packed content
}

// Write is part of io.Writer.
func (m *member) Write(p []byte) (int, error) {
	if m.w.now != m {
		return 0, fault.New(fault.Internal, "a member was written to behind its end")
	}
	if m.w.err == nil && m.w.spread+int64(len(p)) > m.w.most {
		m.w.err = tooLarge()
	}
	if m.w.err != nil {
		return 0, m.w.err
	}
	m.crc.Write(p)
	m.sum.Write(p)
	m.entry.size += int64(len(p))
	m.w.spread += int64(len(p))
	return m.pack.Write(p)
}

// Create ends the member before and answers where the content of the next goes. It refuses a name that is not plain, one that
// there is already, and a member too many.
func (w *Writer) Create(name string) (io.Writer, error) {
	if err := w.close(); err != nil {
		return nil, err
	}
	twice := slices.ContainsFunc(w.files, func(f File) bool { return f.Name == name })
	if twice || !validName(name) || name == Last || len(w.files) >= MaxMembers-1 {
		return nil, fault.New(fault.Internal, "an evidence pack has no place for this member")
	}
	m := &member{w: w, entry: entry{name: name, at: w.at}, crc: crc32.NewIEEE(), sum: sha256.New()}
	if _, err := (raw{w}).Write(m.entry.local(w.stamp)); err != nil {
		return nil, err
	}
	m.before = w.at
	pack, err := flate.NewWriter(raw{w}, flate.DefaultCompression)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "nothing can be packed")
	}
	m.pack = pack
	w.now = m
	return m, nil
}

// close ends the member that is being written.
func (w *Writer) close() error {
	m := w.now
	if m == nil || w.err != nil {
		return w.err
	}
	if err := m.pack.Close(); err != nil {
		return err
	}
	m.entry.packed, m.entry.crc = w.at-m.before, m.crc.Sum32()
	if _, err := (raw{w}).Write(m.entry.descriptor()); err != nil {
		return err
	}
	w.all = append(w.all, m.entry)
	w.files = append(w.files, File{m.entry.name, hex.EncodeToString(m.sum.Sum(nil)), m.entry.size})
	w.now = nil
	return nil
}

// Members ends the last member and answers all of them in their order, with the number of bytes so far and their SHA-256.
func (w *Writer) Members() (files []File, bytes int64, sum string, err error) {
	if err := w.close(); err != nil {
		return nil, 0, "", err
	}
	return w.files, w.at, hex.EncodeToString(w.hash.Sum(nil)), nil
}

// Finish writes the note as the last member, and the directory. It refuses a note that is too long.
func (w *Writer) Finish(note []byte) error {
	if err := w.close(); err != nil {
		return err
	}
	if len(note) > MaxNote {
		return fault.New(fault.Internal, "the note of an evidence pack is too long")
	}
	size := int64(len(note))
	e := entry{name: Last, crc: checksum(note), packed: size, size: size, at: w.at, last: true}
	w.all = append(w.all, e)
	directory := w.at + e.length()
	parts := [][]byte{e.local(w.stamp), note}
	length := int64(0)
	for _, e := range w.all {
		c := e.central(w.stamp)
		parts, length = append(parts, c), length+int64(len(c))
	}
	for _, p := range append(parts, end(len(w.all), length, directory)) {
		if _, err := (raw{w}).Write(p); err != nil {
			return err
		}
	}
	return w.out.Flush()
}
