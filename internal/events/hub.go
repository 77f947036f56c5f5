package events

import (
	"context"
	"time"
)

// Run reads the log for the streams until ctx ends; then every stream ends, and no new one is let in. It is to be called
// once.
func (h *Hub) Run(ctx context.Context) {
	defer h.stop()
	poll, stopPoll := h.o.Tick(pollEvery)
	defer stopPoll()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.d.Log.Appended():
		case <-h.again:
		case <-poll:
			h.cool()
		}
		if !h.awake() {
			continue
		}
		h.said(ctx, h.catchUp(ctx))
		h.look(ctx)
		if !wait(ctx, pace) {
			return
		}
	}
}

// said logs that the log can't be followed once, until it can again: it is tried several times a second.
func (h *Hub) said(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && !h.failing {
		h.o.Log.Error("following the audit log", "err", err)
	}
	h.failing = err != nil
}

// wait lets commits gather and answers false when ctx ended. Its clock is the machine's: it delays, and decides nothing.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (h *Hub) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closing {
		h.closing = true
		close(h.stopped)
	}
}

func (h *Hub) awake() bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return !h.cold
}

// cool forgets everything once nobody has followed for a while: a server without pages open reads nothing.
func (h *Hub) cool() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) == 0 && !h.cold && h.o.Now().Sub(h.idle) >= coolAfter {
		h.cold, h.ring = true, ring{}
	}
}

// catchUp reads what was committed since, at most so much that readers get a turn too. A hub that wakes up starts with
// the last Window rows: from there anybody can resume.
func (h *Hub) catchUp(ctx context.Context) error {
	h.reading.Lock()
	defer h.reading.Unlock()
	rounds := roundsMax
	if !h.awake() {
		head, _, _, err := h.d.Log.Head(ctx)
		if err != nil {
			return err
		}
		h.mu.Lock()
		h.ring.start(max(0, head-Window))
		h.cold, h.idle = false, h.o.Now()
		h.mu.Unlock()
		rounds += Window / batchRows
	}
	for range rounds {
		more, err := h.readOn(ctx)
		if err != nil || !more {
			return err
		}
	}
	poke(h.again)
	return nil
}

// readOn takes in one batch and answers whether there may be more.
func (h *Hub) readOn(ctx context.Context) (more bool, err error) {
	at := h.Position()
	rows, err := h.d.Log.After(ctx, at, batchRows)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	more = len(rows) == batchRows
	verdicts, complete, err := h.d.History.Tail(ctx, at, rows[len(rows)-1].Seq)
	if err != nil {
		return false, err
	}
	for len(rows) > 0 && rows[len(rows)-1].Seq > complete {
		rows, more = rows[:len(rows)-1], true
	}
	list, err := h.entries(rows, verdicts)
	if err != nil {
		return false, err
	}
	if err := h.renew(ctx, list); err != nil {
		return false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ring.push(list)
	h.wakeAll()
	return more, nil
}

// renew has the gate read its policy where a row may have changed it, before anybody is shown that row or a later one: what
// another process committed is in force here then too.
func (h *Hub) renew(ctx context.Context, list []*entry) error {
	for _, e := range list {
		if e.policy {
			return h.d.Guard.Reload(ctx)
		}
	}
	return nil
}

// Position answers the newest row that was read.
func (h *Hub) Position() int64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.ring.head()
}

// wakeAll tells every stream to look; h.mu is held. It waits for none.
func (h *Hub) wakeAll() {
	for s := range h.streams {
		poke(s.wake)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
