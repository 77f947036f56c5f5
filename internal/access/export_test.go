package access

import "context"

// Snapshot is a policy that is in no database.
type Snapshot struct{ s *snapshot }

// Build makes a policy of lines of role and action, and rules.
func Build(version int64, permissions [][2]string, rules []Rule) (Snapshot, error) {
	l := lines{}
	for _, p := range permissions {
		l = append(l, permission{p[0], p[1]})
	}
	compiled := make([]*rule, 0, len(rules))
	for i := range rules {
		compiled = append(compiled, rules[i].compile())
	}
	s, err := newSnapshot(version, l, compiled)
	if err != nil {
		return Snapshot{}, err
	}
	s.list = rules
	return Snapshot{s}, nil
}

// Put puts a policy in force.
func (g *Guard) Put(s Snapshot) { g.current.Store(s.s) }

// Swap is Build and Put.
func (g *Guard) Swap(version int64, permissions [][2]string, rules []Rule) error {
	s, err := Build(version, permissions, rules)
	if err == nil {
		g.Put(s)
	}
	return err
}

// Decision is what Enter would find, without its row.
type Decision struct {
	Allowed, Hidden bool
	RuleID, Reason  string
	Report          []string
	Version         int64
}

// Decide decides without leaving a row.
func (g *Guard) Decide(p Principal, op Op) Decision {
	s := g.current.Load()
	d := g.decide(s, p, op)
	return Decision{d.allowed, d.hidden, d.ruleID, d.reason, d.report, s.version}
}

// SetFreeShare makes the disk as full as a test needs it, and has the guard look.
func (g *Guard) SetFreeShare(share float64) {
	g.freeShare = func() (float64, error) { return share, nil }
	g.poll(context.Background(), -1)
}

// Rules lists the rules of the snapshot in force, by id.
func (g *Guard) Rules() []Rule { return g.current.Load().list }

// FreeRefusals is how many refusals a minute get rows of their own.
const FreeRefusals = freeRefusals

// FreeOfAll is how many of these rows all strangers together have a minute.
const FreeOfAll = freeOfAll
