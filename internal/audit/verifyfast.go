package audit

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// One goroutine reads, as many as there are processors hash, and the caller links. A batch is some hundred kilobytes, so that
// memory stays the same however long the log is.
const (
	batchRows  = 256
	batchBytes = 1 << 20
)

// packSQL reads a row as one value: its whole numbers and the lengths of its texts with commas between, a semicolon, and the
// texts. A NULL is left out and so makes a value that nobody can unpack.
func packSQL() string {
	var lengths strings.Builder
	for column := range strings.SplitSeq(textColumns, ", ") {
		lengths.WriteString(", octet_length(" + column + ")")
	}
	return "SELECT CAST(concat(concat_ws(',', " + wholeColumns + lengths.String() + "), ';', " + textColumns + ") AS BLOB)" +
		" FROM audit_events WHERE seq > ? ORDER BY seq"
}

// batch is some rows as they were read, and what was made of them.
type batch struct {
	packed []byte
	ends   []int
	facts  []fact
	hashed chan struct{}
}

// pipeline moves batches from the reader through the hashing to the caller, in the order of the rows.
type pipeline struct {
	work    chan *batch
	ordered chan *batch
	free    chan *batch
	stop    chan struct{}
	err     error // of the reader; ordered is closed after it is set
}

// sweep walks all rows, and answers false at the first that does not fit or that cannot be read this way; the walk then stands
// before that row.
func (v *verifier) sweep() (whole bool, err error) {
	workers := runtime.GOMAXPROCS(0)
	p := &pipeline{make(chan *batch, workers), make(chan *batch, 2*workers), make(chan *batch, 4*workers), make(chan struct{}), nil}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			h := newHasher()
			for b := range p.work {
				h.hash(b)
				close(b.hashed)
			}
		})
	}
	wg.Go(func() {
		p.err = v.read(p)
		close(p.work)
		close(p.ordered)
	})
	whole = v.link(p)
	close(p.stop)
	wg.Wait()
	return whole && p.err == nil, v.ctx.Err()
}

// link takes the batches one after the other. It answers false where a row does not fit.
func (v *verifier) link(p *pipeline) bool {
	for b := range p.ordered {
		<-b.hashed
		for _, f := range b.facts {
			if !v.take(f) {
				return false
			}
		}
		select {
		case p.free <- b:
		default:
		}
	}
	return true
}

// read fills batches until there are no rows or nobody wants more.
func (v *verifier) read(p *pipeline) (err error) {
	// The driver would watch the context row by row; here it is asked once a batch.
	rows, err := v.tx.QueryContext(context.WithoutCancel(v.ctx), packSQL(), v.start())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for more := true; more; {
		b := p.batch()
		for more = rows.Next(); more; more = rows.Next() {
			var raw sqlBytes
			if err := rows.Scan(&raw); err != nil {
				return err
			}
			b.packed = append(b.packed, raw...)
			b.ends = append(b.ends, len(b.packed))
			if len(b.ends) == batchRows || len(b.packed) >= batchBytes {
				break
			}
		}
		if len(b.ends) > 0 && !p.pass(b) {
			return nil
		}
		if err := v.ctx.Err(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// pass hands a batch on, and answers false where nobody wants it.
func (p *pipeline) pass(b *batch) bool {
	for _, to := range []chan *batch{p.work, p.ordered} {
		select {
		case to <- b:
		case <-p.stop:
			return false
		}
	}
	return true
}

func (p *pipeline) batch() *batch {
	select {
	case b := <-p.free:
		b.packed, b.ends, b.facts, b.hashed = b.packed[:0], b.ends[:0], b.facts[:0], make(chan struct{})
		return b
	default:
		return &batch{hashed: make(chan struct{})}
	}
}

// hasher unpacks rows and computes their hashes; one goroutine's own.
type hasher struct {
	columns [numText][]byte
	form    []byte
	sum     []byte
}

func newHasher() *hasher { return &hasher{form: make([]byte, 0, 4096), sum: make([]byte, 0, 64)} }

func (h *hasher) hash(b *batch) {
	b.facts = slices.Grow(b.facts, len(b.ends))
	start := 0
	for _, end := range b.ends {
		b.facts = append(b.facts, h.fact(b.packed[start:end]))
		start = end
	}
}

// fact answers what a packed row is. What cannot be unpacked, or is in any way unusual, is not its own: the closer look
// decides about it.
func (h *hasher) fact(packed []byte) fact {
	n, ok := h.unpack(packed)
	if !ok {
		return fact{}
	}
	c := &h.columns
	f := fact{seq: n.seq, at: n.at, prev: string(c[colPrevHash]), hash: string(c[colHash])}
	if !h.encode(n) {
		return f
	}
	h.sum = appendHash(h.sum[:0], h.form)
	f.own = bytes.Equal(h.sum, c[colHash])
	return f
}
