package auth

import (
	"net/netip"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

const (
	maxKeyRanges = 100
	// KeyEnding is how long before its end a key is called expiring.
	KeyEnding = 14 * 24 * time.Hour
	// KeyUnused is how long nobody used a key that is called unused.
	KeyUnused = 30 * 24 * time.Hour
)

// ranges answers the wanted ranges in their one spelling, each once. It refuses what rules refuse of ranges.
func (k NewKey) ranges() ([]string, error) {
	if len(k.IPRanges) > maxKeyRanges {
		return nil, fault.Newf(fault.Invalid, "ip_ranges holds at most %d ranges.", maxKeyRanges).WithField("ip_ranges")
	}
	out := make([]string, 0, len(k.IPRanges))
	for _, text := range k.IPRanges {
		r, err := rule.ParsePrefix(text)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "ip_ranges: "+fault.From(err).Message).WithField("ip_ranges")
		}
		out = append(out, r.String())
	}
	return unique(out), nil
}

// checkRate refuses what rules refuse of rates.
func (k NewKey) checkRate() error {
	if k.RateLimit == "" {
		return nil
	}
	if _, err := rule.ParseRate(k.RateLimit); err != nil {
		return fault.Wrap(err, fault.Invalid, "rate_limit: "+fault.From(err).Message).WithField("rate_limit")
	}
	return nil
}

// readRanges reads what newKeyRow wrote. Ranges that can't be read are an error, never none.
func readRanges(text string) ([]netip.Prefix, error) {
	list, err := readList(text)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	out := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		r, err := rule.ParsePrefix(s)
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "reading a key's addresses")
		}
		out = append(out, r)
	}
	return out, nil
}

// readRate is nil for a key without a rate of its own. A rate that can't be read is an error, never none.
func readRate(text string) (*rule.Rate, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no rate is an answer
	}
	r, err := rule.ParseRate(text)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "reading a key's rate")
	}
	return &r, nil
}

// flag says what of a living key somebody may want to look at. A key that another takes the place of is meant to end.
func (k Key) flag(now time.Time) Key {
	living := k.RevokedAt == nil && k.SuspendedAt == nil && k.RotatedTo == "" && (k.ValidUntil == nil || k.ValidUntil.After(now))
	if !living {
		return k
	}
	used := k.CreatedAt
	if k.LastUsedAt != nil {
		used = *k.LastUsedAt
	}
	k.Expiring = k.ValidUntil != nil && !k.ValidUntil.After(now.Add(KeyEnding))
	k.Unused = !used.After(now.Add(-KeyUnused))
	return k
}
