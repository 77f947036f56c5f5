package rehearsal

import (
	"context"
	"sync"
	"sync/atomic"

	"guardhouse/internal/fault"
)

// AtOnce is how many looks over the log or over very many rules a server takes at a time: a small machine has two cores, and
// the read pool eight connections that others need too.
const AtOnce = 2

// maxWaiting is how many wait for their turn, each with what it was asked in memory.
const maxWaiting = 32

// Turns has few at a time do what takes seconds, whoever asks. All methods may be called from any goroutine.
type Turns struct {
	places  chan struct{}
	waiting atomic.Int64
}

// NewTurns answers turns that n take at a time.
func NewTurns(n int) *Turns { return &Turns{places: make(chan struct{}, n)} }

// Take waits for a turn and answers what ends it, which may be called more than once. It refuses where very many wait already
// (Busy), and ends with ctx (Canceled, Timeout).
func (t *Turns) Take(ctx context.Context) (done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	end := sync.OnceFunc(func() { <-t.places })
	select {
	case t.places <- struct{}{}:
		return end, nil
	default:
	}
	defer t.waiting.Add(-1)
	if t.waiting.Add(1) > maxWaiting {
		return nil, fault.New(fault.Busy, "The server looks the log over for others. Try again soon.").WithRetry(retryAfter)
	}
	select {
	case t.places <- struct{}{}:
		return end, nil
	case <-ctx.Done():
		return nil, fault.From(ctx.Err())
	}
}
