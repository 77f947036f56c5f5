package verify

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

const manifestMark = "#manifest"

// table checks a CSV file.
func (c *checker) table() error {
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return fault.Wrap(err, fault.Invalid, "The export can't be read.")
	}
	c.sum = sha256.New()
	r := &records{in: bufio.NewReaderSize(c.file, longestLine)}
	columns := audit.Columns()
	for n := int64(1); ; n++ {
		raw, whole, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !whole {
			c.found(audit.TailCut, c.last.seq, "the file ends in the middle of a record")
			return nil
		}
		if n%1024 == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		cells, ok := cellsOf(raw, n == 1, len(columns))
		switch {
		case !ok:
			return notOurs(n, "is not a record of "+strconv.Itoa(len(columns))+" cells")
		case c.out.Manifest.Format != "":
			c.found(audit.Inserted, 0, "record %d follows the manifest", n)
			continue
		case cells[0] == manifestMark && strings.Join(cells[2:], "") != "":
			return notOurs(n, "has more than a manifest")
		case cells[0] == manifestMark:
			if c.out.Manifest, c.signer, err = proof.ParseManifest([]byte(cells[1]), c.keys); err != nil {
				c.found(refusedBy(err), 0, "the manifest %s; a table brings no keys, so those of when it was made are wanted", because(err))
				return nil
			}
			c.reign.sign(c.signer, c.out.Manifest.HeadSeq, "the manifest")
			continue
		}
		c.add(raw)
		if n == 1 {
			if !slices.Equal(cells, columns) {
				return notOurs(n, "does not name the columns of one")
			}
			continue
		}
		c.record(n, cells)
	}
}

// record is a row of a table. Each cell may have one more mark before it, which keeps spreadsheets from computing with it.
func (c *checker) record(n int64, cells []string) {
	for i := range cells {
		cells[i] = strings.TrimPrefix(cells[i], "'")
	}
	ev, err := audit.FromCells(cells)
	if err != nil {
		c.found(audit.Edited, 0, "record %d is no row as the log writes them", n)
		return
	}
	c.row(ev)
}

// records cuts a file at the ends of records, which are line ends outside quotes.
type records struct {
	in  *bufio.Reader
	buf []byte
}

// next answers a record with its line end. whole is false for what the end of the file cut off.
func (r *records) next() (raw []byte, whole bool, err error) {
	r.buf = r.buf[:0]
	for quotes := 0; ; {
		line, err := r.in.ReadSlice('\n')
		r.buf = append(r.buf, line...)
		quotes += bytes.Count(line, []byte{'"'})
		switch {
		case errors.Is(err, io.EOF) && len(r.buf) == 0:
			return nil, false, io.EOF
		case errors.Is(err, io.EOF):
			return r.buf, false, nil
		case errors.Is(err, bufio.ErrBufferFull) || len(r.buf) > longestLine:
			return nil, false, notOurs(0, "a record is longer than any of ours")
		case err != nil:
			return nil, false, fault.Wrap(err, fault.Invalid, "The export can't be read.")
		case quotes%2 == 0:
			return r.buf, true, nil
		}
	}
}

// cellsOf reads one record of so many cells (RFC 4180), every character as it stands. The first may have a byte order mark before it.
func cellsOf(raw []byte, first bool, n int) ([]string, bool) {
	if first {
		raw = bytes.TrimPrefix(raw, []byte("\uFEFF"))
	}
	raw = bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte("\n")), []byte("\r"))
	cells := make([]string, 0, n)
	for len(cells) < n {
		cell, rest, ok := cellOf(raw)
		if !ok {
			return nil, false
		}
		cells = append(cells, cell)
		if len(rest) == 0 {
			return cells, len(cells) == n
		}
		raw = rest[1:]
	}
	return nil, false
}

// cellOf answers a cell and what follows it: nothing, or a comma and more.
func cellOf(raw []byte) (cell string, rest []byte, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		end := bytes.IndexByte(raw, ',')
		if end < 0 {
			end = len(raw)
		}
		return string(raw[:end]), raw[end:], !bytes.ContainsRune(raw[:end], '"')
	}
	var b []byte
	for rest = raw[1:]; ; {
		end := bytes.IndexByte(rest, '"')
		if end < 0 {
			return "", nil, false
		}
		b, rest = append(b, rest[:end]...), rest[end+1:]
		if len(rest) == 0 || rest[0] == ',' {
			return string(b), rest, true
		}
		if rest[0] != '"' {
			return "", nil, false
		}
		b, rest = append(b, '"'), rest[1:]
	}
}
