package httpapi

import (
	"net/netip"
	"sync"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
)

// perClient is how many requests one address may have under way through trusted proxies. It stands for the limit on
// connections, which says nothing of those whom a proxy speaks for.
const perClient = perAddress

// counter holds how much of something each address has.
type counter struct {
	limit int

	mu   sync.Mutex
	held map[netip.Addr]int
}

func newCounter(limit int) *counter { return &counter{limit: limit, held: map[netip.Addr]int{}} }

// take answers false when the address has all it may have.
func (n *counter) take(a netip.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held[a] >= n.limit {
		return false
	}
	n.held[a]++
	return true
}

// give gives one back.
func (n *counter) give(a netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held[a]--; n.held[a] <= 0 {
		delete(n.held, a)
	}
}

// checkAddress refuses who is outside http.allow_from or api.allow_from, by the resolved address: a trusted proxy may
// connect, but only for those who may. Through a proxy it also bounds what one address has under way.
func (s *Server) checkAddress(c *gin.Context) {
	x := exchangeOf(c)
	if len(s.allowed) > 0 && !s.allowed.holds(x.origin.IP) {
		s.problem(c, s.recordedEarly(c, access.Anonymous(x.origin), "address", fault.New(fault.Forbidden, "This listener does not serve your address.")))
		return
	}
	if !s.proxies.holds(x.peer) {
		return
	}
	if !s.clients.take(x.origin.IP) {
		s.problem(c, fault.New(fault.RateLimited, "Too many requests from your address are under way."))
		return
	}
	defer s.clients.give(x.origin.IP)
	c.Next()
}

// recordedEarly leaves the row of a refusal that came before anybody looked at the credential, where the route has an
// action that somebody would have been held against. It answers err, or that the row could not be written.
func (s *Server) recordedEarly(c *gin.Context, p access.Principal, reason string, err error) error {
	op, known := s.contract[routeOf(c)]
	if !known {
		return err
	}
	action := access.Action(op.action)
	if op.action == actionPublic {
		if action, known = signingAction(c.FullPath()); !known {
			return err
		}
	}
	return s.recorded(c, p, refusal{action, audit.Deny, reason, err})
}

// signingAction answers what the routes that need no credential do, where it is more than telling the time of day.
func signingAction(pattern string) (a access.Action, ok bool) {
	switch pattern {
	case "/api/v1/setup":
		return access.AuthSetup, true
	case "/api/v1/auth/login", "/login":
		return access.AuthLogin, true
	case "/api/v1/auth/refresh":
		return access.AuthRefresh, true
	}
	return "", false
}
