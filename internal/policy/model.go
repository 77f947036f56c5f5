package policy

import (
	"context"
	"fmt"
	"slices"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// PutModel replaces the rules that name the model and nothing else. A rule without models is about this one; one about others is
// refused (Invalid), and so is the id of a rule that is about others (Conflict). A rule without an id that says what one of
// them says already keeps that one's id.
func (s *Service) PutModel(ctx context.Context, p access.Principal, model string, rules []rule.Rule, w Write) (ModelView, error) {
	var next []rule.Rule
	return s.changeModel(ctx, p, model, w, edit{
		prepare: func(ctx context.Context, now access.Stored) error {
			for i := range rules {
				if len(rules[i].Models) == 0 {
					rules[i].Models = []string{model}
				}
				if !own(rules[i], model) {
					field := listed(i) + "models"
					return fault.New(fault.Invalid, field+": only this model; rules over several stand under /api/v1/acl/rules").WithField(field)
				}
			}
			var err error
			next, err = s.stored(ctx, rules, now, listed)
			return err
		},
		apply: func(now []rule.Rule) ([]rule.Rule, error) { return replaceOwn(now, next, model) },
	})
}

// AddOlder adds one rule to a model's own, unless one of them says the same already.
func (s *Service) AddOlder(ctx context.Context, p access.Principal, r rule.Rule, w Write) (ModelView, error) {
	var next []rule.Rule
	model := r.Models[0]
	return s.changeModel(ctx, p, model, w, edit{
		prepare: func(ctx context.Context, now access.Stored) (err error) {
			if next, err = s.stored(ctx, []rule.Rule{r}, now, alone); err != nil {
				f := fault.From(err)
				return fault.Wrap(err, f.Code, "principal: there is nobody of that name").WithField("principal")
			}
			return nil
		},
		apply: func(now []rule.Rule) ([]rule.Rule, error) {
			same := func(o rule.Rule) bool { return own(o, model) && text(o) == text(next[0]) }
			if slices.ContainsFunc(now, same) {
				return now, nil
			}
			return append(slices.Clone(now), next[0]), nil
		},
	})
}

// changeModel writes an edit of one model's rules and answers them.
func (s *Service) changeModel(ctx context.Context, p access.Principal, model string, w Write, e edit) (ModelView, error) {
	prepare := e.prepare
	e.target, e.tag = "acl", func(now []rule.Rule) int64 { return tagOf(ownOf(now, model)) }
	if s.d.Model(ctx, model) == nil { // what else somebody typed in an id's place is nobody's to keep (threat U5)
		e.model = model
	}
	e.prepare = func(ctx context.Context, now access.Stored) error {
		if err := s.d.Model(ctx, model); err != nil {
			return err
		}
		return prepare(ctx, now)
	}
	c, err := s.write(ctx, p, w, e)
	if err != nil {
		return ModelView{}, err
	}
	now := s.d.Guard.Stored()
	v, err := s.modelView(context.WithoutCancel(ctx), model, c.Rules, now)
	change := s.changeOf(c, w)
	v.Version, v.Change = c.Version, &change
	if w.DryRun { // the rules that are shown do not stand, and a change is made from those that do
		v.Tag = c.stood
	}
	return v, err
}

func ownOf(rules []rule.Rule, model string) []rule.Rule {
	var out []rule.Rule
	for i := range rules {
		if own(rules[i], model) {
			out = append(out, rules[i])
		}
	}
	return out
}

// replaceOwn answers now with next in the place of the model's own rules.
func replaceOwn(now, next []rule.Rule, model string) ([]rule.Rule, error) {
	given := byID(next)
	free := map[string][]string{} // ids of the model's own rules that nobody asks for, by their text
	out := make([]rule.Rule, 0, len(now)+len(next))
	for i := range now {
		_, asked := given[now[i].ID]
		switch {
		case !own(now[i], model) && asked:
			return nil, fault.Newf(fault.Conflict, "There is a rule %q about other models.", now[i].ID).WithField("rules")
		case !own(now[i], model):
			out = append(out, now[i])
		case !asked:
			t := text(now[i])
			free[t] = append(free[t], now[i].ID)
		}
	}
	for _, r := range next {
		if t := text(r); r.ID == "" && len(free[t]) > 0 {
			r.ID, free[t] = free[t][0], free[t][1:]
		}
		out = append(out, r)
	}
	return out, nil
}

// checkIDs refuses an id that stands twice. Lists that were read from a request have none; those made in code might.
func checkIDs(rules []rule.Rule) error {
	seen := map[string]bool{}
	for i := range rules {
		id := rules[i].ID
		if id != "" && seen[id] {
			return fault.Newf(fault.Invalid, "rules[%d].id: another rule has the same id", i).WithField(fmt.Sprintf("rules[%d].id", i))
		}
		seen[id] = true
	}
	return nil
}
