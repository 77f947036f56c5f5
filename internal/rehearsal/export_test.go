package rehearsal

import (
	"context"
	"sync/atomic"
	"time"
)

// RunOut has the time of each look run out when it has asked for it so many times.
func (s *Service) RunOut(asked int) {
	s.within = func(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
		c := &runsOut{Context: ctx}
		c.left.Store(int64(asked))
		return c, func() {}
	}
}

type runsOut struct {
	context.Context //nolint:containedctx // it is one
	left            atomic.Int64
}

func (c *runsOut) Err() error {
	if c.left.Add(-1) < 0 {
		return context.DeadlineExceeded
	}
	return nil
}
