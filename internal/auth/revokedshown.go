package auth

import (
	"slices"
	"sync"
	"time"
)

const (
	// shownFor is how long a revoked key that was shown is told of, mostShown how many of them.
	shownFor  = time.Hour
	mostShown = 64
)

// revokedShown remembers keys that were shown with their right secret although they are revoked: somebody has a copy of what was
// thought to be gone. In memory alone: whoever tells of them keeps what was told.
type revokedShown struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (r *revokedShown) add(id string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = map[string]time.Time{}
	}
	if _, known := r.at[id]; known || len(r.at) < mostShown {
		r.at[id] = now
	}
}

// RevokedShown answers the ids of revoked keys whose secret somebody has shown within the last hour, in their order.
func (s *Service) RevokedShown() []string {
	s.revokedShown.mu.Lock()
	defer s.revokedShown.mu.Unlock()
	now := s.clock()
	ids := []string{}
	for id, at := range s.revokedShown.at {
		if now.Sub(at) >= shownFor || now.Before(at) {
			delete(s.revokedShown.at, id)
			continue
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
