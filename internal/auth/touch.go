package auth

import (
	"sync"
	"time"
)

const (
	touchEvery = time.Minute
	// maxTouched: an entry is worth keeping for one touchEvery only; past this many the older ones are dropped.
	maxTouched = 1 << 14
)

// touches remembers when sessions and keys were last seen, so that the database hears of it at most once a minute while
// the idle limit stays exact. It holds no rights: losing it costs a minute of precision.
type touches struct {
	mu sync.Mutex
	at map[string]touch
}

type touch struct{ seen, written time.Time }

// last answers the later of what memory and the database know.
func (t *touches) last(id string, stored time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if seen := t.at[id].seen; seen.After(stored) {
		return seen
	}
	return stored
}

// mark notes a use and reports whether it is time to write it down; only one of many callers at once is told so.
func (t *touches) mark(id string, now, stored time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.at[id]
	if stored.After(e.written) {
		e.written = stored
	}
	write := now.Sub(e.written) >= touchEvery
	if write {
		e.written = now
	}
	e.seen = now
	if t.at == nil || len(t.at) >= maxTouched {
		t.sweep(now)
	}
	t.at[id] = e
	return write
}

func (t *touches) sweep(now time.Time) {
	kept := make(map[string]touch, len(t.at))
	for id, e := range t.at {
		if now.Sub(e.seen) < touchEvery {
			kept[id] = e
		}
	}
	t.at = kept
}

func (t *touches) forget(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.at, id)
}
