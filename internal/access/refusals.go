package access

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// freeRefusals is how many refusals a minute one address gets rows of its own for (threat U2).
const freeRefusals = 20

// freeOfAll is how many of these rows there are a minute for all addresses together: whoever holds a network of many
// addresses fills the disk no faster than this, about 2 MB a minute.
const freeOfAll = 2000

// maxAddresses bounds what is counted at once; beyond it all further addresses share one count.
const maxAddresses = 4096

// others is the name of that count.
const others = "others"

// diskReserve is the share of the disk that is kept for the rows of signed-in principals: below it, refusals of strangers
// are only counted, and their rows wait (threat U2).
const diskReserve = 0.05

// watchDisk looks at the free space; where it cannot be asked, nothing is held back.
func (g *Guard) watchDisk() {
	share, err := g.freeShare()
	low := err == nil && share < diskReserve
	if g.lowDisk.Swap(low) != low {
		g.log.Warn("free disk space crossed the reserve for signed-in principals", "low", low)
	}
}

// refusals sums what strangers beyond freeRefusals were refused: one row per address and minute instead of one each, so that
// nobody can fill the disk without an account.
type refusals struct {
	mu      sync.Mutex
	minute  int64
	own     int // rows of their own in this minute
	current map[string]*refused
	past    []*refused
}

type refused struct {
	first  audit.Entry
	minute time.Time
	seen   int
	extra  int
}

// summed counts the refusal of the address that key names, and says whether it will stand in a summed row instead of one of
// its own.
func (r *refusals) summed(now time.Time, key string, e audit.Entry, lowDisk bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	c := r.current[key]
	if c == nil && len(r.current) >= maxAddresses {
		key, e.IP = others, "" // their sum is nobody's
		c = r.current[key]
	}
	if c == nil {
		c = &refused{minute: now.Truncate(time.Minute)}
		r.current[key] = c
	}
	c.seen++
	if c.seen <= freeRefusals && r.own < freeOfAll && !lowDisk {
		r.own++
		return false
	}
	if c.extra == 0 {
		c.first = e
	}
	c.extra++
	return true
}

// turn starts a new minute.
func (r *refusals) turn(now time.Time) {
	minute := now.Unix() / 60
	if r.current != nil && minute == r.minute {
		return
	}
	r.end()
	r.minute, r.own = minute, 0
}

// end moves what was counted to the past.
func (r *refusals) end() {
	for _, c := range r.current {
		switch {
		case c.extra == 0:
		case len(r.past) < maxAddresses:
			r.past = append(r.past, c)
		default: // the database has refused rows for a while: the count is kept, its address is not
			last := r.past[len(r.past)-1]
			last.extra += c.extra
			last.first.IP = ""
		}
	}
	r.current = map[string]*refused{}
}

// span says which sums flush writes.
type span int

const (
	pastMinutes span = iota
	everything       // the guard stops: the running minute too
)

func (r *refusals) take(now time.Time, s span) []*refused {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	if s == everything {
		r.end()
	}
	past := r.past
	r.past = nil
	return past
}

func (r *refusals) putBack(list []*refused) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.past = append(r.past, list...)
}

// sumsAtOnce is how many of these rows one transaction takes: one each would be as many flushes of the disk, and all in one
// would keep every other writer waiting.
const sumsAtOnce = 64

// writeSums writes what past minutes came to until ctx ends, and then the rest. It has a goroutine to itself, because strangers
// can make thousands of these rows a minute, and no change of the policy is to wait for them.
func (g *Guard) writeSums(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			g.refusals.flush(g, everything)
			return
		case <-tick.C:
			g.writePast()
		}
	}
}

// writePast looks at the disk and writes what past minutes came to, where there is room.
func (g *Guard) writePast() {
	g.watchDisk()
	if !g.lowDisk.Load() {
		g.refusals.flush(g, pastMinutes)
	}
}

// flush writes one row for each address and minute that went over. What cannot be written now is kept for the next time.
func (r *refusals) flush(g *Guard, s span) {
	list := r.take(g.now(), s)
	for len(list) > 0 {
		part := list[:min(len(list), sumsAtOnce)]
		err := g.db.Write(func(tx *db.Tx) error {
			for _, c := range part {
				if _, err := g.audit.Append(tx, c.row()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			g.log.Error("appending the rows of summed refusals", "err", err)
			r.putBack(list)
			return
		}
		list = list[len(part):]
	}
}

// row is what is written of the sum.
func (c *refused) row() audit.Entry {
	e := c.first
	e.ID, e.Content, e.RequestID, e.UserAgent, e.Duration = "", nil, "", "", 0
	e.Reason = "summed"
	e.Details = map[string]any{"refusals": c.extra, "minute": c.minute.UTC().Format(time.RFC3339)}
	return e
}

// network is the part of an address that one holder has to himself: a whole IPv4 address, the /64 of an IPv6 one.
func network(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	if a = a.Unmap(); a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return ""
	}
	return p.String()
}
