package moderation

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// asking is all that one request asks the model: the windows of its inputs, as many of them at a time as the model has
// slots. Whether they are the windows of one text or the texts of one array makes no difference.
type asking struct {
	l       *loaded
	judger  judger
	windows [][]window // by input
	now     func() time.Time
	done    func(input int, at time.Time) // is called after each of an input's windows, one call at a time
	stop    func()                        // ends the others

	mu       sync.Mutex
	next     question
	readings [][]reading // as windows
	failed   error       // the first that failed
}

// question is one window of one input.
type question struct{ input, window int }

// readTogether answers the readings of all windows, in their order. The first error ends the rest, and is the answer; a
// deadline of ctx covers all of them.
func (l *loaded) readTogether(ctx context.Context, lease *inference.Lease, windows [][]window, now func() time.Time, done func(input int, at time.Time)) ([][]reading, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	a := asking{l: l, judger: lease, windows: windows, now: now, done: done, stop: stop, readings: make([][]reading, len(windows))}
	all := 0
	for i, w := range windows {
		a.readings[i] = make([]reading, len(w))
		all += len(w)
	}
	var others sync.WaitGroup
	for range min(lease.Slots(), all) - 1 {
		others.Go(func() { a.work(ctx) })
	}
	a.work(ctx) // one text alone needs no goroutine
	others.Wait()
	return a.readings, a.failed
}

// work reads one window after the other until there is none, or one failed.
func (a *asking) work(ctx context.Context) {
	for {
		q, ok := a.take()
		if !ok {
			return
		}
		r, err := a.read(ctx, q)
		a.note(q, r, err)
	}
}

// take answers the next window, in the order of the request.
func (a *asking) take() (question, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.next.input < len(a.windows) && a.next.window == len(a.windows[a.next.input]) {
		a.next = question{input: a.next.input + 1}
	}
	if a.failed != nil || a.next.input == len(a.windows) {
		return question{}, false
	}
	q := a.next
	a.next.window++
	return q, true
}

// read turns a panic into an error: elsewhere than on the request's own goroutine it would end the server.
func (a *asking) read(ctx context.Context, q question) (r reading, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault.Wrap(fmt.Errorf("panic: %v\n%s", v, debug.Stack()), fault.Internal, "the model could not judge this")
		}
	}()
	return a.l.readOne(ctx, a.judger, a.windows[q.input][q.window])
}

func (a *asking) note(q question, r reading, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		if a.failed == nil { // what fails after it may have failed because of it
			a.failed = err
			a.stop()
		}
		return
	}
	r.ended = a.now()
	a.readings[q.input][q.window] = r
	a.done(q.input, r.ended)
}
