package events

import "slices"

// ring holds the newest entries, of consecutive rows, within Window rows and windowBytes.
type ring struct {
	rows  []*entry
	next  int64 // the row that comes after the last one held or known of
	bytes int
}

// start empties the ring: the next row is after+1.
func (r *ring) start(after int64) { *r = ring{next: after + 1} }

// head answers the newest row that was read.
func (r *ring) head() int64 { return r.next - 1 }

// first answers the oldest row held; the next one while there is none.
func (r *ring) first() int64 { return r.next - int64(len(r.rows)) }

func (r *ring) push(list []*entry) {
	for _, e := range list {
		if e.seq != r.next { // the log has no gaps; if it had, nobody may be led over one unseen
			r.start(e.seq - 1)
		}
		r.rows = append(r.rows, e)
		r.bytes += e.size()
		r.next = e.seq + 1
	}
	drop := max(len(r.rows)-Window, 0)
	for _, e := range r.rows[:drop] {
		r.bytes -= e.size()
	}
	for drop < len(r.rows)-1 && r.bytes > windowBytes {
		r.bytes -= r.rows[drop].size()
		drop++
	}
	clear(r.rows[:drop]) // the array outlives them
	r.rows = r.rows[drop:]
}

// after answers up to limit entries that follow seq. It answers false where some of them are gone already.
func (r *ring) after(seq int64, limit int) ([]*entry, bool) {
	if seq < r.first()-1 {
		return nil, false
	}
	from := int(min(seq, r.head()) + 1 - r.first())
	return slices.Clone(r.rows[from:min(from+limit, len(r.rows))]), true
}
