package events

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// Sink is where a stream is written. Bound sets how long what is written next may take, from now: 0 is without end, and a
// negative time gives up at once, also on a Write under way. Write answers when the bytes have left.
type Sink interface {
	Bound(d time.Duration) error
	Write(p []byte) error
}

// frameBytes is about how much goes out in one write; entriesMax bounds what is looked at for it.
const (
	frameBytes = 32 << 10
	entriesMax = 64
	// silentAfter is how many rows may pass unseen before the reader's place is moved all the same: else a stream that has
	// nothing to show for a day could not resume. It says little about how much others do.
	silentAfter = Window / 2
)

// errSlow ends a stream whose reader fell out of the window, or took too long over a write; errLeft one whose reader is
// gone.
var (
	errSlow = errors.New("the reader is too slow")
	errLeft = errors.New("the reader has left")
)

// follower is one run of Follow. What Follow's two goroutines share is under mu.
type follower struct {
	*Subscription
	sink   Sink
	told   told
	lastID int64 // what the reader would resume with

	mu      sync.Mutex
	who     access.Principal
	ended   error // why the right to follow ended
	writing bool
	broken  bool          // a write failed: part of a frame may be out, and nothing may follow
	over    chan struct{} // closed with ended
}

// Follow writes the stream to sink until ctx ends, the hub stops, the principal's session, key or account ends, or the
// reader is too slow. Rights are asked for again every RecheckEvery, whatever the sink is doing, and before anything is
// sent that follows an act of administration.
func (s *Subscription) Follow(ctx context.Context, sink Sink) {
	f := &follower{Subscription: s, sink: sink, who: s.p, over: make(chan struct{})}
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { f.watch(ctx) })
	err := f.run(ctx)
	cancel()
	watch.Wait()
	f.finish(err)
}

// watch ends the stream when the right to follow has ended.
func (f *follower) watch(ctx context.Context) {
	fire, stop := f.h.o.Tick(RecheckEvery)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-fire:
			if f.recheck(ctx) != nil {
				return
			}
		}
	}
}

// recheck takes over the principal as it is now. It answers why there is none any more, and then a write under way is
// given up: a reader who takes his time gains none.
func (f *follower) recheck(ctx context.Context) error {
	fresh, err := f.h.d.Recheck(ctx, f.p)
	if err == nil && !f.h.d.Guard.Can(fresh, access.SessionOwn) {
		err = fault.New(fault.Forbidden, "Your role or key does not allow this.")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.ended != nil:
	case err != nil && ctx.Err() != nil: // the stream is over anyway
		return ctx.Err()
	case err != nil:
		f.ended = err
		close(f.over)
		if f.writing {
			return errors.Join(err, f.sink.Bound(-1))
		}
	default:
		f.who = fresh
	}
	return f.ended
}

func (f *follower) principal() access.Principal {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.who
}

func (f *follower) run(ctx context.Context) error {
	alive, stop := f.h.o.Tick(KeepAlive)
	defer stop()
	if err := f.open(); err != nil {
		return err
	}
	for {
		more, err := f.deliver(ctx)
		if err != nil {
			return err
		}
		if more {
			poke(f.wake)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-f.h.stopped:
			return nil
		case <-f.over:
			return f.reason()
		case <-alive:
			err = f.send(keepAliveLine())
		case <-f.wake:
		}
		if err != nil {
			return err
		}
	}
}

func (f *follower) reason() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended
}

// open says how to come back, whether rows were missed, and the states; the first event carries the place from which the
// stream goes on.
func (f *follower) open() error {
	out := retryLine()
	if f.reset {
		out = appendFrame(out, Event{ID: f.pos, Type: TypeReset, Data: resetData(f.pos)})
	}
	news, err := f.told.news(f.h, f.principal())
	if err != nil {
		return err
	}
	for i, e := range news {
		if i == 0 {
			e.ID = f.pos
		}
		out = appendFrame(out, e)
	}
	f.lastID = f.pos
	return f.send(out)
}

// deliver sends what is new, at most about frameBytes, and answers whether there may be more.
func (f *follower) deliver(ctx context.Context) (more bool, err error) {
	list, held := f.pending(entriesMax)
	if !held {
		return false, errSlow
	}
	for _, e := range list {
		if e.rights {
			if err := f.recheck(ctx); err != nil {
				return false, err
			}
			break
		}
	}
	p := f.principal()
	news, err := f.told.news(f.h, p)
	if err != nil {
		return false, err
	}
	var out []byte
	for _, e := range news {
		out = appendFrame(out, e)
	}
	v := f.h.view(ctx, p)
	pos, last := f.pos, f.lastID
	for _, e := range list {
		if len(out) >= frameBytes {
			break
		}
		for _, ev := range v.of(e) {
			out, last = appendFrame(out, ev), max(last, ev.ID)
		}
		pos = e.seq
	}
	if pos-last >= silentAfter {
		out, last = appendPlace(out, pos), pos
	}
	if err := f.send(out); err != nil {
		return false, err
	}
	f.pos, f.lastID = pos, last
	return len(list) == entriesMax || (len(list) > 0 && pos < list[len(list)-1].seq), nil
}

// send writes within WriteWithin. Between writes there is no bound: a stream may be silent for long.
func (f *follower) send(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	f.mu.Lock()
	if f.ended != nil {
		defer f.mu.Unlock()
		return f.ended
	}
	began := f.h.o.Now()
	err := f.sink.Bound(WriteWithin)
	f.writing = true
	f.mu.Unlock()
	if err == nil {
		err = f.sink.Write(b)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writing, f.broken = false, err != nil
	switch {
	case f.ended != nil:
		return f.ended
	case err == nil:
		return f.sink.Bound(0)
	case errors.Is(err, os.ErrDeadlineExceeded) || f.h.o.Now().Sub(began) >= WriteWithin:
		return errors.Join(errSlow, err) // over HTTP/2 a late write fails as if the reader had left
	}
	return errors.Join(errLeft, err)
}

// finish tells a reader whose session ended that it did, and logs why a stream was dropped.
func (f *follower) finish(err error) {
	switch {
	case err == nil || errors.Is(err, errLeft):
	case errors.Is(err, errSlow):
		f.h.dropped.Add(1)
		f.log(slog.LevelWarn, err)
	case fault.CodeOf(err) == fault.Unauthenticated:
		f.farewell()
	case fault.CodeOf(err) != fault.Forbidden:
		f.log(slog.LevelError, err)
	}
}

// farewell is the last event. A reader that is gone, or whose write was given up, does not get it.
func (f *follower) farewell() {
	if f.broken {
		return
	}
	last := appendFrame(nil, Event{Type: TypeSession, Data: []byte(`{"ended":true}`)})
	err := f.sink.Bound(WriteWithin)
	if err == nil {
		err = f.sink.Write(last)
	}
	if err != nil {
		f.log(slog.LevelDebug, err) // its last event was not heard
	}
}

func (f *follower) log(level slog.Level, err error) {
	f.h.o.Log.LogAttrs(context.Background(), level, "event stream ended", slog.String("request_id", f.p.Origin.RequestID),
		slog.Int64("rows_behind", f.behind()), slog.String("err", err.Error()))
}
