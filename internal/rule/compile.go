package rule

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// maxPairs bounds what the index of a set holds: a rule takes a place for each of its principals with each of its models.
const maxPairs = 1_000_000

// Set is a policy ready to be asked. It never changes; all methods may be called from any goroutine.
type Set struct {
	rules        []compiled // in the order of ids
	defaultAllow bool
	faces        map[Principal]int32 // every principal that some rule names
	models       models
}

// compiled is a rule with what a decision needs of it.
type compiled struct {
	Rule
	ops    uint8 // one bit an operation
	ranges []netip.Prefix
	always bool // no condition but a rate
}

// class is what a rule does where it holds.
type class int

const (
	denies class = iota
	allows
	rated // allows if there is room
	reports
	classes
)

// bucket is what rules say of one model id or pattern. Rules are their indexes in the set, ascending.
type bucket struct {
	pattern  string
	all      []int32
	enforced bool
	by       map[int32]*[classes][]int32 // by face
}

// Compile answers the set of the rules, whatever their order. It refuses, as fault.Invalid: a rule without an id, two of one
// id, unknown kinds, operations, rates and addresses, a rate on a deny, and more principals times models than an index can
// hold. A rule without principals, models or operations concerns nobody or nothing; it still closes the models that it names.
func Compile(rules []Rule, defaultAllow bool) (*Set, error) {
	s := &Set{rules: make([]compiled, len(rules)), defaultAllow: defaultAllow, faces: map[Principal]int32{}}
	for i := range rules {
		if err := rules[i].check(); err != nil {
			return nil, err
		}
		s.rules[i] = compileOne(rules[i])
	}
	slices.SortFunc(s.rules, func(a, b compiled) int { return strings.Compare(a.ID, b.ID) })
	pairs := 0
	for i := range s.rules {
		r := &s.rules[i]
		if r.ID == "" || i > 0 && r.ID == s.rules[i-1].ID {
			return nil, invalid("every rule needs an id of its own")
		}
		if pairs += len(r.Models) * max(1, len(r.Principals)); pairs > maxPairs {
			return nil, invalid("the rules name more than %d principals times models", maxPairs)
		}
	}
	s.index()
	return s, nil
}

// check answers what makes the rule one that no decision can take as it stands.
func (r *Rule) check() error {
	for _, p := range r.Principals {
		if !slices.Contains([]string{KindAny, KindRole, KindUser, KindKey, KindGroup}, p.Kind) || (p.Kind == KindAny) != (p.Ref == "") {
			return invalid("principals: must be role:, user:, key: or group: with a name, or *")
		}
	}
	for _, o := range r.Operations {
		if o != Every && bit(o) == 0 {
			return invalid("operations: must be view, infer, train, download or *")
		}
	}
	for _, p := range r.Conditions.IPRanges {
		if !p.IsValid() || p.Addr().Is4In6() && p.Bits() < 96 {
			return invalid("conditions.ip_ranges: must be address ranges")
		}
	}
	switch {
	case r.Conditions.Rate == nil:
		return nil
	case !r.Allow:
		return invalid("conditions.rate_limit: a rule that denies has no rate")
	case !r.Conditions.Rate.valid():
		return invalid("conditions.rate_limit: must be a rate")
	}
	return nil
}

// bit answers an operation's place in a mask, 0 for what is no operation.
func bit(o Operation) uint8 {
	switch o {
	case View:
		return 1
	case Infer:
		return 2
	case Train:
		return 4
	case Download:
		return 8
	default:
		return 0
	}
}

func compileOne(r Rule) compiled {
	c := compiled{Rule: r}
	for _, o := range r.Operations {
		if o == Every {
			c.ops = bit(View) | bit(Infer) | bit(Train) | bit(Download)
		}
		c.ops |= bit(o)
	}
	if rate := r.Conditions.Rate; rate != nil {
		own := *rate
		c.Conditions.Rate = &own
	}
	c.ranges = disjoint(r.Conditions.IPRanges)
	k := r.Conditions
	c.always = k.IPRanges == nil && k.From.IsZero() && k.Until.IsZero() && k.Hours == nil && !k.Purpose
	return c
}

// disjoint answers the same addresses in ranges that do not overlap, in the order of their first addresses.
func disjoint(ranges []netip.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(ranges))
	for _, p := range ranges {
		out = append(out, plain(p).Masked())
	}
	slices.SortFunc(out, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits())
	})
	kept := out[:0]
	for _, p := range out { // two ranges are apart, or the one that begins first holds the other
		if n := len(kept); n == 0 || !kept[n-1].Contains(p.Addr()) {
			kept = append(kept, p)
		}
	}
	return kept
}

// inRanges says whether one of the disjoint ranges holds the address.
func inRanges(ranges []netip.Prefix, ip netip.Addr) bool {
	if !ip.IsValid() {
		return false
	}
	i, exact := slices.BinarySearchFunc(ranges, ip, func(p netip.Prefix, ip netip.Addr) int { return p.Addr().Compare(ip) })
	return exact || i > 0 && ranges[i-1].Contains(ip)
}

func (r *compiled) class() class {
	switch {
	case r.ReportOnly:
		return reports
	case !r.Allow:
		return denies
	case r.Conditions.Rate != nil:
		return rated
	}
	return allows
}
