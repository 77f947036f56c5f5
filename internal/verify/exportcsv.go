package verify

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

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
	at := func(column string) int { return slices.Index(columns, column) }
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
				c.found(refusedBy(err), 0, "the manifest %s", because(err))
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
		c.record(n, cells[at("seq")], cells[at("at")])
		if strings.HasPrefix(cells[at("resource")], keyResource) {
			ev := audit.Event{Seq: c.last.seq, Action: cells[at("action")], Resource: cells[at("resource")], Decision: cells[at("decision")]}
			if json.Unmarshal([]byte(cells[at("details")]), &ev.Details) == nil {
				c.reign.row(ev)
			}
		}
	}
}

func (c *checker) record(n int64, seqText, atText string) {
	seq, at, ok := placeOf(seqText, atText)
	switch {
	case !ok:
		c.found(audit.Edited, 0, "record %d has no number and time of a row", n)
		return
	case c.out.Rows > 0 && seq <= c.last.seq:
		c.found(audit.Reordered, seq, "row %d stands behind row %d", seq, c.last.seq)
	}
	c.count(seq, at, "", "")
}

func placeOf(seqText, atText string) (seq int64, at time.Time, ok bool) {
	seq, err := strconv.ParseInt(seqText, 10, 64)
	at, atErr := time.Parse("2006-01-02T15:04:05.000Z", atText)
	return seq, at, err == nil && atErr == nil && seq > 0
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

// cellsOf reads one record of so many cells. The first may have a byte order mark before it.
func cellsOf(raw []byte, first bool, n int) ([]string, bool) {
	if first {
		raw = bytes.TrimPrefix(raw, []byte("\uFEFF"))
	}
	in := csv.NewReader(bytes.NewReader(raw))
	in.FieldsPerRecord = n
	cells, err := in.Read()
	if err != nil {
		return nil, false
	}
	_, err = in.Read()
	return cells, errors.Is(err, io.EOF)
}
