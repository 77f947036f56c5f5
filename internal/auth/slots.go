package auth

import (
	"context"
	"slices"
	"sync"
	"time"

	"guardhouse/internal/fault"
)

const (
	// maxWaiting bounds who waits for a slot: at a tenth of a second a hash and two slots, the last of them waits under half
	// a minute, which is what the server's read limit allows a client anyway.
	maxWaiting = 512
	// maxStrangers of these places are for callers who are not known; the rest stays free for those who are.
	maxStrangers = maxWaiting * 3 / 4
	// maxOfAddress: one address never takes more than half of the places.
	maxOfAddress = maxWaiting / 2
	// knownInARow: after so many known callers one stranger has a turn, so that a whole ward at the start of a shift doesn't
	// keep a new colleague out.
	knownInARow = 8
)

const busyRetry = 2 * time.Second

// longestWait ends the wait where a machine is slower than the arithmetic above: an answer to come back beats a page that
// hangs, and the place is free for somebody else.
const longestWait = 30 * time.Second

// place says where a caller stands in the queue: behind others of his address, and before strangers if he is known.
type place struct {
	address string
	known   bool
}

// slots lets at most size password hashes run at once (each takes 64 MiB) and lets a bounded number wait. Addresses take
// turns, so whoever sends five hundred at once waits for himself; known callers go first.
type slots struct {
	size int

	mu              sync.Mutex
	running, inARow int
	known, stranger line
}

// ticket is one who waits; turn is closed when a slot is his, or when he had to make room.
type ticket struct {
	place place
	turn  chan struct{}
	out   bool // written before turn is closed
}

func newSlots(n int) *slots { return &slots{size: n, known: newLine(), stranger: newLine()} }

// do runs f in a slot for somebody who has shown who he is.
func (s *slots) do(ctx context.Context, f func()) error {
	return s.doFor(ctx, place{address: "signed in", known: true}, f)
}

// doFor runs f in a slot. It refuses with Busy when the queue, or the address's share of it, is full or the wait too long, and
// answers ctx's error if that ends first.
func (s *slots) doFor(ctx context.Context, at place, f func()) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	t, err := s.enter(at)
	if err != nil {
		return err
	}
	wait, stop := context.WithTimeout(ctx, longestWait)
	defer stop()
	select {
	case <-t.turn:
	case <-wait.Done():
		if s.leave(t) {
			return tired(ctx)
		}
		<-t.turn // it came at the same moment
	}
	if t.out {
		return crowded()
	}
	defer s.release()
	if ctx.Err() != nil {
		return fault.From(ctx.Err())
	}
	f()
	return nil
}

// enter answers a ticket, whose turn has come already if a slot is free.
func (s *slots) enter(at place) (*ticket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &ticket{place: at, turn: make(chan struct{})}
	if s.running < s.size {
		s.running++
		close(t.turn)
		return t, nil
	}
	// Strangers beside him take nothing from one who is known.
	if s.line(at).of(at.address) >= maxOfAddress {
		return nil, crowded()
	}
	full := s.known.waiting+s.stranger.waiting >= maxWaiting
	if !at.known {
		full = s.stranger.waiting >= maxStrangers
	}
	// A few addresses that hold all places make room for one that holds none.
	if full && !(s.line(at).of(at.address) == 0 && s.stranger.dropOne()) {
		return nil, crowded()
	}
	s.line(at).push(t)
	return t, nil
}

// tired is the answer to whoever waited in vain: ctx's end, or the queue's.
func tired(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	return crowded()
}

func crowded() error {
	return fault.New(fault.Busy, "Too many people are signing in. Try again in a moment.").WithRetry(busyRetry)
}

func (s *slots) line(at place) *line {
	if at.known {
		return &s.known
	}
	return &s.stranger
}

// leave takes t out of the queue; false if its turn has come.
func (s *slots) leave(t *ticket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.line(t.place).remove(t)
}

// release hands the slot to whoever is next.
func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.next()
	if next == nil {
		s.running--
		return
	}
	close(next.turn)
}

func (s *slots) next() *ticket {
	if s.stranger.waiting == 0 {
		s.inARow = 0
		return s.known.pop()
	}
	if s.known.waiting > 0 && s.inARow < knownInARow {
		s.inARow++
		return s.known.pop()
	}
	s.inARow = 0
	return s.stranger.pop()
}

// load answers how many hashes run and how many callers wait.
func (s *slots) load() (running, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running, s.known.waiting + s.stranger.waiting
}

// line is a queue in which addresses take turns; within one address first come is first served.
type line struct {
	turns   []string
	tickets map[string][]*ticket
	waiting int
}

func newLine() line { return line{tickets: map[string][]*ticket{}} }

func (l *line) of(address string) int { return len(l.tickets[address]) }

func (l *line) push(t *ticket) {
	if l.of(t.place.address) == 0 {
		l.turns = append(l.turns, t.place.address)
	}
	l.tickets[t.place.address] = append(l.tickets[t.place.address], t)
	l.waiting++
}

// pop answers the first ticket of the address whose turn it is, nil if nobody waits.
func (l *line) pop() *ticket {
	if len(l.turns) == 0 {
		return nil
	}
	address := l.turns[0]
	l.turns = l.turns[1:]
	t := l.tickets[address][0]
	l.tickets[address] = l.tickets[address][1:]
	l.waiting--
	if len(l.tickets[address]) == 0 {
		delete(l.tickets, address)
		return t
	}
	l.turns = append(l.turns, address)
	return t
}

// dropOne turns away the last of the address that has most waiting; false if none has two.
func (l *line) dropOne() bool {
	var most []*ticket
	for _, list := range l.tickets {
		if len(list) > len(most) {
			most = list
		}
	}
	if len(most) < 2 { //nolint:mnd // one each is fair
		return false
	}
	last := most[len(most)-1]
	l.remove(last)
	last.out = true
	close(last.turn)
	return true
}

func (l *line) remove(t *ticket) bool {
	address := t.place.address
	i := slices.Index(l.tickets[address], t)
	if i < 0 {
		return false
	}
	l.tickets[address] = slices.Delete(l.tickets[address], i, i+1)
	l.waiting--
	if len(l.tickets[address]) == 0 {
		delete(l.tickets, address)
		l.turns = slices.DeleteFunc(l.turns, func(a string) bool { return a == address })
	}
	return true
}
