// Package limit says how much: how often in a span of time, and how much of something in a day or a month. One call holds a
// request against every limit that applies to it and charges all of them or none. It decides nothing else: who may do what is
// package rule's, what a refusal looks like is httpapi's, where the counts survive a restart is the caller's. It imports the
// standard library and fault.
//
// A rate is GCRA, kept in whole nanoseconds and an exact rest: N at once, then one every Per/N, and never one more or less
// however the requests are spread. A quota counts per UTC day or month, which begin anew at midnight.
//
// Everything stands in tables of a bounded size, one per scope, so that addresses, which strangers make up, displace no
// person's count. A bucket that is full again says nothing that its absence would not say, so idle ones are dropped as new
// ones come. Where a table is full of live ones, of those it looks at the one with the least to forget is forgotten: that
// forgives somebody a little and refuses nobody wrongly. Stats counts it, and what was saved of a count stays stored.
package limit

import (
	"math"
	"net/netip"
	"time"

	"guardhouse/internal/fault"
)

// Scope is what a limit is counted by.
type Scope uint8

// The scopes. A rule's rate is counted per rule and person: Policy names the rule, Of the person.
const (
	ByRule Scope = iota
	ByKey
	ByPerson
	ByAddress
	ByModel
	scopes int = iota
)

// Unit is what a quota counts.
type Unit uint8

// The units. Requests count when they are let in, the others when what they came to is known.
const (
	Requests Unit = iota
	Tokens
	Images
	ComputeMS
	units int = iota
)

// String answers the unit as headers and stored rows spell it, "" for none of ours.
func (u Unit) String() string {
	switch u {
	case Requests:
		return "requests"
	case Tokens:
		return "tokens"
	case Images:
		return "images"
	case ComputeMS:
		return "compute-ms"
	}
	return ""
}

// MaxPer is the longest span of a rate: a leap year.
const MaxPer = 366 * 24 * time.Hour

// NoMax is the quota that counts and refuses nothing: the usage page needs the count.
const NoMax int64 = math.MaxInt64

// Rate is N in a span of time: N at once, then evenly.
type Rate struct {
	N   int64
	Per time.Duration
}

// Check is Invalid for a rate that cannot be kept: less than one, more than 4,294,967,295 or one a nanosecond, or a span
// over MaxPer. Charge refuses whoever is held against such a rate.
func (r Rate) Check() error {
	switch {
	case r.N < 1 || r.N > math.MaxUint32:
		return fault.New(fault.Invalid, "A rate is between 1 and 4294967295 in its span.")
	case r.Per < time.Nanosecond || r.Per > MaxPer:
		return fault.New(fault.Invalid, "A rate's span is at most 366 days.")
	case r.N > int64(r.Per):
		return fault.New(fault.Invalid, "A rate is at most one a nanosecond.")
	}
	return nil
}

// Quota is Max of a unit in a span. Max 0 lets nothing through, NoMax only counts.
type Quota struct {
	Unit Unit
	Span Span
	Max  int64
}

// check is Invalid for a unit or span that is none of ours and for less than nothing.
func (q Quota) check() error {
	if int(q.Unit) >= units || int(q.Span) >= spans || q.Max < 0 {
		return fault.New(fault.Invalid, "A quota counts one of our units in a day or a month and is not negative.")
	}
	return nil
}

// Claim holds a request against one limit: Quota where it is not nil, else Rate. Policy is its name in headers and must be
// safe to show; each limit of a request has its own. Of is whose count it is, and is never shown.
//
// A rate's bucket is one per Scope, Policy, Of and Rate, so a changed rate begins anew. A quota's count is one per Scope, Of,
// Unit and span, so changing Max or Policy forgets nothing, and where several rules have quotas for one person Of must say
// which. Equal buckets or counts in one Ask are charged once.
type Claim struct {
	Scope  Scope
	Policy string
	Of     string
	Rate   Rate
	Quota  *Quota
}

// check is Invalid for a claim that cannot be kept.
func (c Claim) check() error {
	if int(c.Scope) >= scopes {
		return fault.New(fault.Invalid, "A limit is counted by rule, key, person, address or model.")
	}
	if c.Quota != nil {
		return c.Quota.check()
	}
	return c.Rate.Check()
}

// Cost is what a request takes, as far as it is known when it is let in. Nothing of a unit means that quotas on that unit are
// not asked: whoever can't know the tokens reserves at least one.
type Cost struct {
	Tokens, Images, ComputeMS int64
}

// Address answers what a caller's address is counted by: an IPv4 address itself, also inside IPv6, and of other IPv6
// addresses the /64, which is one household's or server's. "" for no address.
func Address(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if !ip.Is6() {
		if !ip.IsValid() {
			return ""
		}
		return ip.String()
	}
	const household = 64
	return netip.PrefixFrom(ip, household).Masked().String()
}
