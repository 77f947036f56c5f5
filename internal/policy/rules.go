package policy

import (
	"context"
	"slices"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Create adds a rule and answers it as it is stored, with its tag. It refuses a rule without models (Invalid) and an id that is
// there (Conflict). Of a dry run there is no tag.
func (s *Service) Create(ctx context.Context, p access.Principal, r rule.Rule, w Write) (rule.Rule, int64, error) {
	out, tag, _, err := s.put(ctx, p, r, w, edit{}, func(now []rule.Rule, next rule.Rule) ([]rule.Rule, error) {
		if next.ID != "" && slices.ContainsFunc(now, func(o rule.Rule) bool { return o.ID == next.ID }) {
			return nil, fault.Newf(fault.Conflict, "There is a rule %q already.", next.ID).WithField("id")
		}
		return append(slices.Clone(now), next), nil
	})
	return out, tag, err
}

// Put replaces the rule of that id, or makes it, and says which. The tag is that of the rule that stands, which a dry run does not
// change: 0 where there is none. It refuses a body with another id (Invalid), and with a tag
// also a rule that is not there (Stale).
func (s *Service) Put(ctx context.Context, p access.Principal, id string, r rule.Rule, w Write) (out rule.Rule, tag int64, created bool, err error) {
	given := r.ID
	r.ID = id
	e := edit{target: ruleTarget(id), tag: func(now []rule.Rule) int64 { return tagOfOne(now, id) }}
	return s.put(ctx, p, r, w, e, func(now []rule.Rule, next rule.Rule) ([]rule.Rule, error) {
		if given != "" && given != id {
			return nil, fault.New(fault.Invalid, "id: must be the one of the address, or left out").WithField("id")
		}
		for i := range now {
			if now[i].ID == id {
				out := slices.Clone(now)
				out[i] = next
				return out, nil
			}
		}
		return append(slices.Clone(now), next), nil
	})
}

// put writes one rule.
func (s *Service) put(
	ctx context.Context, p access.Principal, r rule.Rule, w Write, e edit, apply func(now []rule.Rule, next rule.Rule) ([]rule.Rule, error),
) (out rule.Rule, tag int64, created bool, err error) {
	var next []rule.Rule
	e.prepare = func(ctx context.Context, now access.Stored) error {
		if len(r.Models) == 0 {
			return fault.New(fault.Invalid, "models: must be there").WithField("models")
		}
		var err error
		next, err = s.stored(ctx, []rule.Rule{r}, now, alone)
		return err
	}
	before := map[string]bool{}
	e.apply = func(now []rule.Rule) ([]rule.Rule, error) {
		clear(before)
		for i := range now {
			before[now[i].ID] = true
		}
		return apply(now, next[0])
	}
	c, err := s.write(ctx, p, w, e)
	if err != nil {
		return rule.Rule{}, 0, false, err
	}
	for i := range c.Rules {
		if id := c.Rules[i].ID; id == r.ID || r.ID == "" && !before[id] {
			if out, tag, err = s.one(context.WithoutCancel(ctx), c.Rules[i]); w.DryRun {
				tag = c.stood
			}
			return out, tag, !before[id], err
		}
	}
	return rule.Rule{}, 0, false, fault.New(fault.Internal, "the rule that was written is not there")
}

// Delete removes a rule. NotFound where there is none.
func (s *Service) Delete(ctx context.Context, p access.Principal, id string, w Write) error {
	_, err := s.write(ctx, p, w, edit{
		target: s.knownTarget(id),
		tag:    func(now []rule.Rule) int64 { return tagOfOne(now, id) },
		prepare: func(_ context.Context, now access.Stored) error {
			if !slices.ContainsFunc(now.Rules, func(r access.StoredRule) bool { return r.ID == id }) {
				return noSuchRule()
			}
			return nil
		},
		apply: func(now []rule.Rule) ([]rule.Rule, error) {
			left := slices.DeleteFunc(slices.Clone(now), func(r rule.Rule) bool { return r.ID == id })
			if len(left) == len(now) {
				return nil, noSuchRule()
			}
			return left, nil
		},
	})
	return err
}

// tagOfOne answers the tag of the rule of that id, 0 where there is none.
func tagOfOne(now []rule.Rule, id string) int64 {
	for i := range now {
		if now[i].ID == id {
			return tagOf(now[i : i+1])
		}
	}
	return 0
}

// ruleTarget names a rule in an audit row, and nothing where it can't be an id.
func ruleTarget(id string) string {
	r := rule.Rule{ID: id, Principals: []rule.Principal{{Kind: rule.KindAny}}, Operations: []rule.Operation{rule.View}}
	if id == "" || r.Check() != nil {
		return ""
	}
	return "rule:" + id
}

// knownTarget is ruleTarget for a rule that is there: what else somebody typed in an id's place is nobody's to keep (threat U5).
func (s *Service) knownTarget(id string) string {
	for _, r := range s.d.Guard.Stored().Rules {
		if r.ID == id {
			return ruleTarget(id)
		}
	}
	return ""
}
