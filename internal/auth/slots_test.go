package auth

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

func waitingIs(t *testing.T, s *slots, n int) {
	t.Helper()
	require.Eventually(t, func() bool { _, waiting := s.load(); return waiting == n }, 10*time.Second, time.Millisecond)
}

// hold fills the slots until the answered function is called.
func hold(t *testing.T, s *slots) (free func()) {
	t.Helper()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range s.size {
		held := make(chan struct{})
		wg.Go(func() {
			if err := s.do(context.Background(), func() { close(held); <-stop }); err != nil {
				t.Error(err)
			}
		})
		<-held
	}
	return func() { close(stop); wg.Wait() }
}

func TestSlotsBoundTheHashesAtOnce(t *testing.T) {
	s := newSlots(2)
	var running, most, done atomic.Int32
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			err := s.doFor(context.Background(), place{address: fmt.Sprint(i % 7), known: i%3 == 0}, func() {
				n := running.Add(1)
				for {
					m := most.Load()
					if n <= m || most.CompareAndSwap(m, n) {
						break
					}
				}
				for range 1000 {
					done.Load() // long enough to overlap
				}
				running.Add(-1)
			})
			if err == nil {
				done.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 100, done.Load())
	require.LessOrEqual(t, most.Load(), int32(2))
	running2, waiting := s.load()
	require.Zero(t, running2+waiting)
}

// threat A7: on a machine that is slower than the queue was made for, nobody hangs on it for ever.
func TestNobodyWaitsLongerThanHeIsToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		free := hold(t, s)
		start := time.Now()
		err := s.doFor(context.Background(), place{address: "192.0.2.1"}, func() { t.Error("ran without a slot") })
		requireCode(t, fault.Busy, err)
		require.NotZero(t, fault.From(err).RetryAfter)
		require.Equal(t, longestWait, time.Since(start))
		_, waiting := s.load()
		require.Zero(t, waiting, "his place is free again")
		free()
	})
}

// threat A7
func TestSlotsQueueIsBoundedAndLeavesWithItsCaller(t *testing.T) {
	s := newSlots(1)
	free := hold(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	errs := make(chan error, maxWaiting)
	wait := func(n int, at place) {
		for range n {
			wg.Go(func() { errs <- s.doFor(ctx, at, func() { t.Error("ran without a slot") }) })
		}
	}
	refused := func(at place) {
		t.Helper()
		err := s.doFor(context.Background(), at, func() { t.Error("ran beyond the queue") })
		requireCode(t, fault.Busy, err)
		require.Positive(t, fault.From(err).RetryAfter)
	}
	wait(maxOfAddress, place{address: "flood"})
	waitingIs(t, s, maxOfAddress)
	refused(place{address: "flood"})

	wait(maxStrangers-maxOfAddress, place{address: "another"})
	waitingIs(t, s, maxStrangers)
	refused(place{address: "another"})

	// Strangers never take the places of those who are known.
	wait(maxWaiting-maxStrangers, place{address: "flood", known: true})
	waitingIs(t, s, maxWaiting)
	refused(place{address: "flood", known: true})

	cancel()
	for range maxWaiting {
		requireCode(t, fault.Canceled, <-errs)
	}
	wg.Wait()
	free()
	require.NoError(t, s.do(context.Background(), func() {}))
	running, waiting := s.load()
	require.Zero(t, running+waiting)
	require.Empty(t, s.known.tickets)
	require.Empty(t, s.stranger.tickets)
	require.Empty(t, s.stranger.turns)
}

// threat A7: addresses that hold all places make room for those that hold none, until each has one.
func TestSlotsMakeRoomForNewAddresses(t *testing.T) {
	s := newSlots(1)
	free := hold(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	errs := make(chan error, 3*maxStrangers)
	join := func(n int, at place) {
		for range n {
			wg.Go(func() { errs <- s.doFor(ctx, at, func() { t.Error("ran without a slot") }) })
		}
	}
	join(maxOfAddress, place{address: "flood"})
	waitingIs(t, s, maxOfAddress)
	join(maxStrangers-maxOfAddress, place{address: "flood 2"})
	waitingIs(t, s, maxStrangers)
	for i := range maxStrangers - 2 {
		join(1, place{address: fmt.Sprint(i)})
		requireCode(t, fault.Busy, <-errs) // one of a flood
	}
	waitingIs(t, s, maxStrangers)
	require.Equal(t, 1, s.stranger.of("flood"))
	require.Equal(t, 1, s.stranger.of("flood 2"))
	requireCode(t, fault.Busy, s.doFor(ctx, place{address: "one too many"}, func() { t.Error("ran without a slot") }))
	cancel()
	for range maxStrangers {
		requireCode(t, fault.Canceled, <-errs)
	}
	wg.Wait()
	free()
	running, waiting := s.load()
	require.Zero(t, running+waiting)
}

// threat A7: whoever comes after 300 of one address waits for one of them, not for all; whoever is known waits for none.
func TestSlotsServeAddressesInTurnAndKnownCallersFirst(t *testing.T) {
	s := newSlots(1)
	free := hold(t, s)
	var mu sync.Mutex
	var order []string
	var wg sync.WaitGroup
	n := 0
	join := func(name string, at place) {
		wg.Go(func() {
			err := s.doFor(context.Background(), at, func() {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, name)
			})
			if err != nil {
				t.Error(err)
			}
		})
		n++
		waitingIs(t, s, n)
	}
	for range 20 {
		join("flood", place{address: "10.0.0.1"})
	}
	join("visitor", place{address: "10.0.0.2"})
	join("admin", place{address: "10.0.0.1", known: true})
	free()
	wg.Wait()
	require.Equal(t, "admin", order[0])
	require.LessOrEqual(t, slices.Index(order, "visitor"), 2)
	require.Len(t, order, 22)
}

func TestSlotsLetStrangersInBetweenManyKnown(t *testing.T) {
	s := newSlots(1)
	free := hold(t, s)
	var mu sync.Mutex
	var order []bool
	var wg sync.WaitGroup
	for i := range 3 * knownInARow {
		known := i > 0
		wg.Go(func() {
			err := s.doFor(context.Background(), place{address: fmt.Sprint(i), known: known}, func() {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, known)
			})
			if err != nil {
				t.Error(err)
			}
		})
		waitingIs(t, s, i+1)
	}
	free()
	wg.Wait()
	require.Equal(t, knownInARow, slices.Index(order, false))
}

func TestSlotsRunNothingForACallerWhoLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	requireCode(t, fault.Canceled, newSlots(1).do(ctx, func() { t.Error("ran") }))
}

// A slot that is given at the moment its caller leaves goes on to the next.
func TestSlotsAreNeverLost(t *testing.T) {
	s := newSlots(2)
	var wg sync.WaitGroup
	for i := range 2000 {
		ctx, cancel := context.WithCancel(context.Background())
		wg.Go(func() { _ = s.doFor(ctx, place{address: fmt.Sprint(i % 5)}, func() {}) }) // refused or run: either way it must give back
		wg.Go(cancel)
	}
	wg.Wait()
	running, waiting := s.load()
	require.Zero(t, running+waiting)
}

func TestSlotIsGivenBackByAPanic(t *testing.T) {
	s := newSlots(1)
	require.Panics(t, func() { _ = s.do(context.Background(), nil) })
	require.NoError(t, s.do(context.Background(), func() {}))
}
