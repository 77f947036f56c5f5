package rehearsal

import (
	"context"
	"fmt"
	"slices"

	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Proposal is a set of rules that is not in force. The zero value proposes nothing.
type Proposal struct {
	Given   bool
	Rules   []byte // a JSON list as the routes of model rules take it, principals by name
	Model   string // where it is not "", Rules replace this model's own rules and the others stay
	Default string // deny, allow, or "" for the default in force
	Field   string // where Rules stand in the request, for errors
}

// set answers the proposed rules ready to be asked, nil where none are proposed, and the rules. It refuses what writing them
// would refuse: Invalid rules, Unprocessable principals, more than a set holds.
func (s *Service) set(ctx context.Context, p Proposal) (*rule.Set, []rule.Rule, error) {
	if !p.Given {
		return nil, nil, nil
	}
	if p.Field == "" {
		p.Field = "rules"
	}
	rules, err := rule.ParseList(p.Rules, p.Field)
	if err != nil {
		return nil, nil, err
	}
	for i := range rules {
		if rules[i], err = s.complete(ctx, rules[i], p, i); err != nil {
			return nil, nil, err
		}
	}
	if p.Model != "" {
		rules = append(rules, slices.DeleteFunc(s.Guard.Rules(), func(r rule.Rule) bool { return Own(r, p.Model) })...)
	}
	name(rules)
	allow := s.Guard.DefaultAllow()
	if p.Default != "" {
		allow = p.Default == "allow"
	}
	set, err := rule.Compile(rules, allow)
	if err != nil {
		return nil, nil, err
	}
	return set, rules, nil
}

// Own says whether the rule is the model's own: it names this model alone.
func Own(r rule.Rule, model string) bool { return len(r.Models) == 1 && r.Models[0] == model }

// complete answers a proposed rule as it would be stored.
func (s *Service) complete(ctx context.Context, r rule.Rule, p Proposal, place int) (rule.Rule, error) {
	at := fmt.Sprintf("%s[%d]", p.Field, place)
	switch {
	case p.Model == "" && len(r.Models) == 0:
		return r, fault.New(fault.Invalid, "A rule names the models that it is about.").WithField(at + ".models")
	case p.Model != "" && len(r.Models) == 0:
		r.Models = []string{p.Model}
	case p.Model != "" && !Own(r, p.Model):
		return r, fault.New(fault.Invalid, "A model's own rule names that model alone.").WithField(at + ".models")
	}
	resolved, err := r.Resolve(func(named rule.Principal) (rule.Principal, error) { return s.Names.ResolvePrincipal(ctx, named) })
	if err != nil {
		f := fault.From(err)
		return r, f.WithField(at + "." + f.Field)
	}
	return resolved, nil
}

// name gives rules without an id one that none of them has.
func name(rules []rule.Rule) {
	taken := make(map[string]bool, len(rules))
	for i := range rules {
		taken[rules[i].ID] = true
	}
	n := 0
	for i := range rules {
		for rules[i].ID == "" {
			if n++; !taken[fmt.Sprintf("new-%d", n)] {
				rules[i].ID = fmt.Sprintf("new-%d", n)
			}
		}
	}
}
