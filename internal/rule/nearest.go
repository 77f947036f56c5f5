package rule

import (
	"math/bits"
	"slices"
	"strings"
	"unicode"
)

// from says whether the request comes from the rule's addresses. An unknown address could be one, so a deny takes it for one;
// the system has none.
func (q *question) from(r *compiled) bool {
	if !q.ip.IsValid() {
		return !r.Allow && !q.request.System
	}
	return r.ranges.has(q.ip)
}

// said says whether anything in the text can be seen.
func said(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) })
}

// missing answers which conditions of the rule fail, one bit each.
func (q *question) missing(r *compiled) uint8 {
	var out uint8
	for i, c := range q.failing(r) {
		if c.fails {
			out |= 1 << i
		}
	}
	return out
}

// failing lists the conditions that a request decides, in the order in which they are reported. A condition's place is its bit
// in missing.
func (q *question) failing(r *compiled) [5]struct {
	name  string
	fails bool
} {
	k := &r.Conditions
	at := q.request.At
	return [5]struct {
		name  string
		fails bool
	}{
		{CondIP, k.IPRanges != nil && !q.from(r)},
		{CondFrom, !k.From.IsZero() && at.Before(k.From)},
		{CondUntil, !k.Until.IsZero() && !at.Before(k.Until)},
		{CondHours, k.Hours != nil && !k.Hours.Holds(at)},
		{CondPurpose, k.Purpose && !said(q.request.Purpose)},
	}
}

// nearest answers the failed conditions of the enforced allow that came closest among those that name one of the faces, nil
// where there is none.
func (q *question) nearest(faces []int32) *Failing {
	best, least := int32(none), uint8(0)
	look := func(i int32) {
		r := &q.set.rules[i]
		if r.ops&q.op == 0 {
			return
		}
		m := q.missing(r)
		closer := bits.OnesCount8(m) - bits.OnesCount8(least)
		if m != 0 && (best == none || closer < 0 || closer == 0 && i < best) {
			best, least = i, m
		}
	}
	for _, b := range q.buckets {
		for _, f := range faces {
			if l := b.by[f]; l != nil {
				for _, i := range l[allows] {
					look(i)
				}
				for _, i := range l[rated] {
					look(i)
				}
			}
		}
	}
	if best == none {
		return nil
	}
	r := &q.set.rules[best]
	var names []string
	for _, c := range q.failing(r) {
		if c.fails {
			names = append(names, c.name)
		}
	}
	return &Failing{
		RuleID: r.ID, Condition: names[0], Others: slices.Clip(names[1:]), WouldPass: wouldPass(q.outcomes(r)),
	}
}
