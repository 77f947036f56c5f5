package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxHops is how many members of X-Forwarded-For are looked at: no real chain of proxies is longer, and each look
// costs a comparison with every trusted range.
const maxHops = 32

// prefixes is a set of address ranges.
type prefixes []netip.Prefix

// holds says that a lies in one of the ranges. An address that is none lies in no range.
func (p prefixes) holds(a netip.Addr) bool {
	for _, r := range p {
		if r.Contains(a) {
			return true
		}
	}
	return false
}

// peerAddress answers who is at the other end of the connection, without zone and in IPv4 form where it is IPv4.
func peerAddress(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// client answers whose request it is (threat P1): the peer, unless the peer is a trusted proxy. Then X-Forwarded-For is read
// from its end, where the nearest proxy wrote, and only as far as trusted proxies vouch for what stands there. What is no
// address ends the reading: the answer is then the last proxy that was one, never what a stranger wrote. No other header
// says anything of the client: a proxy that sets X-Forwarded-For lets Forwarded and X-Real-IP through as they came.
func (p prefixes) client(peer netip.Addr, h http.Header) netip.Addr {
	if !p.holds(peer) {
		return peer
	}
	found, hops := peer, 0
	lines := h["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var member string
			rest, member, more = lastMember(rest)
			if hops++; hops > maxHops {
				return found
			}
			if member == "" {
				continue // RFC 9110, 5.6.1: empty members of a list mean nothing
			}
			a, ok := forwardedAddress(member)
			if !ok {
				return found
			}
			if found = a; !p.holds(a) {
				return found
			}
		}
	}
	return found
}

// lastMember cuts the last member off a list; more says that there is another before it.
func lastMember(list string) (rest, member string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", strings.Trim(list, " \t"), false
	}
	return list[:i], strings.Trim(list[i+1:], " \t"), true
}

// longestMember is an IPv6 address with a zone and a port; zones are short names of network cards.
const longestMember = 128

// forwardedAddress reads what proxies write: an address, alone or with a port, IPv6 with a port in brackets. A zone is
// the proxy's own business and is dropped. An address that nobody can have is none.
func forwardedAddress(s string) (netip.Addr, bool) {
	if len(s) > longestMember {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	if err != nil && strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		if a, err = netip.ParseAddr(s[1 : len(s)-1]); err == nil && !a.Is6() {
			return netip.Addr{}, false
		}
	}
	if err != nil {
		withPort, bad := netip.ParseAddrPort(s)
		if bad != nil {
			return netip.Addr{}, false
		}
		a = withPort.Addr()
	}
	a = a.Unmap().WithZone("")
	broadcast := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	return a, !a.IsUnspecified() && !a.IsMulticast() && a != broadcast
}
