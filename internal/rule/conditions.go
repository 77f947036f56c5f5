package rule

import (
	"net/netip"
	"strings"
	"time"
)

// conditions reads what a rule asks for. An empty object asks nothing; an empty list of ranges is refused, as it could mean
// everywhere or nowhere.
func (p *Parser) conditions(v *value, at string) (Conditions, error) {
	var c Conditions
	m, err := v.members(at, CondIP, CondRate, CondFrom, CondUntil, CondHours, CondPurpose)
	if err != nil {
		return c, err
	}
	if n := m[CondIP]; n != nil {
		if c.IPRanges, err = list(n, at+CondIP, maxRanges, (*value).prefix); err != nil {
			return c, err
		}
	}
	if n := m[CondRate]; n != nil {
		if c.Rate, err = n.rate(at + CondRate); err != nil {
			return c, err
		}
	}
	if err := p.times(m, at, &c); err != nil {
		return c, err
	}
	if n := m[CondPurpose]; n != nil {
		if _, err := n.oneOf(at+CondPurpose, "required"); err != nil {
			return c, err
		}
		c.Purpose = true
	}
	return c, nil
}

func (p *Parser) times(m map[string]*value, at string, c *Conditions) error {
	var err error
	if n := m[CondFrom]; n != nil {
		if c.From, err = n.time(at + CondFrom); err != nil {
			return err
		}
	}
	if n := m[CondUntil]; n != nil {
		if c.Until, err = n.time(at + CondUntil); err != nil {
			return err
		}
		if !c.From.IsZero() && !c.From.Before(c.Until) {
			return n.refuse(at+CondUntil, "must be after %s", CondFrom)
		}
	}
	if n := m[CondHours]; n != nil {
		w, err := n.word(at + CondHours)
		if err != nil {
			return err
		}
		h, err := p.hours(w)
		if err != nil {
			return n.placed(at+CondHours, err)
		}
		c.Hours = &h
	}
	return nil
}

func (v *value) prefix(at string) (netip.Prefix, error) {
	w, err := v.word(at)
	if err != nil {
		return netip.Prefix{}, err
	}
	p, err := ParsePrefix(w)
	return p, v.placed(at, err)
}

func (v *value) rate(at string) (*Rate, error) {
	w, err := v.word(at)
	if err != nil {
		return nil, err
	}
	r, err := ParseRate(w)
	if err != nil {
		return nil, v.placed(at, err)
	}
	return &r, nil
}

// time reads a moment: RFC 3339 with its offset, so that it is the same moment everywhere. The answer is in UTC.
func (v *value) time(at string) (time.Time, error) {
	w, err := v.word(at)
	if err != nil {
		return time.Time{}, err
	}
	var t time.Time
	if err := t.UnmarshalText([]byte(w)); err != nil || !timeShaped(w) || t.Year() < 1970 || t.UTC().Year() > 9999 || t.UTC().Year() < 1970 {
		return time.Time{}, v.refuse(at, "must be a time such as 2026-12-31T23:59:59Z, with its offset, from 1970 on")
	}
	return t.UTC(), nil
}

// timeShaped says whether w has the digits and marks of RFC 3339 in their places: the library's reader also takes one-digit
// hours, a comma for the seconds' fraction and offsets of a hundred hours.
func timeShaped(w string) bool {
	const shape = "0000-00-00T00:00:00"
	if len(w) < len(shape) || !shaped(w[:len(shape)], shape) {
		return false
	}
	rest := w[len(shape):]
	if strings.HasPrefix(rest, ".") {
		digits := strings.TrimLeft(rest[1:], "0123456789")
		if len(digits) == len(rest)-1 {
			return false
		}
		rest = digits
	}
	return rest == "Z" || shaped(rest, "+00:00") && rest[1:3] < "24" && rest[4:] < "60"
}

// shaped compares a text with a shape in which 0 is any digit and + either sign.
func shaped(text, shape string) bool {
	if len(text) != len(shape) {
		return false
	}
	for i := range len(shape) {
		c := text[i]
		digit := shape[i] == '0' && c >= '0' && c <= '9'
		sign := shape[i] == '+' && (c == '+' || c == '-')
		if !digit && !sign && (shape[i] == '0' || c != shape[i]) {
			return false
		}
	}
	return true
}
