package rehearsal

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Way is something that would make a refused use pass. Each was tried: with it the gate allows the same use.
type Way struct {
	Kind    string
	RuleID  string
	Text    string
	At      time.Time  // when, zero where that is not the matter
	IP      netip.Addr // from where, likewise
	Purpose bool       // a purpose has to be stated
}

// Kinds of ways.
const (
	ByConditions = "conditions"   // the use meets the conditions of the rule
	IfEnforced   = "enforced"     // the rule that only reports is enforced
	WithoutDeny  = "without_deny" // the rule that denies does not hold
)

const (
	// maxWays is how many of them somebody reads.
	maxWays = 10
	// maxTries is how many of a use's rules are tried.
	maxTries = 100
	// maxCompiled bounds the rules that are compiled for one explanation, of all tries together: less than a second's work.
	maxCompiled = 200_000
	// quickly is how many rules a model may have for its ways to be sought at once, and not in turn: 20,000 are compiled then.
	quickly = 200
	// bytesOfMany is how long more rules than that are, written.
	bytesOfMany = quickly << 8
	// short stands before the account of what takes less than a second: it need not wait for a look of his over the log.
	short = "short:"
	// patience is how long an explanation waits for its turn before it goes without ways.
	patience = 2 * time.Second
)

// seek finds when hours hold again, and the ways to pass under the rules. It ends with ctx; where there is no turn to be had for
// very many rules, or too many of them to try, the explanation says that there may be more.
func (s *Service) seek(ctx context.Context, caller access.Principal, e *Explanation, ask access.Question, rules []rule.Rule) error {
	near := slices.DeleteFunc(slices.Clone(rules), func(r rule.Rule) bool { return !matches(r, ask.Model) })
	by := make(map[string]rule.Rule, len(near))
	for _, r := range near {
		by[r.ID] = r
	}
	if ask.At.IsZero() {
		ask.At = e.At
	}
	e.Next = map[string]map[string]time.Time{}
	for _, c := range e.Explanation.Considered {
		e.Next[c.RuleID] = next(c, by[c.RuleID].Conditions, ask.At)
	}
	if e.Allowed || e.Unknown || e.Role.Asked && !e.Role.Passed || e.Status == 429 {
		return nil
	}
	if len(near) > quickly {
		waiting, cancel := context.WithTimeout(ctx, patience)
		done, err := s.Turn(waiting, short+caller.Account())
		cancel()
		if ctx.Err() != nil {
			return fault.From(ctx.Err())
		}
		if err != nil {
			e.WaysCut = true
			return nil // what would pass is more than was asked: the decision is answered all the same
		}
		defer done()
	}
	t := trial{service: s, ask: ask, rules: near, allow: e.Explanation.DefaultAllow, left: min(maxTries, max(1, maxCompiled/max(1, len(near))))}
	for _, c := range e.Explanation.Considered {
		if err := ctx.Err(); err != nil {
			return fault.From(err)
		}
		t.consider(c, by[c.RuleID])
	}
	e.WaysCut = t.cut || len(t.found) > maxWays
	slices.SortStableFunc(t.found, func(a, b Way) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), a.At.Compare(b.At)) })
	e.Ways = t.found[:min(len(t.found), maxWays)]
	return nil
}

func rank(w Way) int { return slices.Index([]string{ByConditions, IfEnforced, WithoutDeny}, w.Kind) }

func matches(r rule.Rule, model string) bool {
	return slices.ContainsFunc(r.Models, func(m string) bool { return rule.Match(m, model) })
}

// next answers when the conditions of a considered rule that wait for a time hold.
func next(c rule.Considered, k rule.Conditions, at time.Time) map[string]time.Time {
	out := map[string]time.Time{}
	for _, o := range c.Conditions {
		switch {
		case o.Holds:
		case o.Condition == rule.CondFrom:
			out[o.Condition] = k.From
		case o.Condition == rule.CondHours && k.Hours != nil:
			if t := k.Hours.Next(at); !t.IsZero() {
				out[o.Condition] = t
			}
		}
	}
	return out
}

