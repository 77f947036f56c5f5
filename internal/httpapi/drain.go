package httpapi

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// drainGrace is how long a request that is still being sent has left once a stop was asked for. One that is whole is
// finished, however long that takes within the stop's own limit.
const drainGrace = 2 * time.Second

// drain tells requests that the server stops. Its zero value is ready.
type drain struct {
	mu    sync.Mutex
	begun bool
	next  int
	told  map[int]func()
}

// begin calls everybody who asked to be told, once.
func (d *drain) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begun = true
	for _, tell := range d.told {
		tell()
	}
	d.told = nil
}

// watch has tell called when the stop begins, at once if it has. After forget returns, tell neither runs nor will.
func (d *drain) watch(tell func()) (forget func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.begun {
		tell()
		return func() {}
	}
	if d.told == nil {
		d.told = map[int]func(){}
	}
	d.next++
	id := d.next
	d.told[id] = tell
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.told, id)
	}
}

// stopping says that a stop was asked for.
func (d *drain) stopping() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begun
}

// Drain ends streams at once and gives what is still being sent a short time; it does not wait for either. A server made by
// NewHTTPServer calls it when it is shut down.
func (s *Server) Drain() { s.drain.begin() }

// streamContext answers the context of an answer that has no end of its own, for the events handler: neither the time
// limit of requests nor a deadline of the connection applies to it any more. It is done when the caller leaves and as soon
// as the server stops. The handler bounds each write by itself, and calls end when it returns.
func (s *Server) streamContext(c *gin.Context) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancel(exchangeOf(c).sent.Context())
	control := http.NewResponseController(c.Writer)
	_ = control.SetReadDeadline(time.Time{})  // a writer without deadlines (a test's) has none to lift
	_ = control.SetWriteDeadline(time.Time{}) // the same
	forget := s.drain.watch(cancel)
	return ctx, func() {
		forget()
		cancel()
	}
}

// boundRead shortens the time that a body has left when the server stops. After the answered function nothing shortens it
// any more, and a caller who leaves is noticed as ever.
func (s *Server) boundRead(c *gin.Context) (release func()) {
	control := http.NewResponseController(c.Writer)
	shortened := false
	forget := s.drain.watch(func() {
		shortened = control.SetReadDeadline(time.Now().Add(drainGrace)) == nil //nolint:forbidigo // the socket's clock
	})
	return func() {
		forget()
		if shortened {
			_ = control.SetReadDeadline(time.Time{}) // it could be set, so it can be lifted
		}
	}
}
