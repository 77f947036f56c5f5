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

// trusts says that host, as it stood in the request, is an address or one of our names. Nothing else of the request is
// asked: neither the name in the TLS handshake nor what a proxy says the host was.
func (s *Server) trusts(host string) bool {
	name, ok := withoutPort(host)
	if !ok {
		return false
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		// An IPv6 address stands in brackets, or it is none: the end of "::1:8443" could be a port or not.
		return ip.Zone() == "" && ip.Is6() == strings.HasPrefix(host, "[")
	}
	return !strings.HasPrefix(host, "[") && s.hosts[strings.ToLower(strings.TrimSuffix(name, "."))]
}

// withoutPort cuts the port off and the brackets away. It refuses a port that is no number: whoever reads such a host
// another way reads another host.
func withoutPort(host string) (name string, ok bool) {
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return host[1 : len(host)-1], true
	}
	if !strings.Contains(host, ":") {
		return host, true
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
		return "", false
	}
	return name, true
}
