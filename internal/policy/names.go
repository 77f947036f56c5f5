package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Names turns what people write into what is stored, and back. Roles are the same in both, keys unless they were rotated.
type Names interface {
	// IDs answers the stored form of each of named that there is: exactly the name, never a look-alike and never an id in the
	// place of a name.
	IDs(ctx context.Context, named []rule.Principal) (map[rule.Principal]rule.Principal, error)
	// Shown answers each of stored as people write it. What has no name any more is missing.
	Shown(ctx context.Context, stored []rule.Principal) (map[rule.Principal]rule.Principal, error)
	// Former answers the name that each of stored had who has none any more. Nobody else ever gets it.
	Former(ctx context.Context, stored []rule.Principal) (map[rule.Principal]rule.Principal, error)
}

// gone stands before the id of somebody who has no name any more. No name has a colon, so it names nobody else.
const gone = "deleted:"

// shown answers the rules as people write them.
func (s *Service) shown(ctx context.Context, rules []rule.Rule) ([]rule.Rule, error) {
	var ask []rule.Principal
	seen := map[rule.Principal]bool{}
	for i := range rules {
		for _, p := range whom(rules[i]) {
			if named(p) && !seen[p] {
				seen[p] = true
				ask = append(ask, p)
			}
		}
	}
	names := map[rule.Principal]rule.Principal{}
	if len(ask) > 0 {
		var err error
		if names, err = s.d.Names.Shown(ctx, ask); err != nil {
			return nil, err
		}
	}
	out := make([]rule.Rule, len(rules))
	for i := range rules {
		out[i] = display(rules[i], names)
	}
	return out, nil
}

// display answers a stored rule with names for ids.
func display(r rule.Rule, names map[rule.Principal]rule.Principal) rule.Rule {
	name := func(p rule.Principal) rule.Principal {
		if n, ok := names[p]; ok {
			return n
		}
		if !named(p) || p.Kind == rule.KindKey {
			return p
		}
		return rule.Principal{Kind: p.Kind, Ref: gone + p.Ref}
	}
	stored := r.Principals
	r.Principals = make([]rule.Principal, len(stored))
	for i, p := range stored {
		r.Principals[i] = name(p)
	}
	if id, ok := strings.CutPrefix(r.Owner, ownerPrefix); ok {
		r.Owner = name(rule.Principal{Kind: rule.KindUser, Ref: id}).String()
	}
	return ordered(r)
}

// ordered answers the rule with its models and operations in the order in which they are always shown. It says nothing.
func ordered(r rule.Rule) rule.Rule {
	r.Models, r.Operations = slices.Clone(r.Models), slices.Clone(r.Operations)
	slices.Sort(r.Models)
	all := []rule.Operation{rule.View, rule.Infer, rule.Train, rule.Download, rule.Every}
	slices.SortFunc(r.Operations, func(a, b rule.Operation) int { return slices.Index(all, a) - slices.Index(all, b) })
	return r
}

// named says that the principal is written otherwise than it is stored.
func named(p rule.Principal) bool {
	return p.Kind == rule.KindUser || p.Kind == rule.KindGroup || p.Kind == rule.KindKey
}

const ownerPrefix = "user:"

// whom lists the principals of a rule and its owner.
func whom(r rule.Rule) []rule.Principal {
	out := r.Principals
	if id, ok := strings.CutPrefix(r.Owner, ownerPrefix); ok {
		out = append(out[:len(out):len(out)], rule.Principal{Kind: rule.KindUser, Ref: id})
	}
	return out
}

