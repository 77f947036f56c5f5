package events

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// FromNow is the place of a stream that resumes nothing.
const FromNow int64 = -1

// Subscription is one stream's place. Follow runs it, once; Close gives its place back.
type Subscription struct {
	h      *Hub
	p      access.Principal
	person string
	wake   chan struct{}
	pos    int64 // the last row that was dealt with
	reset  bool  // rows in between are gone
}

// Subscribe answers a stream for p that goes on after a row's number, or begins now. It is RateLimited beyond
// MaxPerPerson streams of one person, Busy beyond MaxStreams and once the hub has stopped, and Forbidden without
// session.own.
func (h *Hub) Subscribe(ctx context.Context, p access.Principal, after int64) (*Subscription, error) {
	if !h.d.Guard.Can(p, access.SessionOwn) {
		return nil, fault.New(fault.Forbidden, "Your role or key does not allow this.")
	}
	s := &Subscription{h: h, p: p, person: personOf(p), wake: make(chan struct{}, 1)}
	if err := h.enlist(s); err != nil {
		return nil, err
	}
	if err := h.catchUp(ctx); err != nil {
		s.Close()
		return nil, err
	}
	h.look(ctx)
	s.place(after)
	return s, nil
}

// personOf says whose places are counted: a person's sessions and keys share theirs.
func personOf(p access.Principal) string {
	if p.UserID != "" {
		return p.UserID
	}
	return p.Kind + ":" + p.Name
}

// later is when a refused stream may be asked for again.
const later = 5 * time.Second

func (h *Hub) enlist(s *Subscription) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closing:
		return fault.New(fault.Busy, "The server is stopping.").WithRetry(later)
	case h.people[s.person] >= MaxPerPerson:
		return fault.Newf(fault.RateLimited, "You have %d event streams open already.", MaxPerPerson).WithRetry(later)
	case len(h.streams) >= MaxStreams:
		return fault.New(fault.Busy, "Too many event streams are open.").WithRetry(later)
	}
	h.streams[s] = struct{}{}
	h.people[s.person]++
	return nil
}

// Close gives the place back. It may be called more than once.
func (s *Subscription) Close() {
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	if _, open := s.h.streams[s]; !open {
		return
	}
	delete(s.h.streams, s)
	if s.h.people[s.person]--; s.h.people[s.person] <= 0 {
		delete(s.h.people, s.person)
	}
	s.h.idle = s.h.o.Now()
}

// place finds where the stream begins. A number that the log has not reached is of another log (a restored one).
func (s *Subscription) place(after int64) {
	s.h.mu.RLock()
	defer s.h.mu.RUnlock()
	r := &s.h.ring
	s.pos = after
	if after == FromNow {
		s.pos = r.head()
	} else if after < r.first()-1 || after > r.head() {
		s.pos, s.reset = r.head(), true
	}
}

// pending answers the next entries; false when the hub has gone past them.
func (s *Subscription) pending(limit int) ([]*entry, bool) {
	s.h.mu.RLock()
	defer s.h.mu.RUnlock()
	return s.h.ring.after(s.pos, limit)
}

// behind answers how many rows the stream has not been sent.
func (s *Subscription) behind() int64 { return s.h.Position() - s.pos }
