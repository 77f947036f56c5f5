package httpapi

import (
	"errors"
	"io"
	"sync"
)

const (
	// bodyBudget is how many bytes of request bodies all callers together may have in memory, unless http.max_body is so large
	// that this would be fewer than bodiesAtLeast of them.
	bodyBudget    = 256 << 20
	bodiesAtLeast = 16
	// budgetShare: of it one user, with all his keys and sessions, has at most one byte in four.
	budgetShare = 4
	// freeBody is what a body may have without being counted: a sign-in or a short text is read whatever others send.
	freeBody = 16 << 10
)

// errCrowded is a body that there is no room for.
var errCrowded = errors.New("too many bytes of request bodies are in memory")

// budget counts the bytes of bodies in memory: connections times streams times http.max_body are more than a machine has.
type budget struct {
	all, each int64

	mu   sync.Mutex
	used int64
	by   map[string]int64
}

func newBudget(maxBody int64) *budget {
	all := max(bodyBudget, bodiesAtLeast*maxBody)
	return &budget{all: all, each: all / budgetShare, by: map[string]int64{}}
}

// take answers false when who, or everybody together, has all there is.
func (b *budget) take(who string, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > b.all || b.by[who]+n > b.each {
		return false
	}
	b.used += n
	b.by[who] += n
	return true
}

// give gives bytes back.
func (b *budget) give(who string, n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.by[who] -= n; b.by[who] <= 0 {
		delete(b.by, who)
	}
}

// forget lets a body that is read go, and gives its bytes back.
func (s *Server) forget(x *exchange) {
	s.bodies.give(x.principal.UserID, x.held)
	x.raw, x.held = nil, 0
}

// metered is a body that takes its bytes from the budget; x gives them back when the request is over, or its stream begins.
type metered struct {
	io.Reader
	b    *budget
	x    *exchange
	read int64
}

// Read is part of io.Reader.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if m.read += int64(n); m.read <= freeBody || n == 0 {
		return n, err
	}
	if !m.b.take(m.x.principal.UserID, int64(n)) {
		return 0, errCrowded
	}
	m.x.held += int64(n)
	return n, err
}
