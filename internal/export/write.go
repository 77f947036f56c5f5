package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

const (
	// pageRows is how many rows one read transaction answers.
	pageRows = 500
	// stretch is how many numbers one read transaction looks at, so that a filter that finds little holds nothing for long.
	stretch = 20_000
	// block is about how much goes out in one write.
	block = 64 << 10
)

// writer is one export on its way out. It holds one block and one page of rows.
type writer struct {
	x    *Export
	ctx  context.Context //nolint:containedctx // lives as long as one call of Write
	out  io.Writer
	buf  []byte
	hash hash.Hash
	sum  Sum
	// previous is the hash of the row before the first; last is that of the newest, and gap says that rows lie between.
	previous, last string
	gap            bool
	checked        time.Time
	bridged        map[int64]bool // first rows of the tombstones that rows were written around
	kept           int
}

func (x *Export) write(ctx context.Context, out io.Writer) (Sum, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := newWriter(ctx, x, out)
	for _, step := range []func() error{w.header, w.rows, w.notes, w.manifest} {
		if err := step(); err != nil {
			return w.sum, err
		}
	}
	return w.sum, nil
}

func newWriter(ctx context.Context, x *Export, out io.Writer) *writer {
	return &writer{
		x: x, ctx: ctx, out: out, buf: make([]byte, 0, block+block/4), hash: sha256.New(), previous: audit.Genesis, last: audit.Genesis,
		checked: x.began, bridged: map[int64]bool{},
	}
}

func (w *writer) header() error {
	if w.x.Format != CSV {
		return nil
	}
	if w.x.r.BOM {
		w.buf = append(w.buf, bom...)
	}
	w.buf = appendRecord(w.buf, audit.Columns())
	return nil
}

// rows walks from the first row that the times let in to the head, page by page.
func (w *writer) rows() error {
	first, last, err := w.x.s.d.Log.Bounds(w.ctx, w.x.r.Filter)
	if err != nil {
		return err
	}
	filter, first, last := w.stretched(first, min(last, w.x.head.Seq))
	for next := max(first, w.x.r.After+1, 1); next <= last; {
		if err := w.allowed(); err != nil {
			return err
		}
		until := min(next+stretch-1, last)
		page, err := w.x.s.d.Log.Walk(w.ctx, filter, next, until, pageRows)
		if err != nil {
			return err
		}
		if err := w.page(page); err != nil {
			return err
		}
		if next = until + 1; len(page) == pageRows {
			next = page[len(page)-1].Seq + 1
		}
	}
	return nil
}

// allowed ends an export whose caller left or may not have it any more, and one that takes too long.
func (w *writer) allowed() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	s, now := w.x.s, w.x.s.d.Now()
	if now.Sub(w.x.began) > Longest {
		return fault.New(fault.Timeout, "The export took more than an hour. Ask for less of the log at a time.")
	}
	if now.Sub(w.checked) < recheckEvery {
		return nil
	}
	w.checked = now
	p := w.x.p
	if s.d.Still != nil && p.Kind != access.KindSystem {
		var err error
		if p, err = s.d.Still(w.ctx, p); err != nil {
			return err
		}
	}
	if !s.d.Guard.Can(p, access.AuditExport) {
		return fault.New(fault.Forbidden, "You may not do this any more.")
	}
	return nil
}

func (w *writer) page(page []audit.Event) error {
	for i := range page {
		if err := w.row(&page[i]); err != nil {
			return fmt.Errorf("row %d: %w", page[i].Seq, err)
		}
	}
	return nil
}

func (w *writer) row(ev *audit.Event) error {
	if w.x.Format == CSV {
		cells, err := ev.Cells()
		if err != nil {
			return err
		}
		w.buf = appendRecord(w.buf, cells)
	} else {
		// encoding/json would escape what the published form does not.
		text, err := ev.MarshalJSON()
		if err != nil {
			return err
		}
		w.buf = append(append(w.buf, text...), '\n')
	}
	if w.sum.Rows == 0 {
		w.sum.First, w.previous = ev.Seq, ev.PrevHash
	}
	if ev.Seq != w.sum.Last+1 || ev.PrevHash != w.last {
		w.gap = w.gap || w.sum.Rows > 0
		if err := w.gone(ev); err != nil {
			return err
		}
	}
	w.sum.Rows, w.sum.Last, w.last = w.sum.Rows+1, ev.Seq, ev.Hash
	return w.full()
}

