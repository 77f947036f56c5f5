package httpapi

import (
	"net/http"
	"net/netip"

	"github.com/gin-gonic/gin"
)

// Client is the resolver of addresses.
func Client(trusted []netip.Prefix, peer netip.Addr, h http.Header) netip.Addr {
	return prefixes(trusted).client(peer, h)
}

// PlainPath is the check of paths.
func PlainPath(p string) bool { return plainPath(p) }

// Trusts is the check of hosts.
func (s *Server) Trusts(host string) bool { return s.trusts(host) }

// CookieCredential answers the cookie that r is signed in with.
func (s *Server) CookieCredential(r *http.Request) string { return s.credential(r).Cookie }

// Clients answers how many addresses have requests under way through proxies.
func (s *Server) Clients() int {
	s.clients.mu.Lock()
	defer s.clients.mu.Unlock()
	return len(s.clients.held)
}

// Watchers answers how many requests wait to be told of a stop.
func (s *Server) Watchers() int {
	s.drain.mu.Lock()
	defer s.drain.mu.Unlock()
	return len(s.drain.told)
}

// AddStream serves a stream for tests at path: it writes each line that lines has, until a stop or the end of lines.
func (s *Server) AddStream(path string, lines <-chan string) {
	s.engine.GET(path, func(c *gin.Context) {
		ctx, end := s.streamContext(c)
		defer end()
		c.Status(http.StatusOK)
		c.Writer.Flush()
		for {
			select {
			case <-ctx.Done():
				return
			case line, more := <-lines:
				if !more {
					return
				}
				_, _ = c.Writer.WriteString(line + "\n")
				c.Writer.Flush()
			}
		}
	})
}

// HoldClients takes every place that an address has through proxies, and answers how to give them back.
func HoldClients(s *Server, a netip.Addr) (release func()) {
	for range perClient {
		s.clients.take(a)
	}
	return func() {
		for range perClient {
			s.clients.give(a)
		}
	}
}

// AddDeaf serves requests at path that do not notice when their caller leaves: each tells in and goes on until wait is closed.
func (s *Server) AddDeaf(path string, in chan<- struct{}, wait <-chan struct{}) {
	s.engine.GET(path, func(*gin.Context) {
		in <- struct{}{}
		<-wait
	})
}

// BodyBytes answers how many bytes of bodies count as being in memory.
func (s *Server) BodyBytes() int64 {
	s.bodies.mu.Lock()
	defer s.bodies.mu.Unlock()
	return s.bodies.used
}