// stored answers the rules with ids for names. What a rule of the same id names already it may go on naming, whoever of them is
// gone meanwhile; every other unknown principal is Unprocessable, by its field under at(i).
func (s *Service) stored(ctx context.Context, rules []rule.Rule, now access.Stored, at func(i int) string) ([]rule.Rule, error) {
	kept, err := s.kept(ctx, rules, now)
	if err != nil {
		return nil, err
	}
	var ask []rule.Principal
	seen := map[rule.Principal]bool{{Kind: rule.KindAny}: true}
	for i := range rules {
		for _, p := range whom(rules[i]) {
			if _, has := kept[i][p]; !has && !seen[p] {
				seen[p] = true
				ask = append(ask, p)
			}
		}
	}
	ids := map[rule.Principal]rule.Principal{}
	if len(ask) > 0 {
		if ids, err = s.d.Names.IDs(ctx, ask); err != nil {
			return nil, err
		}
	}
	out := make([]rule.Rule, len(rules))
	for i := range rules {
		if out[i], err = resolve(rules[i], kept[i], ids, at(i)); err != nil {
			return nil, err
		}
		slices.SortFunc(out[i].Principals, func(a, b rule.Principal) int {
			return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Ref, b.Ref))
		})
	}
	return out, nil
}

// kept answers for each of rules what the stored rule of its id names, by how it is shown, and those who are gone also by the name
// that they had: an account that is deleted must not make a file unreadable that names it.
func (s *Service) kept(ctx context.Context, rules []rule.Rule, now access.Stored) ([]map[rule.Principal]rule.Principal, error) {
	index := make(map[string]int, len(now.Rules))
	for i := range now.Rules {
		index[now.Rules[i].ID] = i
	}
	out := make([]map[rule.Principal]rule.Principal, len(rules))
	var old []rule.Rule
	var where []int
	for i := range rules {
		if j, ok := index[rules[i].ID]; ok && rules[i].ID != "" {
			old, where = append(old, now.Rules[j].Rule), append(where, i)
		}
	}
	as, err := s.shown(ctx, old)
	if err != nil {
		return nil, err
	}
	former, err := s.former(ctx, old, as)
	if err != nil {
		return nil, err
	}
	for k := range old {
		names, ids := whom(as[k]), whom(old[k])
		out[where[k]] = make(map[rule.Principal]rule.Principal, len(ids))
		for n := range ids {
			out[where[k]][names[n]] = ids[n]
			if name, had := former[ids[n]]; had {
				out[where[k]][name] = ids[n]
			}
		}
	}
	return out, nil
}

// former answers the names that those had whom old names and who are shown without one.
func (s *Service) former(ctx context.Context, old, as []rule.Rule) (map[rule.Principal]rule.Principal, error) {
	var ask []rule.Principal
	for k := range old {
		names, ids := whom(as[k]), whom(old[k])
		for n := range ids {
			if strings.HasPrefix(names[n].Ref, gone) {
				ask = append(ask, ids[n])
			}
		}
	}
	if len(ask) == 0 {
		return map[rule.Principal]rule.Principal{}, nil
	}
	return s.d.Names.Former(ctx, ask)
}

// resolve answers one rule with ids for names, out of what it keeps and what was found.
func resolve(r rule.Rule, kept, ids map[rule.Principal]rule.Principal, at string) (rule.Rule, error) {
	find := func(p rule.Principal) (rule.Principal, error) {
		if id, ok := kept[p]; ok {
			return id, nil
		}
		if id, ok := ids[p]; ok {
			return id, nil
		}
		return rule.Principal{}, fault.Newf(fault.Unprocessable, "there is no such %s", p.Kind)
	}
	out, err := r.Resolve(find)
	if err != nil {
		f := fault.From(err)
		return rule.Rule{}, fault.Wrap(err, f.Code, at+f.Message).WithField(at + f.Field)
	}
	out.Principals = once(out.Principals)
	if name, ok := strings.CutPrefix(r.Owner, ownerPrefix); ok {
		id, err := find(rule.Principal{Kind: rule.KindUser, Ref: name})
		if err != nil {
			return rule.Rule{}, fault.Wrap(err, fault.Unprocessable, at+"owner: there is no such user").WithField(at + "owner")
		}
		out.Owner = id.String()
	}
	return out, nil
}

// once answers the principals in their order, each once: two keys of one line are one.
func once(list []rule.Principal) []rule.Principal {
	out := make([]rule.Principal, 0, len(list))
	for _, p := range list {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// listed is where the rules of a list stand in errors.
func listed(i int) string { return fmt.Sprintf("rules[%d].", i) }

// alone is where a rule that is the whole body stands.
func alone(int) string { return "" }
