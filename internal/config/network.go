package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// maxRanges bounds a list of address ranges: every request is held against it.
const maxRanges = 256

// ranges takes address ranges (10.0.0.0/8) and single addresses, comma separated. It refuses a range that covers every
// address, one with bits past its length (a typing error, and nobody knows which) and IPv4 in IPv6 clothing that
// reaches past IPv4.
func ranges(field func(*Config) *[]netip.Prefix) func(*Config, string) error {
	return func(c *Config, v string) error {
		var parts []string
		if err := list(func(*Config) *[]string { return &parts })(c, v); err != nil {
			return err
		}
		if len(parts) > maxRanges {
			return fmt.Errorf("wants at most %d address ranges", maxRanges)
		}
		*field(c) = nil
		for _, part := range parts {
			p, err := addressRange(part)
			if err != nil {
				return err
			}
			*field(c) = append(*field(c), p)
		}
		return nil
	}
}

// addressRange answers one range, in IPv4 form wherever it means IPv4.
func addressRange(text string) (netip.Prefix, error) {
	bad := errors.New("wants address ranges like 10.0.0.0/8 or single addresses")
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, bad
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, bad
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, errors.New("wants IPv4 ranges in IPv4 form: " + text + " reaches past IPv4")
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	switch {
	case p.Bits() == 0:
		return netip.Prefix{}, errors.New("wants ranges that leave somebody out: " + text + " is every address")
	case p.Masked() != p:
		return netip.Prefix{}, fmt.Errorf("wants %s instead of %s", p.Masked(), text)
	}
	return p, nil
}

// checkListeners refuses a second listener that contradicts the first, and ranges that nothing would apply.
func (c *Config) checkListeners() error {
	if c.APIListen == "" {
		if len(c.APIAllowFrom) > 0 {
			return errors.New("api.allow_from needs api.listen: without it programs use the main listener, and http.allow_from says who may")
		}
		return nil
	}
	if c.AllowPlainLoopback && !onLoopback(c.APIListen) {
		return fmt.Errorf("http.allow_plain_loopback: %s (api.listen) is not a loopback address", c.APIListen)
	}
	if _, port, err := net.SplitHostPort(c.APIListen); err == nil && port != "0" && c.APIListen == c.Listen {
		return errors.New("api.listen and listen are the same address: give programs a port of their own, or leave api.listen out")
	}
	return nil
}

// onLoopback reports whether a listener at address can be reached from this machine alone.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// hosts takes the names that requests may be meant for, as they travel: without scheme, port or path, and in the xn-- form
// where they have other letters. A name that no request could carry is refused, not kept.
func hosts(c *Config, v string) error {
	if err := list(func(c *Config) *[]string { return &c.TrustedHosts })(c, v); err != nil {
		return err
	}
	for i, name := range c.TrustedHosts {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if name == "" || len(name) > 253 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-._") != "" {
			return fmt.Errorf("wants names without scheme, port or path, in the xn-- form where they have other letters: not %q", c.TrustedHosts[i])
		}
		c.TrustedHosts[i] = name
	}
	return nil
}
