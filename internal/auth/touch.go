package auth

import (
	"net/netip"
	"sync"
	"time"
)

const (
	touchEvery = time.Minute
	// moveEvery is how often a new address is written within touchEvery: who alternates between two costs no more than
	// a write every few seconds.
	moveEvery = 5 * time.Second
	// maxTouched: an entry is worth keeping for one touchEvery only; past this many the older ones are dropped, and if none
	// is older, all are: each costs one write more, and up to a minute of the idle limit's precision, on the strict side.
	maxTouched = 1 << 14
)

// touches remembers when and from where sessions and keys were last seen, so that the database hears of it at most once a
// minute while the idle limit stays exact. It holds no rights: losing it costs a minute of precision.
type touches struct {
	mu sync.Mutex
	at map[string]touch
}

type touch struct {
	seen, written time.Time
	ip, writtenIP string
	addr          netip.Addr // ip, before it was written out
}

// use is one use of a session or key, with what the database knows of the one before.
type use struct {
	now, stored time.Time
	addr        netip.Addr
	storedIP    string
}

// last answers the later of what memory and the database know.
func (t *touches) last(id string, stored time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if seen := t.at[id].seen; seen.After(stored) {
		return seen
	}
	return stored
}

// lastIP answers the address of the last use.
func (t *touches) lastIP(id, stored string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.at[id]; ok {
		return e.ip
	}
	return stored
}

// mark notes a use and reports whether it is time to write it down; only one of many callers at once is told so.
func (t *touches) mark(id string, u use) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, known := t.at[id]
	if !known {
		e.ip, e.writtenIP = text(u.addr), u.storedIP
	} else if e.addr != u.addr {
		e.ip = text(u.addr)
	}
	e.addr = u.addr
	if u.stored.After(e.written) {
		e.written = u.stored
	}
	since := u.now.Sub(e.written)
	write := since >= touchEvery || (e.ip != e.writtenIP && (since >= moveEvery || !known))
	if write {
		e.written, e.writtenIP = u.now, e.ip
	}
	if u.now.After(e.seen) {
		e.seen = u.now
	}
	if t.at == nil || (!known && len(t.at) >= maxTouched) {
		t.sweep(u.now)
	}
	t.at[id] = e
	return write
}

// sweep drops what is older than touchEvery, or all.
func (t *touches) sweep(now time.Time) {
	kept := make(map[string]touch, len(t.at))
	for id, e := range t.at {
		if now.Sub(e.seen) < touchEvery {
			kept[id] = e
		}
	}
	if len(kept) >= maxTouched {
		clear(kept)
	}
	t.at = kept
}

func (t *touches) forget(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.at, id)
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
