package bench

import (
	"context"
	"errors"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// sample is one text of a round.
type sample struct {
	text   uint64
	at     time.Duration // after the round's begin: when its request began, or should have begun
	took   time.Duration // from then to the answer, refusals and waits between them included
	model  float32       // milliseconds
	queue  float32
	prompt int32
	answer int32
	label  label
	cached bool
	timed  bool
}

// load is one round that is running. Its clients take text after text from one counter.
type load struct {
	session *session
	began   time.Time
	first   uint64
	taken   atomic.Int64
	until   time.Duration
	most    int64   // texts; 0 = no bound
	rate    float64 // 0 = closed loop
	texts   func(uint64) string
}

// worker is one client of a round and what it saw.
type worker struct {
	client     *client
	samples    []sample
	unsent     []time.Duration // how long texts had waited that were due and not begun when the round ended
	errors     map[string]int
	unfinished int
	spare      []byte
}

// run lets the workers work until the round is over, each in a goroutine of its own, and answers how long it took: to the last
// answer where all texts that were to be sent have one, and never less than the round's length where that was given.
func (l *load) run(ctx context.Context, workers []*worker) time.Duration {
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(func() { // connections stand before the clock runs; one that does not shows as an error of its first request
			_ = w.client.connect()
		})
	}
	all.Wait()
	l.began = time.Now()
	for _, w := range workers {
		all.Go(func() { l.work(ctx, w) })
	}
	all.Wait()
	over, complete := time.Since(l.began), true
	var last time.Duration
	for _, w := range workers {
		w.client.close()
		complete = complete && len(w.errors) == 0 && ctx.Err() == nil
		if n := len(w.samples); n > 0 {
			last = max(last, w.samples[n-1].at+w.samples[n-1].took)
		}
	}
	if l.most > 0 && l.rate == 0 && complete {
		return last
	}
	// Clients that waited for nothing until the end waited all the same: without them, a server that stops answering would look fast.
	return max(last, min(l.until, over))
}

// work sends text after text until the round is over.
func (l *load) work(ctx context.Context, w *worker) {
	pause, failures := pauseShortest, 0
	for ctx.Err() == nil {
		if l.most > 0 && failures >= mostFailures {
			return // the bound in time is far away where texts are counted
		}
		i := l.taken.Add(1) - 1
		if l.most > 0 && i >= l.most {
			return
		}
		at := time.Since(l.began)
		if l.rate > 0 {
			due := time.Duration(float64(i) / l.rate * float64(time.Second))
			if due >= l.until {
				return
			}
			if at >= l.until {
				w.unsent = append(w.unsent, at-due)
				continue
			}
			if at < due && wait(ctx, due-at) != nil {
				return
			}
			at = due // a text that waited for a client waited for the server
		} else if at >= l.until {
			return
		}
		if l.ask(ctx, w, l.first+uint64(i), at) {
			pause, failures = pauseShortest, 0
			continue
		}
		if wait(ctx, min(pause, max(0, l.until-time.Since(l.began)))) != nil {
			return
		}
		pause = min(2*pause, pauseLongest)
		failures++
	}
}

// How long a client rests after a failure, so that a dead server does not make it spin.
const (
	pauseShortest = 5 * time.Millisecond
	pauseLongest  = time.Second
	mostFailures  = 10 // in a row, of a client that has a number of texts to send
)

// ask sends one text until it has a verdict or the round is over, and answers whether it has one. It comes back
// when a refusal says, and no sooner.
func (l *load) ask(ctx context.Context, w *worker, number uint64, at time.Duration) bool {
	text := l.texts(number)
	for try := 0; ; try++ {
		a, err := w.client.judge(text, &w.spare)
		if try == 0 && l.rate == 0 {
			at = a.sent.Sub(l.began)
		}
		switch {
		case ctx.Err() != nil:
			return false
		case err != nil:
			w.errors[kindOf(err)]++
			return false
		case a.status == 200:
			w.samples = append(w.samples, sample{
				text: number, at: at, took: a.done.Sub(l.began) - at, label: a.label, cached: a.cached, timed: a.timed,
				model: float32(a.modelMS), queue: float32(a.queueMS), prompt: int32(a.prompt), answer: int32(a.answer),
			})
			return true
		}
		w.errors[strconv.Itoa(a.status)]++
		if !a.refused {
			return false
		}
		if time.Since(l.began)+a.retryAfter >= l.until {
			w.unfinished++
			_ = wait(ctx, l.until-time.Since(l.began)) // to the end of the round, which an early end ends too
			return false
		}
		if wait(ctx, a.retryAfter) != nil {
			return false
		}
	}
}

// kindOf names a failure for the table.
func kindOf(err error) string {
	var unusable *unusableError
	switch {
	case errors.As(err, &unusable):
		return "no verdict in a 200"
	case errors.Is(err, errNotHTTP) || errors.Is(err, errTooLong):
		return "no HTTP"
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "connection"
}
