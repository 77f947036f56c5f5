package audit

import (
	"context"
	"time"
)

// indexEvery is how often the log is asked for more.
const indexEvery = time.Second

// Of a failure that lasts, so many attempts stay untold after the first, then twice as many, up to an hour.
const (
	untoldFirst = 60
	untoldMost  = 3600
)

// KeepIndex takes rows into the index of words and the sums until ctx ends: many at once while the log grows, all when it rests.
// failed is told of what went wrong when it begins, when it becomes something else, and then less and less often; the rows wait
// until the next time.
func (l *Log) KeepIndex(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(indexEvery)
	defer tick.Stop()
	l.keepIndex(ctx, tick.C, failed)
}

func (l *Log) keepIndex(ctx context.Context, ticks <-chan time.Time, failed func(error)) {
	var before int64
	var told telling
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		head, _, _, err := l.Head(ctx)
		if err == nil {
			err = l.indexSome(ctx, head, head == before)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.stats.indexFailures.Add(1)
		}
		if told.due(err) {
			failed(err)
		}
		before = head
	}
}

// telling is what was told of a failure.
type telling struct {
	what      string // "" while nothing fails
	left, gap int    // attempts that stay untold, and how many there were
}

// due says whether this attempt's error is to be told.
func (t *telling) due(err error) bool {
	switch {
	case err == nil:
		*t = telling{}
		return false
	case t.what != err.Error():
		*t = telling{err.Error(), untoldFirst, untoldFirst}
		return true
	}
	if t.left--; t.left > 0 {
		return false
	}
	t.gap = min(2*t.gap, untoldMost)
	t.left = t.gap
	return true
}
