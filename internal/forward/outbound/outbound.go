// Package outbound opens connections to other machines, and only to those that the configuration names (threat P4). The
// address that a name leads to is held against the same list when it is dialled, so that a name that is pointed elsewhere
// later leads nowhere. It may import fault.
package outbound

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"guardhouse/internal/fault"
)

// Host is an entry of the list: a name or an address, a port (0 = any), and the ranges that the name may lead to. Without
// ranges a name leads to public addresses alone, and an address to itself.
type Host struct {
	Name   string
	Port   uint16
	Ranges []netip.Prefix
}

// Parse reads HOST[:PORT][=RANGE[+RANGE...]], a name without scheme and path. It refuses what no connection could be made to.
func Parse(entry string) (Host, error) {
	target, ranges, ranged := strings.Cut(strings.TrimSpace(entry), "=")
	h := Host{}
	name, port, err := net.SplitHostPort(target)
	switch {
	case err != nil:
		name = strings.TrimSuffix(strings.TrimPrefix(target, "["), "]")
	default:
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return Host{}, errors.New("wants a port from 1 to 65535 after the host")
		}
		h.Port = uint16(n)
	}
	if h.Name, err = canonical(name); err != nil {
		return Host{}, err
	}
	if !ranged {
		return h, nil
	}
	for r := range strings.SplitSeq(ranges, "+") {
		p, err := netip.ParsePrefix(r)
		if err != nil {
			a, errAddr := netip.ParseAddr(r)
			if errAddr != nil {
				return Host{}, errors.New("wants address ranges after =, joined by +")
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Masked() != p || p.Bits() == 0 {
			return Host{}, errors.New("wants ranges in their shortest form that leave somebody out")
		}
		h.Ranges = append(h.Ranges, p)
	}
	return h, nil
}

// canonical is the one spelling of a host.
func canonical(name string) (string, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return a.Unmap().WithZone("").String(), nil
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "" || len(name) > 253 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-._") != "" {
		return "", errors.New("wants a host without scheme and path, in the xn-- form where it has other letters")
	}
	return name, nil
}

// Dialer opens connections. Lookup and Connect are the system's where they are nil.
type Dialer struct {
	Hosts   []Host
	Lookup  func(ctx context.Context, host string) ([]netip.Addr, error)
	Connect func(ctx context.Context, network, address string) (net.Conn, error)
}

// Check refuses an address HOST:PORT that the list does not have (Unprocessable) or that is none (Invalid).
func (d *Dialer) Check(address string) error {
	_, _, err := d.entries(address)
	return err
}

func (d *Dialer) entries(address string) (port string, found []Host, err error) {
	host, port, err := net.SplitHostPort(address)
	n, errPort := strconv.ParseUint(port, 10, 16)
	if err != nil || errPort != nil || n == 0 {
		return "", nil, fault.New(fault.Invalid, "An address is a host and a port, like logs.example.org:6514.").WithField("address")
	}
	if host, err = canonical(host); err != nil {
		return "", nil, fault.New(fault.Invalid, "The host of the address is none.").WithField("address")
	}
	for _, h := range d.Hosts {
		if h.Name == host && (h.Port == 0 || uint64(h.Port) == n) {
			found = append(found, h)
		}
	}
	if len(found) == 0 {
		return "", nil, fault.New(fault.Unprocessable, "The configuration does not let the server connect there: whoever runs it adds the host to audit.forward_hosts.").WithField("address")
	}
	return port, found, nil
}

// DialContext opens a connection to HOST:PORT. It refuses a host that is not listed, and passes over every address of it that
// its entries do not permit.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	port, entries, err := d.entries(address)
	if err != nil {
		return nil, err
	}
	addrs, err := d.lookup(ctx, entries[0].Name)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, a := range addrs {
		a = a.Unmap()
		if !slices.ContainsFunc(entries, func(h Host) bool { return h.permits(a) }) {
			errs = append(errs, errors.New("the name leads to an address that the configuration does not permit"))
			continue
		}
		conn, err := d.connect(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("the name leads nowhere"))
	}
	return nil, errors.Join(errs...)
}

func (d *Dialer) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if d.Lookup != nil {
		return d.Lookup(ctx, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

func (d *Dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if d.Connect != nil {
		return d.Connect(ctx, network, address)
	}
	dialer := net.Dialer{Timeout: connectWithin, KeepAlive: keepAlive}
	return dialer.DialContext(ctx, network, address)
}

const (
	connectWithin = 10 * time.Second
	// A receiver that vanished without a word is noticed within some of these.
	keepAlive = 10 * time.Second
)

// permits says whether a connection to the host may go to address a.
func (h Host) permits(a netip.Addr) bool {
	if len(h.Ranges) > 0 {
		return slices.ContainsFunc(h.Ranges, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	if literal, err := netip.ParseAddr(h.Name); err == nil {
		return literal == a
	}
	return public(a)
}

// public leaves out what names of strangers have no business leading to: this machine, the networks around it, and what
// belongs to nobody.
func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLinkLocalUnicast() {
		return false
	}
	return !slices.ContainsFunc(reserved(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// reserved are special ranges beyond those that netip knows (RFC 6890). NAT64, 6to4 and the old ::/96 carry another address
// inside; fec0::/10 was a site's own.
func reserved() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "fec0::/10", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// Transport answers what an HTTP client sends through: no proxy of the environment, and every connection through the list.
func (d *Dialer) Transport() *http.Transport {
	return &http.Transport{
		Proxy: nil, DialContext: d.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: connectWithin,
		ResponseHeaderTimeout: responseWithin, MaxResponseHeaderBytes: 64 << 10, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
	}
}

const responseWithin = 30 * time.Second

// Client answers a client that follows no redirect: a redirect is an answer, and not a good one.
func Client(t http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: t, Timeout: 2 * responseWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// String answers the host, with its port where it has one.
func (h Host) String() string {
	if h.Port == 0 {
		return h.Name
	}
	return net.JoinHostPort(h.Name, strconv.Itoa(int(h.Port)))
}
