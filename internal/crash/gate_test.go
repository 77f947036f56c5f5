package crash

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Any number together or one alone, whatever comes and goes.
func TestGate(t *testing.T) {
	g := newGate()
	var together, alone, times, lonely atomic.Int32
	var work sync.WaitGroup
	for who := range 8 {
		work.Go(func() {
			chance := rand.New(rand.NewPCG(1, uint64(who)))
			for range 500 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(chance.IntN(300))*time.Microsecond)
				if chance.IntN(8) > 0 {
					if g.enter(ctx) == nil {
						together.Add(1)
						times.Add(1)
						if alone.Load() != 0 {
							t.Error("somebody is alone")
						}
						together.Add(-1)
						g.leave()
					}
				} else if g.queue(ctx) == nil {
					if g.enterAlone(ctx) == nil {
						if alone.Add(1) != 1 || together.Load() != 0 {
							t.Error("not alone")
						}
						lonely.Add(1)
						alone.Add(-1)
						g.leaveAlone()
					}
					g.pass()
				}
				cancel()
			}
		})
	}
	work.Wait()
	require.Positive(t, times.Load())
	require.Positive(t, lonely.Load())
	require.NoError(t, g.enter(t.Context()), "nobody is left inside")
	g.leave()
	require.NoError(t, g.queue(t.Context()))
	require.NoError(t, g.enterAlone(t.Context()))
}

// Whoever waited while one was alone goes before the next one that has to be.
func TestNeitherKeepsTheOtherOut(t *testing.T) {
	g := newGate()
	require.NoError(t, g.queue(t.Context()))
	require.NoError(t, g.enterAlone(t.Context()))
	in := make(chan error, 1)
	go func() { in <- g.enter(context.Background()) }()
	require.Eventually(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.waiting) == 1
	}, time.Minute, time.Millisecond)
	g.leaveAlone()
	g.pass()
	require.NoError(t, g.queue(t.Context()))
	next := make(chan error, 1)
	go func() { next <- g.enterAlone(context.Background()) }()
	require.NoError(t, <-in)
	select {
	case err := <-next:
		require.NoError(t, err)
		require.Fail(t, "it is not alone")
	default:
	}
	g.leave()
	require.NoError(t, <-next)
}
