package access

import (
	"guardhouse/internal/limit"
	"guardhouse/internal/rule"
)

// Weighed is what a set says of a use before anything is charged. Where it is Allowed and Counted, it stands only if Ask has
// room for N.
type Weighed struct {
	Allowed, Counted bool
	RuleID, Reason   string
	Ask              limit.Ask
	N                int64
	decision         decision
}

// Weigh is Judge for whoever keeps a Limiter of his own, such as a rehearsal: it answers what would have to be charged of
// rates, whatever this Guard has counted. Quotas are left out. items is how many inputs the use stands for.
func (g *Guard) Weigh(q Question, items int, set *rule.Set) Weighed {
	s := g.current.Load()
	if set == nil {
		set = s.set
	}
	a, op := q.asked(g)
	op.Items = items
	d := s.decide(set, a, op)
	w := Weighed{Allowed: d.allowed, RuleID: d.ruleID, Reason: d.reason, decision: d}
	if w.Counted = d.allowed && charged(a.who, op); w.Counted {
		rates := limits{Limits: g.limits.Load().Limits}
		w.Ask = rates.claims(a.who, op, d.rules)
		w.N, _ = op.reserve()
	}
	return w
}

// Settled answers what w became when its Ask was held against a Limiter.
func (w Weighed) Settled(o limit.Outcome) Weighed {
	w.decision.settle(o)
	w.Allowed, w.RuleID, w.Reason = w.decision.allowed, w.decision.ruleID, w.decision.reason
	return w
}
