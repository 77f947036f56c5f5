package access

import "guardhouse/internal/rule"

// Rules lists the rules in force, in the order of their ids, with ids for the names of principals and owners. A stored rule
// that cannot be read stands there as what counts in its place (rule.Unreadable). The caller may change what it gets.
func (g *Guard) Rules() []rule.Rule {
	list := g.current.Load().list
	out := make([]rule.Rule, len(list))
	for i := range list {
		out[i] = list[i].clone()
	}
	return out
}

// Set answers the rules in force, ready to be asked.
func (g *Guard) Set() *rule.Set { return g.current.Load().set }

// DefaultAllow says whether a model that no rule concerns is open to whoever has the action.
func (g *Guard) DefaultAllow() bool { return g.current.Load().defaultAllow }
