package limit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"guardhouse/internal/fault"
)

const (
	// maxLine is how many accounts wait for a place, each with what it was asked in memory.
	maxLine = 32
	// maxOwn is how many of one account wait for the one of theirs that has a place or waits for it.
	maxOwn = 8
	// placeRetry is when somebody who found no room comes again.
	placeRetry = time.Second
)

// Places has few at a time do what takes the processor for long, and of one account one: the others of it wait behind that, so
// that whoever asks for many stands in the line once. All methods may be called from any goroutine.
type Places struct {
	free    chan struct{}
	waiting atomic.Int64
	busy    string // what is said to whom there is no room for
	mu      sync.Mutex
	lanes   map[string]*lane
}

// lane is an account that has a place or waits.
type lane struct {
	turn chan struct{}
	in   int // who holds it or waits for it
}

// NewPlaces answers n places. busy is the sentence for whom there is no room to wait.
func NewPlaces(n int, busy string) *Places {
	return &Places{free: make(chan struct{}, n), busy: busy, lanes: map[string]*lane{}}
}

// Take waits for a place and answers what gives it back, which may be called more than once. It refuses where many wait already,
// or many of the account (Busy), and ends with ctx (Canceled, Timeout).
func (p *Places) Take(ctx context.Context, account string) (done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	l := p.join(account)
	if l == nil {
		return nil, p.full()
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		p.leave(account, l)
		return nil, fault.From(ctx.Err())
	}
	if err := p.enter(ctx); err != nil {
		<-l.turn
		p.leave(account, l)
		return nil, err
	}
	return sync.OnceFunc(func() {
		<-p.free
		<-l.turn
		p.leave(account, l)
	}), nil
}

func (p *Places) enter(ctx context.Context) error {
	select {
	case p.free <- struct{}{}:
		return nil
	default:
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > maxLine {
		return p.full()
	}
	select {
	case p.free <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
}

func (p *Places) full() error { return fault.New(fault.Busy, p.busy).WithRetry(placeRetry) }

// join answers the lane of an account, nil where there is no room in it.
func (p *Places) join(account string) *lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lanes[account]
	if l == nil {
		l = &lane{turn: make(chan struct{}, 1)}
		p.lanes[account] = l
	}
	if l.in > maxOwn {
		return nil
	}
	l.in++
	return l
}

func (p *Places) leave(account string, l *lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.in--; l.in == 0 {
		delete(p.lanes, account)
	}
}
