package auth

import (
	"context"
	"time"

	"guardhouse/internal/fault"
)

// maxWaiting bounds the sign-ins that wait for a slot: at a tenth of a second a hash and two slots, the last of them
// waits under half a minute, which is what the server's read limit allows a client anyway.
const maxWaiting = 512

const busyRetry = 2 * time.Second

// slots lets at most n password hashes run at once (each takes 64 MiB) and lets a bounded number wait in turn.
type slots struct{ running, present chan struct{} }

func newSlots(n int) *slots {
	return &slots{running: make(chan struct{}, n), present: make(chan struct{}, n+maxWaiting)}
}

// do runs f in a slot. It refuses with Busy when the queue is full, and answers ctx's error if that ends first.
func (s *slots) do(ctx context.Context, f func()) error {
	select {
	case s.present <- struct{}{}:
	default:
		return fault.New(fault.Busy, "Too many people are signing in. Try again in a moment.").WithRetry(busyRetry)
	}
	defer func() { <-s.present }()
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	select {
	case s.running <- struct{}{}:
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
	defer func() { <-s.running }()
	f()
	return nil
}
