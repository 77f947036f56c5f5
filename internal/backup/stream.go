package backup

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// The chunks follow the STREAM construction: every chunk is sealed with AES-256-GCM under a nonce of the header's prefix, its
// number and a flag that says whether it is the last one, and authenticates the whole header. So none can be left out,
// repeated, moved, taken from another archive, or be missing at the end.
const (
	chunkSize   = 64 << 10
	tagSize     = 16
	sealedSize  = chunkSize + tagSize
	finalFlagAt = 11
)

type chunks struct {
	aead   cipher.AEAD
	header []byte
	nonce  [12]byte
	number uint64
}

func newChunks(h *header, key []byte) (chunks, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return chunks{}, fmt.Errorf("making the cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return chunks{}, fmt.Errorf("making the cipher: %w", err)
	}
	c := chunks{aead: aead, header: h[:]}
	copy(c.nonce[:], h[prefixAt:prefixEnd])
	return c, nil
}

// next sets the nonce of the next chunk. It refuses a number that would come round again, at 256 TiB.
func (c *chunks) next(final bool) error {
	if c.number > math.MaxUint32 {
		return errUnfit("it is too long")
	}
	binary.BigEndian.PutUint32(c.nonce[prefixSize:], uint32(c.number))
	c.number++
	c.nonce[finalFlagAt] = 0
	if final {
		c.nonce[finalFlagAt] = 1
	}
	return nil
}

// sealer writes plain bytes as chunks. Close writes the last one.
type sealer struct {
	chunks
	to   io.Writer
	buf  []byte
	done bool
}

func newSealer(to io.Writer, h *header, key []byte) (*sealer, error) {
	c, err := newChunks(h, key)
	return &sealer{chunks: c, to: to, buf: make([]byte, 0, sealedSize)}, err
}

// Write keeps a full chunk back until more follows: only then is it known not to be the last.
func (s *sealer) Write(p []byte) (n int, err error) {
	if s.done {
		return 0, errors.New("the archive is finished")
	}
	for len(p) > 0 {
		if len(s.buf) == chunkSize {
			if err := s.flush(false); err != nil {
				return n, err
			}
		}
		m := min(len(p), chunkSize-len(s.buf))
		s.buf = append(s.buf, p[:m]...)
		p, n = p[m:], n+m
	}
	return n, nil
}

// Close seals what is left as the last chunk; an archive of nothing has one empty chunk.
func (s *sealer) Close() error {
	if s.done {
		return nil
	}
	s.done = true
	return s.flush(true)
}

func (s *sealer) flush(final bool) error {
	if err := s.next(final); err != nil {
		return err
	}
	sealed := s.aead.Seal(s.buf[:0], s.nonce[:], s.buf, s.header)
	if _, err := s.to.Write(sealed); err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	s.buf = s.buf[:0]
	return nil
}

// opener reads the chunks of an archive whose length is known, and gives out no byte that has not been authenticated.
type opener struct {
	chunks
	from  io.Reader
	left  int64 // sealed bytes not read yet
	buf   []byte
	plain []byte
	err   error
}

// plainSize answers how many plain bytes so many sealed ones hold; false for a length that no archive has.
func plainSize(sealed int64) (int64, bool) {
	if sealed < tagSize {
		return 0, false
	}
	n := (sealed + sealedSize - 1) / sealedSize
	last := sealed - (n-1)*sealedSize
	return sealed - n*tagSize, last > tagSize || (n == 1 && last == tagSize)
}

func newOpener(from io.Reader, sealed int64, h *header, key []byte) (*opener, error) {
	c, err := newChunks(h, key)
	return &opener{chunks: c, from: from, left: sealed, buf: make([]byte, sealedSize)}, err
}

// Read answers io.EOF after the last chunk alone; whatever is wrong before it stays wrong.
func (o *opener) Read(p []byte) (int, error) {
	for len(o.plain) == 0 && o.err == nil {
		o.err = o.fill()
	}
	if len(o.plain) == 0 {
		return 0, o.err
	}
	n := copy(p, o.plain)
	o.plain = o.plain[n:]
	return n, nil
}

func (o *opener) fill() error {
	if o.left == 0 {
		return io.EOF
	}
	n := min(o.left, sealedSize)
	o.left -= n
	if _, err := io.ReadFull(o.from, o.buf[:n]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errDamaged(err)
		}
		return fmt.Errorf("reading the archive: %w", err)
	}
	if err := o.next(o.left == 0); err != nil {
		return err
	}
	plain, err := o.aead.Open(o.buf[:0], o.nonce[:], o.buf[:n], o.header)
	if err != nil {
		return errDamaged(err)
	}
	o.plain = plain
	return nil
}