// trial tries what would make a use pass, among the rules of its model alone: no others concern it.
type trial struct {
	service *Service
	ask     access.Question
	rules   []rule.Rule
	allow   bool
	set     *rule.Set // of rules as they are, compiled when first needed
	left    int       // tries that may still be made
	cut     bool      // there was more to try
	found   []Way
}

func (t *trial) consider(c rule.Considered, r rule.Rule) {
	var try func()
	switch {
	case !c.Principal:
	case c.ReportOnly && c.Allow && c.Holds:
		try = func() { t.tryEnforced(r) }
	case c.ReportOnly:
	case c.Allow && !c.Holds:
		try = func() { t.tryConditions(c, r) }
	case !c.Allow && c.Holds:
		try = func() { t.tryWithout(c, r) }
	}
	switch {
	case try == nil:
	case t.left == 0:
		t.cut = true
	default:
		try()
	}
}

// passes says whether the use passes under the rules; what can't be compiled is nothing to propose.
func (t *trial) passes(rules []rule.Rule) bool {
	t.left--
	set, err := rule.Compile(rules, t.allow)
	return err == nil && t.service.Guard.Judge(t.ask, set)
}

// meets says whether another use passes under the rules as they are.
func (t *trial) meets(q access.Question) bool {
	t.left--
	if t.set == nil {
		set, err := rule.Compile(t.rules, t.allow)
		if err != nil {
			return false
		}
		t.set = set
	}
	return t.service.Guard.Judge(q, t.set)
}

func (t *trial) tryEnforced(r rule.Rule) {
	changed := slices.Clone(t.rules)
	for i := range changed {
		if changed[i].ID == r.ID {
			changed[i].ReportOnly = false
		}
	}
	if t.passes(changed) {
		t.found = append(t.found, Way{Kind: IfEnforced, RuleID: r.ID, Text: fmt.Sprintf("if %s were enforced", r.ID)})
	}
}

func (t *trial) tryWithout(c rule.Considered, r rule.Rule) {
	changed := slices.DeleteFunc(slices.Clone(t.rules), func(x rule.Rule) bool { return x.ID == r.ID })
	if t.passes(changed) {
		text := c.WouldPass
		if text == "" {
			text = fmt.Sprintf("if %s did not hold", r.ID)
		}
		t.found = append(t.found, Way{Kind: WithoutDeny, RuleID: r.ID, Text: text})
	}
}

// tryConditions meets the rule's conditions, each by the nearest value that does.
func (t *trial) tryConditions(c rule.Considered, r rule.Rule) {
	q, w, ok := t.ask, Way{Kind: ByConditions, RuleID: r.ID, Text: c.WouldPass}, true
	for _, o := range c.Conditions {
		if o.Holds {
			continue
		}
		switch o.Condition {
		case rule.CondPurpose:
			q.Purpose, w.Purpose = "stated", true
		case rule.CondIP:
			w.IP, ok = address(r.Conditions.IPRanges, q.Principal.KeyIPRanges)
			q.IP = w.IP
		default:
			w.At, ok = when(r.Conditions, q.At)
			q.At = w.At
		}
		if !ok {
			return
		}
	}
	if t.meets(q) {
		t.found = append(t.found, w)
	}
}

// when answers the first moment from at on when all that the conditions say of time holds.
func when(k rule.Conditions, at time.Time) (time.Time, bool) {
	if at.Before(k.From) {
		at = k.From
	}
	if k.Hours != nil {
		if at = k.Hours.Next(at); at.IsZero() {
			return at, false
		}
	}
	return at.UTC(), k.Until.IsZero() || at.Before(k.Until)
}

// address answers one that lies in the ranges, and in those of the key where it has any.
func address(ranges, key []netip.Prefix) (netip.Addr, bool) {
	of := rule.NewRanges(key)
	for _, r := range ranges {
		if a := host(r); len(key) == 0 || of.Has(a) {
			return a, true
		}
	}
	wanted := rule.NewRanges(ranges)
	for _, k := range key {
		if a := host(k); wanted.Has(a) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// host answers the first address of a range that a machine could have.
func host(r netip.Prefix) netip.Addr {
	first := r.Masked().Addr().Unmap()
	if second := first.Next(); r.Addr().BitLen()-r.Bits() > 1 && second.IsValid() {
		return second
	}
	return first
}
