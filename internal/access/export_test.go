package access

// Swap puts a policy in force that is in no database: lines of role and action, and rules.
func (g *Guard) Swap(version int64, permissions [][2]string, rules []Rule) error {
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
		return err
	}
	s.list = rules
	g.current.Store(s)
	return nil
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

// Match is the glob matcher.
func Match(pattern, id string) bool { return match(pattern, id) }

// FreeRefusals is how many refusals a minute get rows of their own.
const FreeRefusals = freeRefusals
