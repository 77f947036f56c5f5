package auth

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"guardhouse/internal/access"
)

const (
	// knownFor: an address is known to a user for a month after he signed in from it.
	knownFor = 30 * 24 * time.Hour
	// maxKnown pairs of user and address are held; the oldest quarter makes room.
	maxKnown = 1 << 16
)

// knownAddresses holds from which networks users have signed in lately: read from the sessions once, kept up to date by
// every sign-in. A look-up takes the same time whoever is asked for, which a query would not.
type knownAddresses struct {
	mu   sync.Mutex
	seen map[counterKey]int64 // milliseconds; nil until read
}

// load reads the sessions of the last month, once. It answers the error of a database that can't be read and tries again
// the next time.
func (k *knownAddresses) load(ctx context.Context, s *Service) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen != nil {
		return nil
	}
	list, err := s.store.signInAddresses(context.WithoutCancel(ctx), millis(s.clock().Add(-knownFor)), maxKnown)
	if err != nil {
		return err
	}
	k.seen = make(map[counterKey]int64, len(list))
	for _, l := range list {
		if ip, err := netip.ParseAddr(l.IP); err == nil {
			key := s.addressKey(l.UserID, networkOf(ip))
			k.seen[key] = max(k.seen[key], l.At)
		}
	}
	return nil
}

// has says whether the pair is known now.
func (k *knownAddresses) has(pair counterKey, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, ok := k.seen[pair]
	return ok && now.Sub(fromMillis(at)) < knownFor
}

// note remembers a sign-in.
func (k *knownAddresses) note(pair counterKey, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen == nil {
		return // the first look reads it from the sessions
	}
	if _, ok := k.seen[pair]; !ok && len(k.seen) >= maxKnown {
		k.shrink()
	}
	k.seen[pair] = millis(now)
}

func (k *knownAddresses) shrink() {
	type entry struct {
		pair counterKey
		at   int64
	}
	all := make([]entry, 0, len(k.seen))
	for pair, at := range k.seen {
		all = append(all, entry{pair, at})
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	for _, e := range all[:len(all)/4] {
		delete(k.seen, e.pair)
	}
}

// addressKey pairs a user with a network. An empty user is nobody and known nowhere.
func (s *Service) addressKey(userID, network string) counterKey {
	return s.throttle.keyOf(kindKnownAddress, userID, network)
}

// noteSignIn makes the address of a sign-in one that its user is known at.
func (s *Service) noteSignIn(userID string, o access.Origin) {
	if o.IP.IsValid() {
		s.known.note(s.addressKey(userID, networkOf(o.IP)), s.clock())
	}
}

// networkOf is the part of an address that one holder has to himself: a whole IPv4 address, the /64 of an IPv6 one. It is
// empty without an address.
func networkOf(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if !ip.IsValid() || ip.Is4() {
		return orEmpty(ip)
	}
	const holder = 64
	p, err := ip.Prefix(holder)
	if err != nil {
		return orEmpty(ip)
	}
	return p.String()
}

func orEmpty(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}
