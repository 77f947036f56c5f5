package verify

import (
	"fmt"
	"time"

	"guardhouse/internal/audit"
)

// row holds a row against its own hash, the row before it and the checkpoints.
func (c *checker) row(ev audit.Event) {
	before := c.last
	own := ev.V == audit.Version && ev.ComputeHash() == ev.Hash
	next := c.out.Rows > 0 && ev.Seq == before.seq+1
	switch mark, marked := c.marks[ev.Seq]; {
	case !own:
		c.found(audit.Edited, ev.Seq, "row %d does not have the hash that it was written with", ev.Seq)
	case c.out.Rows > 0 && ev.Seq <= before.seq:
		c.found(audit.Reordered, ev.Seq, "row %d stands behind row %d", ev.Seq, before.seq)
	case next && ev.PrevHash != before.hash:
		c.found(audit.Edited, before.seq, "row %d does not follow the row before it: one of both was written again together with its hash", ev.Seq)
	case marked && mark != ev.Hash:
		c.found(audit.Rebuilt, ev.Seq, "row %d is right in itself but is not the row that a checkpoint names", ev.Seq)
	}
	c.reign.row(ev)
	c.place(ev)
	c.count(ev.Seq, ev.At, ev.PrevHash, ev.Hash)
	c.last.hash = ev.Hash
}

// count goes on to a row, and holds it to what the manifest says of unbroken rows.
func (c *checker) count(seq int64, at time.Time, previous, hash string) {
	r, m := &c.out.Report, c.out.Manifest
	switch {
	case r.Rows == 0:
		r.First, r.From, c.before = seq, at, previous
		if m.Rows > 0 && m.Contiguous && seq > m.First {
			c.found(audit.Deleted, m.First, "the rows begin with %d, and the manifest says %d", seq, m.First)
		} else if m.Rows > 0 && seq == m.First && previous != m.Previous {
			c.found(audit.Edited, seq, "row %d is not the one that the manifest begins with", seq)
		}
	case seq > c.last.seq+1 && m.Contiguous:
		c.found(audit.Deleted, c.last.seq+1, "rows %d to %d are missing", c.last.seq+1, seq-1)
	}
	if at.UnixMilli() < c.last.at && c.back == nil && r.Rows > 0 {
		c.back = &audit.Finding{Name: audit.ClockBack, Seq: seq, Detail: fmt.Sprintf("row %d is older than the row before it", seq)}
	}
	r.Rows++
	r.Last, r.LastHash, r.To = seq, hash, at
	c.last.seq, c.last.at = seq, at.UnixMilli()
}

// finish holds the whole against the manifest, which speaks of a file of one form.
func (c *checker) finish(form string) {
	r, m := &c.out.Report, c.out.Manifest
	if m.Format == "" && r.Finding == "" {
		c.found(audit.TailCut, r.Last, "the file does not end with its manifest")
	}
	if r.Finding == "" && m.Format != form {
		c.found(audit.Edited, 0, "the manifest is one of another form of file")
	}
	if r.Finding != "" {
		return
	}
	if what, seq := c.reign.replaced(c.signer); what != "" {
		c.found(audit.Rebuilt, seq, "%s is signed with a key that had been replaced", what)
		return
	}
	switch {
	case r.Rows < m.Rows && r.Last < m.Last:
		c.found(audit.TailCut, r.Last+1, "the manifest speaks of %d rows up to %d, and the file has %d up to %d", m.Rows, m.Last, r.Rows, r.Last)
	case r.Rows < m.Rows:
		c.found(audit.Deleted, 0, "the manifest speaks of %d rows, and the file has %d", m.Rows, r.Rows)
	case r.Rows > m.Rows:
		c.found(audit.Inserted, 0, "the manifest speaks of %d rows, and the file has %d", m.Rows, r.Rows)
	case r.First != m.First || r.Last != m.Last || r.Rows > 0 && (r.LastHash != m.Hash || c.before != m.Previous):
		c.found(audit.Edited, 0, "the rows are not those that the manifest speaks of")
	case c.bytes != m.Bytes || c.hexSum() != m.SHA256:
		c.found(audit.Edited, 0, "the bytes before the manifest are not those that it was made for")
	}
	if r.Finding == "" && c.pack == nil { // a pack has more that comes before
		c.turnedBack()
	}
	if r.Finding == "" {
		r.NotProvable = c.unproven()
	}
}

// turnedBack says that the clock was set back, which is found in a chain that is whole otherwise.
func (c *checker) turnedBack() {
	if c.back != nil {
		c.found(c.back.Name, c.back.Seq, "%s", c.back.Detail)
	}
}

// unproven says what the file cannot show by itself.
func (c *checker) unproven() []string {
	m := c.out.Manifest
	out := []string{fmt.Sprintf("%s: rows could have followed row %d after the export was made; the log then ended with row %d", audit.TailCut, m.Last, m.HeadSeq)}
	if !m.Contiguous && (c.jumped || !c.times || m.Format == "csv") {
		out = append(out, audit.Deleted+": not contiguous: rows between those in the file are not in it; that none is missing which the filter finds is the word of whoever signed the manifest")
	}
	return out
}
