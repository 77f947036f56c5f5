package export

import (
	"strconv"

	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// mostNotes bounds what a pack keeps of its notes until the rows are written: a checkpoint each ten minutes for two years.
const mostNotes = 64 << 20

// unfiltered says that no row between the bounds of the times is left out.
func (w *writer) unfiltered() bool {
	f := w.x.r.Filter
	return len(said(f)) == len(said(audit.Filter{From: f.From, To: f.To}))
}

// stretched answers the filter and the numbers that are walked. A pack has all rows from the first of its period to the last, whatever the
// clock said in between, for whoever checks it tells a row of another time from one that was taken away by nothing else.
func (w *writer) stretched(first, last int64) (audit.Filter, int64, int64) {
	f := w.x.r.Filter
	if !w.x.packed || last == 0 {
		return f, first, last
	}
	if f.From.IsZero() {
		first = 1
	}
	if f.To.IsZero() {
		last = w.x.head.Seq
	}
	return audit.Filter{}, first, last
}

// gone notes the first row behind the newest that is neither in the log nor under a tombstone, and that another was made to follow.
func (w *writer) gone(next *audit.Event) error {
	if begun := w.sum.Rows > 0 || w.x.r.Filter.From.IsZero() && w.x.r.After == 0; !begun || w.sum.Missing > 0 || !w.unfiltered() {
		return nil
	}
	seq, hash := w.sum.Last+1, w.last
	for seq < next.Seq {
		t, ok, err := w.x.s.d.Log.TombstoneOf(w.ctx, seq)
		if err != nil {
			return err
		}
		if !ok || t.First != seq || t.PrevHash != hash {
			break
		}
		w.bridged[t.First] = true
		seq, hash = t.Last+1, t.LastHash
	}
	if seq == next.Seq && hash == next.PrevHash {
		return nil
	}
	if seq < next.Seq { // it may be there, and of another time
		there, err := w.x.s.d.Log.Walk(w.ctx, audit.Filter{}, seq, seq, 1)
		if err != nil || len(there) > 0 {
			return err
		}
	}
	w.sum.Missing = min(seq, next.Seq)
	return nil
}

// keep holds back the notes of a pack, which stand in members of their own as well. It refuses (Busy) a tombstone over rows that were written:
// retention ran meanwhile.
func (w *writer) keep(kind string, note []byte) error {
	if !w.x.packed {
		return nil
	}
	if kind == "tombstone" && w.sum.Rows > 0 {
		f, _ := proof.Peek(note)
		first, last := wholeOf(f.Get("first")), wholeOf(f.Get("last"))
		if first <= w.sum.Last && last >= w.sum.First && !w.bridged[first] {
			return fault.New(fault.Busy, "Old rows were removed while the pack was made. Ask for it again.").WithRetry(busyFor)
		}
	}
	if w.kept += len(note); w.kept > mostNotes {
		return fault.New(fault.Unprocessable, "These are more checkpoints than a pack holds. Take a shorter period.")
	}
	w.x.notes[kind] = append(w.x.notes[kind], note...)
	return nil
}

// wholeOf answers a number, 0 for what is none.
func wholeOf(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Notes answers the notes of one kind that were written with the rows of a pack, one behind the other.
func (x *Export) Notes(kind string) []byte { return x.notes[kind] }

// Signed refuses (Busy) a note about a pack that is signed with another key than its rows, or than the newest in it: the key was changed
// meanwhile.
func (x *Export) Signed(note []byte) error {
	own, rows, key := proof.SignerOf(note), proof.SignerOf(x.notes["manifest"]), ""
	for k := range proof.Notes(x.notes["key"]) {
		key = proof.SignerOf(k)
	}
	if own != rows || own != key {
		return fault.New(fault.Busy, "The key of the log was changed while the pack was made. Ask for it again.").WithRetry(busyFor)
	}
	return nil
}
