package auth

import (
	"context"
	"strings"
	"unicode"

	"guardhouse/internal/access"
)

// Kinds of keys in the throttle: what is counted under one is never counted under another.
const (
	kindName         byte = 'n'
	kindDevice       byte = 'd'
	kindKnownAddress byte = 'k'
	kindAddress      byte = 'a'
	kindSetup        byte = 's'
)

// sourceOf answers which counters a try at a name is held against: those of a device that the user is known on, by its
// token or by its address, else the name's and the address's. It settles a.device. Strangers to a user and strangers to
// nobody cost the same.
func (s *Service) sourceOf(ctx context.Context, a *attempt, key string, o access.Origin, token string) (source, error) {
	if err := s.known.load(ctx, s); err != nil {
		return source{}, err
	}
	network := networkOf(o.IP)
	device, byToken := s.knownDevice(a.user.ID, token)
	fresh, err := newDeviceID()
	if err != nil {
		return source{}, err
	}
	pair := s.addressKey(a.user.ID, network)
	byAddress := s.known.has(pair, s.clock())
	from := source{
		tries: s.throttle.keyOf(kindName, visible(key)), address: s.strangerKey(o), stranger: true, place: place{address: network},
	}
	ofDevice := s.throttle.keyOf(kindDevice, a.user.ID, string(device[:]))
	a.device = fresh
	switch {
	case byToken:
		a.device = device
		return source{tries: ofDevice, place: place{address: network, known: true}}, nil
	case byAddress:
		return source{tries: pair, place: place{address: network, known: true}}, nil
	}
	return from, nil
}

// visible drops what can't be seen: a name with a space behind it is nobody's, but it is no fresh name either.
func visible(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.C, r) {
			return -1
		}
		return r
	}, name)
}

func (s *Service) strangerKey(o access.Origin) counterKey {
	return s.throttle.keyOf(kindAddress, networkOf(o.IP))
}
