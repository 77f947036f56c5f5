package httpapi

import (
	"net"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/fault"
)

// trustedHosts answers the names this server goes by, besides IP literals.
func trustedHosts(own string, configured []string) map[string]bool {
	out := map[string]bool{"localhost": true}
	for _, name := range append([]string{own}, configured...) {
		if name != "" {
			out[strings.ToLower(strings.TrimSuffix(name, "."))] = true
		}
	}
	return out
}

// checkHost refuses requests that were meant for another name: a page that rebinds its name to our address must
// not reach us (threat P2).
func (s *Server) checkHost(c *gin.Context) {
	if !s.trusts(c.Request.Host) {
		s.problem(c, fault.New(fault.Misdirected, "This server does not answer to that host name. Add it to http.trusted_hosts."))
	}
}

func (s *Server) trusts(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		name = host[1 : len(host)-1]
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Zone() == ""
	}
	return s.hosts[strings.ToLower(strings.TrimSuffix(name, "."))]
}
