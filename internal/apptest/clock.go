package apptest

import (
	"sync"
	"time"
)

// Clock is turned by a test. All methods may be called from any goroutine.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock answers a clock that stands at a moment.
func NewClock(at time.Time) *Clock { return &Clock{at: at} }

// Now answers where the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Advance moves the clock on, or back.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Set puts the clock to a moment.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}
