package rehearsal

import (
	"context"
	"fmt"
	"slices"

	"guardhouse/internal/access"
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
// would refuse: Invalid rules, Unprocessable principals, more than a set holds. For very many it waits for a turn, and refuses what
// Turn refuses.
func (s *Service) set(ctx context.Context, caller access.Principal, p Proposal) (*rule.Set, []rule.Rule, error) {
	if !p.Given {
		return nil, nil, nil
	}
	if p.Field == "" {
		p.Field = "rules"
	}
	stored := s.Guard.Rules()
	if len(p.Rules) > bytesOfMany || p.Model != "" && len(stored) > quickly {
		done, err := s.Turn(ctx, short+caller.Account())
		if err != nil {
			return nil, nil, err
		}
		defer done()
	}
	rules, err := rule.ParseList(p.Rules, p.Field)
	if err != nil {
		return nil, nil, err
	}
	find, err := s.finder(ctx, rules, stored)
	if err != nil {
		return nil, nil, err
	}
	for i := range rules {
		if rules[i], err = complete(rules[i], p, i, find); err != nil {
			return nil, nil, err
		}
	}
	if p.Model != "" {
		rules = append(rules, slices.DeleteFunc(stored, func(r rule.Rule) bool { return Own(r, p.Model) })...)
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

// gone stands before the id of somebody who has no name any more, where rules are shown.
const gone = "deleted:"

// finder answers what each principal of the proposed rules is stored as. Who is gone may stand where stored rules name him.
func (s *Service) finder(ctx context.Context, rules, stored []rule.Rule) (func(rule.Principal) (rule.Principal, error), error) {
	kept := map[rule.Principal]rule.Principal{}
	for i := range stored {
		for _, p := range stored[i].Principals {
			kept[rule.Principal{Kind: p.Kind, Ref: gone + p.Ref}] = p
		}
	}
	var ask []rule.Principal
	seen := map[rule.Principal]bool{{Kind: rule.KindAny}: true}
	for i := range rules {
		for _, p := range rules[i].Principals {
			if !seen[p] {
				seen[p] = true
				ask = append(ask, p)
			}
		}
	}
	ids, err := s.Names.IDs(ctx, ask)
	if err != nil {
		return nil, err
	}
	return func(p rule.Principal) (rule.Principal, error) {
		if id, ok := ids[p]; ok {
			return id, nil
		}
		if id, ok := kept[p]; ok {
			return id, nil
		}
		return p, fault.Newf(fault.Unprocessable, "there is no such %s", p.Kind)
	}, nil
}

// complete answers a proposed rule as it would be stored.
func complete(r rule.Rule, p Proposal, place int, find func(rule.Principal) (rule.Principal, error)) (rule.Rule, error) {
	at := fmt.Sprintf("%s[%d]", p.Field, place)
	switch {
	case p.Model == "" && len(r.Models) == 0:
		return r, fault.New(fault.Invalid, "A rule names the models that it is about.").WithField(at + ".models")
	case p.Model != "" && len(r.Models) == 0:
		r.Models = []string{p.Model}
	case p.Model != "" && !Own(r, p.Model):
		return r, fault.New(fault.Invalid, "A model's own rule names that model alone.").WithField(at + ".models")
	}
	resolved, err := r.Resolve(find)
	if err != nil {
		f := fault.From(err)
		return r, fault.Wrap(err, f.Code, at+"."+f.Message).WithField(at + "." + f.Field)
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
