package rule

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// Ranges are addresses, ready to be asked for one. The zero value holds none. It never changes.
type Ranges struct {
	apart []netip.Prefix // none overlaps another, in the order of their first addresses
}

// NewRanges answers the addresses of all the ranges; those that are IPv4 in IPv6 dress count as IPv4.
func NewRanges(ranges []netip.Prefix) Ranges {
	all := make([]netip.Prefix, 0, len(ranges))
	for _, p := range ranges {
		all = append(all, plain(p).Masked())
	}
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits())
	})
	kept := all[:0]
	for _, p := range all { // two ranges are apart, or the one that begins first holds the other
		if n := len(kept); n == 0 || !kept[n-1].Contains(p.Addr()) {
			kept = append(kept, p)
		}
	}
	return Ranges{kept}
}

// Has says whether the address is one of them. The zero address never is; a zone, which names an interface of ours, is no part
// of an address.
func (r Ranges) Has(ip netip.Addr) bool { return r.has(ip.Unmap().WithZone("")) }

// has is Has for an address that is neither IPv4 in IPv6 dress nor zoned.
func (r Ranges) has(ip netip.Addr) bool {
	if !ip.IsValid() {
		return false
	}
	i, exact := slices.BinarySearchFunc(r.apart, ip, func(p netip.Prefix, ip netip.Addr) int { return p.Addr().Compare(ip) })
	return exact || i > 0 && r.apart[i-1].Contains(ip)
}

// ParsePrefix reads a range of addresses, or a single one. A range is in IPv4 form wherever it means IPv4. It refuses zones,
// bits set behind the length (whoever wrote 10.1.2.3/8 meant one of two things) and other spellings of numbers. /0 is every
// address of its family.
func ParsePrefix(text string) (netip.Prefix, error) {
	const want = "must be an address range such as 10.0.0.0/8 or an address, without a zone"
	var p netip.Prefix
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return p, invalid(want)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	} else {
		var err error
		if p, err = netip.ParsePrefix(text); err != nil {
			return p, invalid(want)
		}
	}
	if p.Addr().Is4In6() && p.Bits() < 96 {
		return p, invalid("reaches past IPv4: write IPv4 ranges in IPv4 form")
	}
	p = plain(p)
	if p.Masked() != p {
		return p, invalid("has bits set behind its length: write %s for the range or %s for the address", p.Masked(), p.Addr())
	}
	return p, nil
}

// plain answers a range in IPv4 form where it lies within the addresses that are IPv4 in IPv6 dress.
func plain(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}
