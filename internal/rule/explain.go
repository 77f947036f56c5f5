package rule

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Explanation is a decision with all that led to it.
type Explanation struct {
	Decision     Decision
	DefaultAllow bool
	AnyEnforced  bool         // some enforced rule concerns the model, so that the default does not count
	Considered   []Considered // the rules on the model and operation, in the order of ids: at most maxConsidered, the caller's first
	More         int          // how many are left out
}

// Considered is one rule and why it did or did not match.
type Considered struct {
	RuleID     string
	Allow      bool
	ReportOnly bool
	Principal  bool // it names one of the caller's faces or the key
	KeyOnly    bool // it names the key alone: as an allow it narrows and opens nothing
	Holds      bool // Principal, and every condition but the rate holds
	Conditions []Checked
	Why        string // in a few words
	WouldPass  string // what would make an allow hold, or a deny that holds let go; "" where nothing in the request could
}

// Checked is one condition of a rule against one request.
type Checked struct {
	Condition string
	Holds     bool   // true for a rate: whoever counts decides it
	Value     string // as the rule says it
	WouldPass string // what makes it hold where it does not
	Otherwise string // what makes it fail where it holds, "" for a rate
}

// maxConsidered bounds an explanation.
const maxConsidered = 500

// Explain answers Decide's decision and the rules on the request's model and operation with the outcome of each of their
// conditions. It is for administrators, as it names addresses, hours and rules; Safe is for everybody else.
func (s *Set) Explain(r Request) Explanation {
	var q question
	q.ask(s, &r)
	e := Explanation{Decision: q.decide(), DefaultAllow: s.defaultAllow, AnyEnforced: q.enforced()}
	var found []int32
	for _, b := range q.buckets {
		found = append(found, b.all...)
	}
	slices.Sort(found)
	found = slices.DeleteFunc(slices.Compact(found), func(i int32) bool { return s.rules[i].ops&q.op == 0 })
	if e.More = max(0, len(found)-maxConsidered); e.More > 0 { // the others' rules go first
		slices.SortStableFunc(found, func(a, b int32) int { return q.distance(a) - q.distance(b) })
		found = found[:maxConsidered]
		slices.Sort(found)
	}
	for _, i := range found {
		e.Considered = append(e.Considered, q.consider(&s.rules[i]))
	}
	return e
}

// Safe is the explanation for the person whom it is about: whether the request is allowed and the plain reason, without rules,
// addresses and hours. Of a condition that failed its name stays.
func (e Explanation) Safe() Explanation {
	d := Decision{Allowed: e.Decision.Allowed, IfRoom: e.Decision.IfRoom, Reason: e.Decision.Reason}
	return Explanation{Decision: d}
}

// distance is 0 for a rule that names the caller, else 1.
func (q *question) distance(i int32) int {
	if q.names(&q.set.rules[i], q.all) {
		return 0
	}
	return 1
}

func (q *question) consider(r *compiled) Considered {
	c := Considered{RuleID: r.ID, Allow: r.Allow, ReportOnly: r.ReportOnly, Conditions: q.outcomes(r)}
	own, key := q.names(r, q.own), q.names(r, q.key)
	c.Principal, c.KeyOnly = own || key, key && !own
	c.Holds = c.Principal && !slices.ContainsFunc(c.Conditions, func(o Checked) bool { return !o.Holds })
	switch {
	case !c.Principal:
		c.Why = "names other principals"
	case !c.Holds:
		c.Why = "does not hold: " + strings.Join(failed(c.Conditions), ", ")
		if r.Allow { // nobody is told how to be denied
			c.WouldPass = wouldPass(c.Conditions)
		}
	case r.ReportOnly:
		c.Why = "would hold, and is only reported"
	case !r.Allow:
		c.Why = "denies"
		c.WouldPass = wouldLetGo(c.Conditions)
	case c.KeyOnly:
		c.Why = "holds for the key, which narrows what its owner may"
	case r.Conditions.Rate != nil:
		c.Why = "allows while there is room"
	default:
		c.Why = "allows"
	}
	return c
}

// names says whether the rule names one of the faces.
func (q *question) names(r *compiled, faces []int32) bool {
	return slices.ContainsFunc(r.Principals, func(p Principal) bool {
		n, ok := q.set.faces[p]
		return ok && slices.Contains(faces, n)
	})
}

func failed(outcomes []Checked) []string {
	var out []string
	for _, o := range outcomes {
		if !o.Holds {
			out = append(out, o.Condition)
		}
	}
	return out
}

// outcomes answers the rule's conditions in their order.
func (q *question) outcomes(r *compiled) []Checked {
	k := &r.Conditions
	at := q.request.At
	var out []Checked
	add := func(given bool, name string, holds bool, value, pass, otherwise string) {
		o := Checked{Condition: name, Holds: holds, Value: value}
		if holds {
			o.Otherwise = otherwise
		} else {
			o.WouldPass = pass
		}
		if given {
			out = append(out, o)
		}
	}
	ranges := some(r.ranges.apart)
	add(k.IPRanges != nil, CondIP, q.from(r), ranges, "an address in "+ranges, "an address outside "+ranges)
	if k.Rate != nil {
		add(true, CondRate, true, k.Rate.text(), "", "")
	}
	from, until := stamp(k.From), stamp(k.Until)
	add(!k.From.IsZero(), CondFrom, !at.Before(k.From), from, "a time from "+from+" on", "a time before "+from)
	add(!k.Until.IsZero(), CondUntil, at.Before(k.Until), until, "a time before "+until, "a time from "+until+" on")
	if k.Hours != nil {
		holds, pass := k.Hours.Holds(at), ""
		if !holds {
			pass = "a time within " + k.Hours.String()
			if next := k.Hours.Next(at); !next.IsZero() {
				pass += ", next from " + next.Format(time.RFC3339)
			}
		}
		add(true, CondHours, holds, k.Hours.String(), pass, "a time outside "+k.Hours.String())
	}
	add(k.Purpose, CondPurpose, said(q.request.Purpose), "required", "a purpose", "no purpose")
	return out
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// some lists the first few ranges, and how many more there are.
func some(ranges []netip.Prefix) string {
	const most = 5
	words := make([]string, 0, most)
	for _, p := range ranges[:min(most, len(ranges))] {
		words = append(words, p.String())
	}
	text := strings.Join(words, ", ")
	if n := len(ranges) - most; n > 0 {
		text += fmt.Sprintf(" or %d more ranges", n)
	}
	return text
}

func wouldPass(outcomes []Checked) string {
	var out []string
	for _, o := range outcomes {
		if o.WouldPass != "" {
			out = append(out, o.WouldPass)
		}
	}
	return strings.Join(out, " and ")
}

// wouldLetGo answers what keeps a deny from holding: any one of its conditions that fails.
func wouldLetGo(outcomes []Checked) string {
	var out []string
	for _, o := range outcomes {
		if o.Otherwise != "" {
			out = append(out, o.Otherwise)
		}
	}
	return strings.Join(out, " or ")
}
