package verify

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"slices"

	"guardhouse/internal/audit"
	"guardhouse/internal/proof"
)

// mostNotes bounds the checkpoints and the tombstones of a file: one each ten minutes for five years.
const mostNotes = 1 << 18

// onlyTimes says that a filter leaves out no row between two times.
func onlyTimes(filter string) bool {
	var said map[string]any
	if json.Unmarshal([]byte(filter), &said) != nil {
		return false
	}
	delete(said, "from")
	delete(said, "to")
	return len(said) == 0
}

// tombstone keeps what stands for rows that are gone.
func (c *checker) tombstone(note []byte) error {
	sum := sha256.Sum256(note)
	if c.seen[sum] && c.pack == nil { // it says nothing new, and costs a signature
		return nil
	}
	c.seen[sum] = true
	t, signer, err := proof.ParseTombstone(note, c.keys)
	if err != nil {
		return err
	}
	c.reign.bury(t.Event, signer)
	if len(c.stones) == mostNotes {
		c.found(audit.Edited, 0, "it has more tombstones than a log")
		return nil
	}
	if n := len(c.stones); n > 0 && t.First <= c.stones[n-1].Last {
		if c.pack != nil {
			c.found(audit.Reordered, t.First, "the tombstone of row %d does not stand behind and apart from the one before it", t.First)
		}
		at, _ := c.stoneFrom(t.First)
		c.stones = slices.Insert(c.stones, at, t)
		return nil
	}
	c.stones = append(c.stones, t)
	return nil
}

// stoneFrom answers where the first tombstone stands that begins with a row or behind it, and whether it is that row's.
func (c *checker) stoneFrom(seq int64) (int, bool) {
	return slices.BinarySearchFunc(c.stones, seq, func(t proof.Tombstone, seq int64) int { return cmp.Compare(t.First, seq) })
}

// over answers the tombstone that stands for a row, nil for none.
func (c *checker) over(seq int64) *proof.Tombstone {
	at, _ := c.stoneFrom(seq + 1)
	if at == 0 || c.stones[at-1].Last < seq {
		return nil
	}
	return &c.stones[at-1]
}

// bridge follows the tombstones behind a row up to the row before next, and answers where it got to; any says that one stands there at all.
// A tombstone that does not follow ends it.
func (c *checker) bridge(seq int64, hash string, next int64) (end int64, last string, any bool) {
	if t := c.over(seq + 1); t != nil && t.First <= seq {
		return seq, hash, true
	}
	at, _ := c.stoneFrom(seq + 1)
	for ; at < len(c.stones) && c.stones[at].First < next; at++ {
		any = true
		if t := c.stones[at]; t.First != seq+1 || t.Previous != hash || t.Last >= next {
			break
		} else {
			seq, hash = t.Last, t.Hash
		}
	}
	return seq, hash, any
}

// place holds a row to where it stands: rows that are not in the file have to be under tombstones.
func (c *checker) place(ev audit.Event) {
	if c.pack != nil && c.over(ev.Seq) != nil {
		c.found(audit.Inserted, ev.Seq, "row %d is in the file, and a tombstone says that it was removed", ev.Seq)
	}
	if c.out.Rows == 0 {
		c.begin(ev)
		return
	}
	if ev.Seq <= c.last.seq+1 || !c.times {
		return
	}
	end, hash, any := c.bridge(c.last.seq, c.last.hash, ev.Seq)
	if end+1 == ev.Seq && hash == ev.PrevHash {
		return
	}
	c.jumped = true
	if c.pack != nil || any {
		c.found(audit.Deleted, c.last.seq+1, "rows %d to %d are missing, and no tombstones stand for exactly them", c.last.seq+1, ev.Seq-1)
	}
}

// begin holds the first row of a pack to its period.
func (c *checker) begin(ev audit.Event) {
	switch p := c.pack; {
	case p == nil:
	case p.From.IsZero():
		if end, hash, _ := c.bridge(0, proof.Zero, ev.Seq); end+1 != ev.Seq || hash != ev.PrevHash {
			c.found(audit.Deleted, 1, "rows before row %d are missing, and no tombstones stand for exactly them", ev.Seq)
		}
	case ev.At.Before(p.From):
		c.found(audit.Edited, ev.Seq, "row %d, the first, is older than the period", ev.Seq)
	default:
		if t := c.over(ev.Seq - 1); t != nil && t.Last == ev.Seq-1 && t.Hash != ev.PrevHash {
			c.found(audit.Deleted, ev.Seq, "row %d does not follow the tombstone before it", ev.Seq)
		}
	}
}

// ending holds the last row of a pack to its period.
func (c *checker) ending() {
	p, r := c.pack, c.out.Report
	at, stood := c.stoneFrom(r.Last + 1)
	switch {
	case r.Rows > 0 && stood && c.stones[at].Previous != r.LastHash:
		c.found(audit.Deleted, r.Last, "the tombstone behind row %d does not follow it", r.Last)
	case !p.To.IsZero() && r.Rows > 0 && !r.To.Before(p.To):
		c.found(audit.Edited, r.Last, "row %d, the last, is newer than the period", r.Last)
	case p.To.IsZero() && !p.From.After(p.At):
		end, hash, _ := c.bridge(r.Last, r.LastHash, p.HeadSeq+1)
		if r.Rows == 0 || end != p.HeadSeq || hash != p.HeadHash {
			c.found(audit.TailCut, end+1, "the log ended with row %d, and the rows in the pack do not", p.HeadSeq)
		}
	}
}

// bounds says what a pack cannot show of its period.
func (c *checker) bounds() (out []string) {
	if p := c.pack; !p.From.IsZero() || !p.To.IsZero() {
		out = append(out, audit.Deleted+": rows at the bounds of the period: that the first and the last of it are in the pack is the word of whoever signed it")
	}
	if c.out.Rows == 0 {
		out = append(out, audit.Deleted+": no row of the period is in the pack")
	}
	return out
}
