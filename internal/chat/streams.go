package chat

import (
	"sync"
	"time"

	"guardhouse/internal/fault"
)

const (
	// maxStreams is how many streams an account has at a time, sessions and keys together (threat K2).
	maxStreams = 8
	// streamRetry is when who has so many comes again.
	streamRetry = 5 * time.Second
)

// streams counts the streams of each account. Its zero value has none.
type streams struct {
	mu sync.Mutex
	of map[string]int
}

// take answers what gives the stream back, once. It refuses an account that has as many as it may with fault.RateLimited.
func (s *streams) take(account string) (done func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[account] >= maxStreams {
		return nil, fault.Newf(fault.RateLimited, "%d of your streams are being written already.", maxStreams).WithRetry(streamRetry)
	}
	if s.of == nil {
		s.of = map[string]int{}
	}
	s.of[account]++
	return func() { s.give(account) }, nil
}

func (s *streams) give(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[account]--; s.of[account] == 0 {
		delete(s.of, account)
	}
}
