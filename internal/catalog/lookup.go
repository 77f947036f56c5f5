package catalog

import (
	"context"
	"maps"
	"path"
	"slices"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// unknown is the answer for a model that does not exist and for one that the caller may not see: the
// gate says the same, word for word.
func unknown() error { return fault.New(fault.NotFound, "There is no such model.") }

// builtinAliases are names that the published OpenAI clients send; each means the default guard.
func builtinAliases() []string { return []string{"omni-moderation-*", "text-moderation-*"} }

// List answers the models that p may see, by id. It refuses a principal without model.view.
func (s *Service) List(ctx context.Context, p access.Principal) ([]Model, error) {
	if !s.guard.Can(p, access.ModelView) {
		return nil, fault.New(fault.Forbidden, "You may not see models.")
	}
	all, err := s.All(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(all))
	for i, m := range all {
		ids[i] = m.ID
	}
	visible := s.guard.VisibleModels(p, ids)
	return slices.DeleteFunc(all, func(m Model) bool { return !slices.Contains(visible, m.ID) }), nil
}

// Get answers one model by its id. One that p may not see is as unknown as one that does not exist.
func (s *Service) Get(ctx context.Context, p access.Principal, id string) (Model, error) {
	visible, err := s.List(ctx, p)
	if err != nil {
		return Model{}, err
	}
	for _, m := range visible {
		if m.ID == id {
			return m, nil
		}
	}
	return Model{}, unknown()
}

// Exists is nil for the id of a model that is there, whoever may see it, and NotFound for any other text.
func (s *Service) Exists(ctx context.Context, id string) error {
	all, err := s.All(ctx)
	if err != nil {
		return err
	}
	if _, ok := find(all, func(m Model) bool { return m.ID == id }); !ok {
		return unknown()
	}
	return nil
}

// SetAliases gives models other names: alias to id.
func (s *Service) SetAliases(names map[string]string) {
	names = maps.Clone(names)
	s.aliases.Store(&names)
}

// noAlias refuses with fault.Conflict the id of a new model that is another name of an older one: requests with that name would go to
// the new one unasked. The name of a model that is there is its own.
func (s *Service) noAlias(ctx context.Context, id string) error {
	if to, ok := (*s.aliases.Load())[id]; !ok || to == id {
		return nil
	}
	err := s.Exists(ctx, id)
	if fault.CodeOf(err) != fault.NotFound {
		return err
	}
	return fault.New(fault.Conflict, "This id is another model's name in models.aliases, and would take its place: give another --id, or take the name out of the setting first.").WithField("id")
}

// Resolve answers the model that a request's name means: an id, an alias, or the default guard for "".
// It decides nothing about who may use it.
func (s *Service) Resolve(ctx context.Context, name string) (Model, error) {
	return s.ResolveFor(ctx, KindGuard, name)
}

// ResolveFor is Resolve for requests that want a model of a kind: "" is the kind's default. A model of another kind is answered
// to whoever names it: that it is of no use may be said only to those who may see it.
func (s *Service) ResolveFor(ctx context.Context, kind, name string) (Model, error) {
	all, err := s.All(ctx)
	if err != nil {
		return Model{}, err
	}
	if m, ok := find(all, func(m Model) bool { return m.ID == name }); ok {
		return m, nil
	}
	if id, ok := (*s.aliases.Load())[name]; ok {
		if m, ok := find(all, func(m Model) bool { return m.ID == id }); ok {
			return m, nil
		}
		return Model{}, unknown()
	}
	if name != "" && (kind != KindGuard || !isAlias(name)) {
		return Model{}, unknown()
	}
	if m, ok := find(all, func(m Model) bool { return m.Default && m.Kind == kind }); ok {
		return m, nil
	}
	return Model{}, unknown()
}

func find(all []Model, is func(Model) bool) (Model, bool) {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	return Model{}, false
}

func isAlias(name string) bool {
	return slices.ContainsFunc(builtinAliases(), func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return err == nil && ok
	})
}
