package archive

import (
	"bufio"
	"compress/flate"
	"errors"
	"hash"
	"hash/crc32"
	"io"
)

// Content unpacks one member. It holds a window of 32 KiB and one block.
type Content struct {
	a    *Archive
	e    entry
	in   *counted
	out  io.ReadCloser
	crc  hash.Hash32
	done int64
	err  error
}

// Content answers what a member holds, and false where there is none of that name.
func (a *Archive) Content(name string) (*Content, bool) {
	for _, e := range a.all[:len(a.all)-1] {
		if e.name == name {
			c := &Content{a: a, e: e}
			c.rewind()
			return c, true
		}
	}
	return nil, false
}

// counted knows how many packed bytes were used: flate takes no more than it needs from what reads single bytes.
type counted struct {
	*bufio.Reader

	used int64
}

// ReadByte is part of io.ByteReader.
func (c *counted) ReadByte() (byte, error) {
	b, err := c.Reader.ReadByte()
	if err == nil {
		c.used++
	}
	return b, err
}

// Read is part of io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.used += int64(n)
	return n, err
}

func (c *Content) rewind() {
	c.in = &counted{Reader: bufio.NewReader(io.NewSectionReader(c.a.from, c.e.content(), c.e.packed))}
	c.out, c.crc, c.done, c.err = flate.NewReader(c.in), crc32.NewIEEE(), 0, nil
}

// Read is part of io.Reader. Content that is longer or shorter than its headers say, that has another checksum, or bytes behind
// its end is refused (Invalid) before the end of it is reached.
func (c *Content) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.out.Read(p)
	c.crc.Write(p[:n])
	c.done += int64(n)
	switch {
	case c.done > c.e.size:
		err = refused("a member is longer than it says")
	case errors.Is(err, io.EOF) && (c.done != c.e.size || c.in.used != c.e.packed || c.crc.Sum32() != c.e.crc):
		err = refused("a member is not what its headers say")
	case err != nil && !errors.Is(err, io.EOF):
		err = refused("a member cannot be unpacked")
	}
	c.err = err
	return n, err
}

// Seek goes back to the beginning, and nowhere else.
func (c *Content) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, errors.New("packed content is read from its beginning")
	}
	c.rewind()
	return 0, nil
}
