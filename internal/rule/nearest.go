package rule

import (
	"math/bits"
	"slices"
	"strings"
	"unicode"
)

// checked are the conditions that a request decides, in their order; a condition's place is its bit in missing.
func checked() [5]string { return [5]string{CondIP, CondFrom, CondUntil, CondHours, CondPurpose} }

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

// missing answers which conditions of the rule fail.
func (q *question) missing(r *compiled) uint8 {
	k := &r.Conditions
	at := q.request.At
	var out uint8
	for i, fails := range [5]bool{
		k.IPRanges != nil && !q.from(r),
		!k.From.IsZero() && at.Before(k.From),
		!k.Until.IsZero() && !at.Before(k.Until),
		k.Hours != nil && !k.Hours.Holds(at),
		k.Purpose && !said(q.request.Purpose),
	} {
		if fails {
			out |= 1 << i
		}
	}
	return out
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
	for i, name := range checked() {
		if least&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return &Failing{
		RuleID: r.ID, Condition: names[0], Others: slices.Clip(names[1:]), WouldPass: wouldPass(q.outcomes(r)),
	}
}
