package rehearsal

import (
	"context"
	"time"
)

// RunOut has the time of each look run out when it has asked for it so many times.
func (s *Service) RunOut(asked int) {
	s.within = func(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
		return &runsOut{ctx, asked}, func() {}
	}
}

type runsOut struct {
	context.Context
	left int
}

func (c *runsOut) Err() error {
	if c.left--; c.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}
