package app

import (
	"context"
	"time"

	"guardhouse/internal/verify"
)

// When the server walks the chain by itself: once a start is over, and then daily.
const (
	walkFirst = 10 * time.Minute
	walkEvery = 24 * time.Hour
)

// walkChain walks the whole chain again and again until ctx ends. It only reads; what it finds is the log's last verification,
// which alerts and the overview tell of.
func (a *App) walkChain(ctx context.Context, first, every time.Duration) {
	// The machine's clock: it only says when to look.
	next := time.NewTimer(first)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		if _, err := verify.Database(ctx, a.Audit, a.reachable(ctx)); err != nil && ctx.Err() == nil {
			a.log.Error("walking the audit chain", "err", err)
		}
		next.Reset(every)
	}
}
