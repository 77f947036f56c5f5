package rule

import (
	"slices"
	"strings"
	"time"

	"guardhouse/internal/fault"
)

const (
	// maxPlaces bounds what a set holds: a rule takes a place for each of its principals with each of its models, and one for
	// each of its address ranges.
	maxPlaces = 200_000
	// maxPatterns bounds how many different patterns with stars may have to be tried for one model.
	maxPatterns = 1_000
)

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
	ranges Ranges
	always bool // no condition but a rate
}

// class is what a rule does where it holds; each kind has its own list in a bucket.
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

// Compile answers the set of the rules, whatever their order. It refuses, as fault.Invalid with the rule's id: a rule without
// an id, two of one id, unknown kinds, operations, rates and addresses, conditions that can never hold, a rate on a deny, and
// more principals times models, address ranges and patterns than a set may hold. A rule without principals, models or
// operations concerns nobody or nothing; it still closes the models that it names.
//
// It is all or nothing, so whoever writes rules compiles all that there will be before committing them, or one rule too many
// would keep every later change from taking force. Whoever reads stored rules gives it Unreadable's answer for a row that it
// cannot read.
func Compile(rules []Rule, defaultAllow bool) (*Set, error) {
	s := &Set{rules: make([]compiled, len(rules)), defaultAllow: defaultAllow, faces: map[Principal]int32{}}
	for i := range rules {
		if err := rules[i].check(); err != nil {
			return nil, named(rules[i].ID, err)
		}
		s.rules[i] = compileOne(rules[i])
	}
	slices.SortFunc(s.rules, func(a, b compiled) int { return strings.Compare(a.ID, b.ID) })
	if err := s.bounded(); err != nil {
		return nil, err
	}
	s.index()
	return s, nil
}

// bounded refuses sorted rules without ids of their own and those that take too much together.
func (s *Set) bounded() error {
	places, patterns := 0, map[string]bool{}
	for i := range s.rules {
		r := &s.rules[i]
		if r.ID == "" || i > 0 && r.ID == s.rules[i-1].ID {
			return named(r.ID, invalid("every rule needs an id of its own"))
		}
		if places += len(r.Models)*max(1, len(r.Principals)) + len(r.Conditions.IPRanges); places > maxPlaces {
			return named(r.ID, invalid("with it the rules have more than %d principals times models and address ranges", maxPlaces))
		}
		for _, m := range r.Models {
			if strings.Contains(m, "*") {
				patterns[m] = true
			}
		}
		if len(patterns) > maxPatterns {
			return named(r.ID, invalid("with it the rules have more than %d patterns of models", maxPatterns))
		}
	}
	return nil
}

// named says of which rule an error speaks.
func named(id string, err error) error {
	return fault.Newf(fault.Invalid, "rule %q: %s", id, fault.From(err).Message)
}

// check answers what makes the rule one that no decision can take as it stands.
func (r *Rule) check() error {
	for _, p := range r.Principals {
		if !p.known() {
			return invalid("principals: must be role:, user:, key: or group: with a name, or *")
		}
	}
	for _, o := range r.Operations {
		if o != Every && bit(o) == 0 {
			return invalid("operations: must be view, infer, train, download or *")
		}
	}
	if r.Conditions.Rate != nil && !r.Allow {
		return invalid("conditions.rate_limit: a rule that denies has no rate")
	}
	return r.Conditions.check()
}

// check answers what makes the conditions some that no text can say or that never hold. An empty list of ranges is one: it
// would never hold, and its text would be that of no condition.
func (c Conditions) check() error {
	for _, p := range c.IPRanges {
		if !p.IsValid() || p.Addr().Is4In6() && p.Bits() < 96 {
			return invalid("conditions.ip_ranges: must be address ranges")
		}
	}
	written := func(t time.Time) bool { return t.IsZero() || t.UTC().Year() >= 1970 && t.UTC().Year() <= 9999 }
	switch {
	case c.IPRanges != nil && len(c.IPRanges) == 0:
		return invalid("conditions.ip_ranges: must not be empty")
	case c.Rate != nil && !c.Rate.valid():
		return invalid("conditions.rate_limit: must be a rate")
	case !written(c.From):
		return invalid("conditions.valid_from: must be a time from 1970 on")
	case !written(c.Until):
		return invalid("conditions.valid_until: must be a time from 1970 on")
	case !c.From.IsZero() && !c.Until.IsZero() && !c.From.Before(c.Until):
		return invalid("conditions.valid_until: must be after valid_from")
	case c.Hours != nil && c.Hours.zone == nil:
		return invalid("conditions.hours: must be hours")
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

// compileOne shares nothing with r that its owner could change.
func compileOne(r Rule) compiled {
	c := compiled{Rule: r}
	c.Principals, c.Models, c.Operations = slices.Clone(r.Principals), slices.Clone(r.Models), slices.Clone(r.Operations)
	c.Conditions.IPRanges = slices.Clone(r.Conditions.IPRanges)
	if hours := r.Conditions.Hours; hours != nil {
		own := *hours
		c.Conditions.Hours = &own
	}
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
	c.ranges = NewRanges(r.Conditions.IPRanges)
	k := r.Conditions
	c.always = k.IPRanges == nil && k.From.IsZero() && k.Until.IsZero() && k.Hours == nil && !k.Purpose
	return c
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