// full sends what has gathered once it is a block.
func (w *writer) full() error {
	if len(w.buf) < block {
		return nil
	}
	return w.flush()
}

func (w *writer) flush() error {
	for len(w.buf) > 0 {
		if err := w.allowed(); err != nil { // a slow reader makes minutes of one page
			return err
		}
		part := w.buf[:min(len(w.buf), block)]
		w.hash.Write(part)
		w.sum.Bytes += int64(len(part))
		if err := w.send(part); err != nil {
			return err
		}
		w.buf = append(w.buf[:0], w.buf[len(part):]...)
	}
	return nil
}

// send writes a part. A reader who does not take it has left, whatever the network calls it.
func (w *writer) send(part []byte) error {
	if _, err := w.out.Write(part); err != nil {
		if fault.CodeOf(err) != fault.Internal {
			return err
		}
		if full := written(err); WhyOf(full) == WhyFull {
			return full
		}
		return fault.Wrap(err, fault.Canceled, "the export was not taken")
	}
	return nil
}

// span answers the rows whose notes are written: with those of a time rows that were removed belong to it too.
func (w *writer) span() (first, last int64, err error) {
	if w.x.s.d.Span == nil || !w.unfiltered() || w.x.r.After > 0 {
		return w.sum.First, w.sum.Last, nil
	}
	return w.x.s.d.Span(w.ctx, w.x.r.Filter.From, w.x.r.Filter.To, w.sum.First, w.sum.Last)
}

// notes writes what the rows need to be checked. A table has no place for them: its manifest has to do.
func (w *writer) notes() error {
	if w.x.Format == JSONL && w.x.s.d.Notes != nil {
		first, last, err := w.span()
		if err != nil {
			return err
		}
		err = w.x.s.d.Notes(w.ctx, first, last, func(kind string, note []byte) error {
			line, err := noteLine(kind, note)
			if err != nil {
				return err
			}
			if err := w.keep(kind, note); err != nil {
				return err
			}
			w.buf = append(w.buf, line...)
			return w.full()
		})
		if err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.sum.SHA256 = hex.EncodeToString(w.hash.Sum(nil))
	return nil
}

func noteLine(kind string, note []byte) ([]byte, error) {
	line, err := json.Marshal(map[string]string{kind: string(note)})
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "a note cannot be encoded")
	}
	return append(line, '\n'), nil
}

// manifest signs what was written and writes it behind.
func (w *writer) manifest() error {
	text, err := w.facts()
	if err != nil {
		return err
	}
	if err := w.allowed(); err != nil {
		return err
	}
	note, err := w.x.s.d.Sign(text)
	if err != nil {
		return err
	}
	if w.x.Format == JSONL {
		line, err := noteLine("manifest", note)
		if err = errors.Join(err, w.keep("manifest", note)); err != nil {
			return err
		}
		return w.send(line)
	}
	cells := make([]string, len(audit.Columns()))
	cells[0], cells[1] = "#manifest", string(note)
	return w.send(appendRecord(nil, cells))
}

func (w *writer) facts() ([]byte, error) {
	filter, err := w.x.r.canonical()
	if err != nil {
		return nil, err
	}
	install, err := w.x.s.d.Install(w.ctx)
	if err != nil {
		return nil, err
	}
	m := proof.Manifest{
		Install: install, Format: string(w.x.Format), Rows: w.sum.Rows, First: w.sum.First, Last: w.sum.Last, Bytes: w.sum.Bytes,
		SHA256: w.sum.SHA256, Contiguous: !w.gap, Previous: w.previous, Hash: w.last, Filter: filter, At: w.x.began,
		By: proof.Plain(w.x.p.Name), HeadSeq: w.x.head.Seq, HeadHash: w.x.head.Hash,
	}
	return m.Text()
}
