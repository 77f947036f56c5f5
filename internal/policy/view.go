package policy

import (
	"context"
	"slices"
	"sort"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// About is what is known of a rule beside its text.
type About struct {
	Origin           string
	Created, Updated time.Time
	Version          int64 // that last changed it, 0 where that was before versions of rules were kept
	Readable         bool
}

// State is what every view of rules says besides.
type State struct {
	Version      int64     // of roles and rules
	ChangedAt    time.Time // when rules were last changed, zero where nobody knows
	FromFile     bool
	DefaultAllow bool
	About        map[string]About // by the rule's id
	Tag          int64            // of what is shown, for If-Match
}

// ModelView is the rules of one model. Own name it and nothing else; Others name it among several.
type ModelView struct {
	State
	Model       string
	Own, Others []rule.Rule
	Change      *Change // what a write came to, nil for a look
}

// Page is a part of all rules. Its Tag is that of the whole policy.
type Page struct {
	State
	Rules []rule.Rule
	Next  string // "" on the last page
	Total int
}

// Filter says which rules to list.
type Filter struct {
	Model, Principal string // "" for any
	After            string // Next of the page before
	Limit            int    // 0 = 100
}

const (
	defaultLimit = 100
	maxLimit     = 500
)

// Model answers the rules of one model to a caller with acl.manage. NotFound for a model that is not there.
func (s *Service) Model(ctx context.Context, p access.Principal, model string) (ModelView, error) {
	if err := s.mayRead(ctx, p); err != nil {
		return ModelView{}, err
	}
	if err := s.d.Model(ctx, model); err != nil {
		return ModelView{}, err
	}
	now := s.d.Guard.Stored()
	return s.modelView(ctx, model, plain(now.Rules), now)
}

// modelView answers the rules on model out of rules, which may be ones that are only proposed; now is what is known of them.
func (s *Service) modelView(ctx context.Context, model string, rules []rule.Rule, now access.Stored) (ModelView, error) {
	v := ModelView{Model: model, Own: []rule.Rule{}, Others: []rule.Rule{}}
	for i := range rules {
		switch {
		case own(rules[i], model):
			v.Own = append(v.Own, rules[i])
		case concerns(rules[i], model):
			v.Others = append(v.Others, rules[i])
		}
	}
	tag := tagOf(v.Own)
	all, err := s.shown(ctx, slices.Concat(v.Own, v.Others))
	if err != nil {
		return ModelView{}, err
	}
	v.Own, v.Others = all[:len(v.Own)], all[len(v.Own):]
	v.State, err = s.state(ctx, all, now)
	v.Tag = tag
	return v, err
}

// own says whether the rule names the model and nothing else.
func own(r rule.Rule, model string) bool { return len(r.Models) == 1 && r.Models[0] == model }

// concerns says whether the rule names the model, by id or by a pattern.
func concerns(r rule.Rule, model string) bool {
	return slices.ContainsFunc(r.Models, func(m string) bool { return rule.Match(m, model) })
}

// List answers a page of all rules to a caller with acl.manage, in the order of their ids. An unknown principal is
// Unprocessable.
func (s *Service) List(ctx context.Context, p access.Principal, f Filter) (Page, error) {
	if err := s.mayRead(ctx, p); err != nil {
		return Page{}, err
	}
	switch {
	case f.Limit == 0:
		f.Limit = defaultLimit
	case f.Limit < 0 || f.Limit > maxLimit:
		return Page{}, fault.Newf(fault.Invalid, "limit is 1 to %d", maxLimit).WithField("limit")
	}
	who, err := s.principal(ctx, f.Principal)
	if err != nil {
		return Page{}, err
	}
	now := s.d.Guard.Stored()
	all := plain(now.Rules)
	tag := s.tags.of(now.Version, func() []rule.Rule { return all })
	all = slices.DeleteFunc(all, func(r rule.Rule) bool {
		return f.Model != "" && !concerns(r, f.Model) || f.Principal != "" && !slices.Contains(r.Principals, who)
	})
	page := Page{Total: len(all)}
	from := sort.Search(len(all), func(i int) bool { return all[i].ID > f.After })
	part := all[from:min(from+f.Limit, len(all))]
	if from+f.Limit < len(all) {
		page.Next = part[len(part)-1].ID
	}
	if page.Rules, err = s.shown(ctx, part); err != nil {
		return Page{}, err
	}
	page.State, err = s.state(ctx, page.Rules, now)
	page.Tag = tag
	return page, err
}

// principal answers the stored form of a principal as it is written in a filter.
func (s *Service) principal(ctx context.Context, written string) (rule.Principal, error) {
	if written == "" {
		return rule.Principal{}, nil
	}
	p, err := rule.ParsePrincipal(written)
	if err != nil {
		return rule.Principal{}, fault.Wrap(err, fault.Invalid, "principal: "+fault.From(err).Message).WithField("principal")
	}
	if p.Kind == rule.KindAny {
		return p, nil
	}
	ids, err := s.d.Names.IDs(ctx, []rule.Principal{p})
	if err != nil {
		return rule.Principal{}, err
	}
	id, known := ids[p]
	if !known {
		return rule.Principal{}, fault.Newf(fault.Unprocessable, "principal: there is no such %s", p.Kind).WithField("principal")
	}
	return id, nil
}

// Rule answers one rule and its tag to a caller with acl.manage.
func (s *Service) Rule(ctx context.Context, p access.Principal, id string) (rule.Rule, int64, error) {
	if err := s.mayRead(ctx, p); err != nil {
		return rule.Rule{}, 0, err
	}
	for _, r := range s.d.Guard.Stored().Rules {
		if r.ID == id {
			return s.one(ctx, r.Rule)
		}
	}
	return rule.Rule{}, 0, noSuchRule()
}

// one answers a stored rule as it is shown, and its tag.
func (s *Service) one(ctx context.Context, r rule.Rule) (rule.Rule, int64, error) {
	out, err := s.shown(ctx, []rule.Rule{r})
	if err != nil {
		return rule.Rule{}, 0, err
	}
	return out[0], tagOf([]rule.Rule{r}), nil
}

func noSuchRule() error { return fault.New(fault.NotFound, "There is no such rule.") }

// state answers what is known of the policy and of these rules.
func (s *Service) state(ctx context.Context, rules []rule.Rule, now access.Stored) (State, error) {
	source, err := s.d.Guard.PolicySource(ctx)
	if err != nil {
		return State{}, err
	}
	st := State{Version: now.Version, FromFile: source.Path != "" || s.o.File != "", DefaultAllow: now.DefaultAllow, About: map[string]About{}}
	wanted := make(map[string]bool, len(rules))
	for i := range rules {
		wanted[rules[i].ID] = true
	}
	versions, err := s.versionsOf(ctx, wanted)
	if err != nil {
		return State{}, err
	}
	for i := range now.Rules {
		if r := &now.Rules[i]; wanted[r.ID] {
			st.About[r.ID] = About{Origin: r.Origin, Created: r.Created, Updated: r.Updated, Version: versions[r.ID], Readable: !r.Unreadable}
		}
	}
	st.ChangedAt, err = s.lastChange(ctx)
	return st, err
}

func plain(list []access.StoredRule) []rule.Rule {
	out := make([]rule.Rule, len(list))
	for i := range list {
		out[i] = list[i].Rule
	}
	return out
}
