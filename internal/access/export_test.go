package access

import (
	"strings"

	"guardhouse/internal/rule"
)

// Rule is a stored rule as its rows spell it. Principals are written kind:ref, or "*".
type Rule struct {
	ID, Effect, Mode   string
	Principals, Models []string
	Operations         []string
	Conditions         string // JSON
	Note, Origin       string
}

func (r *Rule) read(parser *rule.Parser) stored {
	x := row{effect: r.Effect, mode: r.Mode, conditions: r.Conditions}
	x.Rule = rule.Rule{ID: r.ID, Models: r.Models, Note: r.Note, Origin: r.Origin}
	for _, p := range r.Principals {
		kind, ref, _ := strings.Cut(p, ":")
		if p == "*" {
			kind, ref = rule.KindAny, ""
		}
		x.Principals = append(x.Principals, rule.Principal{Kind: kind, Ref: ref})
	}
	for _, o := range r.Operations {
		x.Operations = append(x.Operations, rule.Operation(o))
	}
	return x.read(parser)
}

// Snapshot is a policy that is in no database.
type Snapshot struct{ s *snapshot }

// Build makes a policy of lines of role and action, and rules.
func (g *Guard) Build(version int64, permissions [][2]string, rules []Rule) (Snapshot, error) {
	c := content{version: version, groups: map[string][]string{}, defaultAllow: g.allowByDef}
	for _, p := range permissions {
		c.permissions = append(c.permissions, permission{p[0], p[1]})
	}
	parser := rule.NewParser()
	for i := range rules {
		c.rules = append(c.rules, rules[i].read(parser))
	}
	s, err := newSnapshot(c)
	return Snapshot{s}, err
}

// Put puts a policy in force.
func (g *Guard) Put(s Snapshot) { g.current.Store(s.s) }

// Swap is Build and Put.
func (g *Guard) Swap(version int64, permissions [][2]string, rules []Rule) error {
	s, err := g.Build(version, permissions, rules)
	if err == nil {
		g.Put(s)
	}
	return err
}

// Decision is what Enter would find, without its row.
type Decision struct {
	Allowed, Hidden bool
	RuleID, Reason  string
	Report          []rule.Reported
	Version         int64
}

// Decide decides without leaving a row, for the groups that p says it is in.
func (g *Guard) Decide(p Principal, op Op) Decision {
	s := g.current.Load()
	d := s.decide(s.set, asked{p, op.Model, g.now()}, op)
	return Decision{d.allowed, d.hidden, d.ruleID, d.reason, d.report, s.version}
}

// SetFreeShare makes the disk as full as a test needs it, and has the guard look.
func (g *Guard) SetFreeShare(share float64) {
	g.freeShare = func() (float64, error) { return share, nil }
	g.writePast()
}

// FreeRefusals is how many refusals a minute get rows of their own.
const FreeRefusals = freeRefusals

// FreeOfAll is how many of these rows all strangers together have a minute.
const FreeOfAll = freeOfAll

// Opens is what a change of these rules asks about; was and is say whether the default allows.
func Opens(before, after []rule.Rule, was, is bool) bool {
	word := map[bool]string{true: defaultAllow, false: defaultDeny}
	plan := policyPlan{write: PolicyWrite{Rules: after, Default: word[is]}, def: word[was]}
	for _, r := range before {
		r.Origin = originAdmin
		plan.before = append(plan.before, stored{Rule: r})
	}
	if err := plan.complete(is); err != nil {
		panic(err)
	}
	return plan.opens(is)
}
