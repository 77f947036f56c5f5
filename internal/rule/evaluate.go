package rule

import (
	"math"
	"net/netip"
	"slices"
)

// none is the index of no rule.
const none = math.MaxInt32

// question is a request in the terms of a set.
type question struct {
	set     *Set
	request *Request
	ip      netip.Addr
	op      uint8
	key     []int32 // the key's own number, if a rule names it
	own     []int32 // the owner's faces
	all     []int32 // both
	buckets []*bucket

	faceRoom   [16]int32
	bucketRoom [16]*bucket
}

// Decide answers what the rules say, in the order of evaluation: a deny that holds; an allow that holds; refusal where any
// enforced rule concerns the model, with the nearest condition that failed; the default. A request through a key needs its
// owner's decision to allow, counts denies for either, and where an enforced allow names the key for the model, whatever its
// operations and conditions, one of those must hold as well. The system is asked for denies on "*" alone. An operation other
// than the four is refused, and so are a request without a time and a model whose id is longer than any.
func (s *Set) Decide(r Request) Decision {
	var q question
	q.ask(s, &r)
	return q.decide()
}

// ask fills q in place: its lists stand in its own rooms as long as they fit.
func (q *question) ask(s *Set, r *Request) {
	q.set, q.request, q.op = s, r, bit(r.Op)
	q.ip = r.IP.Unmap().WithZone("")
	q.all = q.faceRoom[:0]
	if n, ok := s.faces[Principal{Kind: KindAny}]; ok {
		q.all = append(q.all, n)
	}
	if !r.System {
		for _, f := range r.Faces {
			if n, ok := s.faces[f]; ok && f.Kind != KindKey && f.Kind != KindAny {
				q.all = append(q.all, n)
			}
		}
	}
	n := len(q.all)
	if k, ok := s.faces[Principal{KindKey, r.Key}]; ok && r.Key != "" && !r.System {
		q.all = append(q.all, k)
	}
	q.own, q.key = q.all[:n], q.all[n:]
	if len(r.Model) <= maxID {
		q.buckets = s.models.find(r.Model, q.bucketRoom[:0])
	}
}

func (q *question) decide() Decision {
	if q.op == 0 || q.request.At.IsZero() || len(q.request.Model) > maxID {
		return Decision{Reason: ReasonNoRule}
	}
	d := Decision{Report: q.report()}
	if i := q.first(q.all, denies); i != none {
		d.RuleID, d.Reason = q.set.rules[i].ID, ReasonDenied
		return d
	}
	held, counted := q.allow(q.own, !q.request.System)
	switch {
	case held != none:
		d.Allowed, d.RuleID = true, q.set.rules[held].ID
	case q.request.System:
		d.Allowed = true
	case len(counted) > 0:
		d.IfRoom, d.RuleID, d.Rated = true, counted[0].RuleID, counted
	case q.enforced():
		return q.refuse(d, q.own, ReasonNoRule)
	case !q.set.defaultAllow:
		d.Reason = ReasonDefault
	default:
		d.Allowed = true
	}
	if !d.Admits() || !q.keyNamed() {
		return d
	}
	held, counted = q.allow(q.key, true)
	switch {
	case held != none:
		d.RuleID = q.set.rules[held].ID
	case len(counted) > 0:
		d.Allowed, d.IfRoom = false, true
		d.RuleID, d.KeyRated = counted[0].RuleID, counted
	default:
		return q.refuse(Decision{Report: d.Report}, q.key, ReasonKeyRule)
	}
	return d
}

// refuse completes a refusal with the nearest condition that failed.
func (q *question) refuse(d Decision, faces []int32, reason string) Decision {
	d.Reason = reason
	if d.Failing = q.nearest(faces); d.Failing != nil {
		d.Reason = FailedCondition + d.Failing.Condition
	}
	return d
}

// allow answers the allow of the lowest id that holds without counting; without one, those that hold if there is room.
func (q *question) allow(faces []int32, counting bool) (int32, []RatedRule) {
	held := q.first(faces, allows)
	if held != none || !counting {
		return held, nil
	}
	var out []RatedRule
	for _, i := range q.each(faces, rated) {
		r := &q.set.rules[i]
		out = append(out, RatedRule{r.ID, *r.Conditions.Rate})
	}
	return none, out
}

// first answers the rule of the lowest id and the class that names one of the faces and holds, else none.
func (q *question) first(faces []int32, c class) int32 {
	best := int32(none)
	for _, b := range q.buckets {
		for _, f := range faces {
			l := b.by[f]
			if l == nil {
				continue
			}
			for _, i := range l[c] {
				if i >= best {
					break
				}
				if q.holds(&q.set.rules[i]) {
					best = i
					break
				}
			}
		}
	}
	return best
}

// each answers all that first looks for, each once, in the order of ids.
func (q *question) each(faces []int32, c class) []int32 {
	var out []int32
	for _, b := range q.buckets {
		for _, f := range faces {
			if l := b.by[f]; l != nil {
				for _, i := range l[c] {
					if q.holds(&q.set.rules[i]) {
						out = append(out, i)
					}
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (q *question) report() []Reported {
	var out []Reported
	for _, i := range q.each(q.all, reports) {
		out = append(out, Reported{q.set.rules[i].ID, q.set.rules[i].Allow})
	}
	return out
}

// enforced says whether any enforced rule concerns the model, whomever it names and whether it holds or not.
func (q *question) enforced() bool {
	return slices.ContainsFunc(q.buckets, func(b *bucket) bool { return b.enforced })
}

// keyNamed says whether an enforced allow names the key for the model.
func (q *question) keyNamed() bool {
	for _, b := range q.buckets {
		for _, k := range q.key {
			if l := b.by[k]; l != nil && len(l[allows])+len(l[rated]) > 0 {
				return true
			}
		}
	}
	return false
}

// holds says whether the rule covers the operation and all its conditions but a rate hold.
func (q *question) holds(r *compiled) bool {
	if r.ops&q.op == 0 {
		return false
	}
	return r.always || q.missing(r) == 0
}
