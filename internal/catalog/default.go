package catalog

import (
	"context"
	"slices"

	"guardhouse/internal/fault"
)

// SetDefault names the guard that judges where a request names none; "" leaves it to the table. A name that no guard of the
// catalogue has changes nothing until one has it: HasDefault says so.
func (s *Service) SetDefault(id string) { s.chosen.Store(&id) }

// HasDefault says whether the guard that SetDefault named is there. It is, where none was named.
func (s *Service) HasDefault(ctx context.Context) (bool, error) {
	chosen := s.chosen.Load()
	if chosen == nil || *chosen == "" {
		return true, nil
	}
	all, err := s.All(ctx)
	if err != nil {
		return false, err
	}
	_, ok := find(all, isGuard(*chosen))
	return ok, nil
}

// MayDefault refuses with Unprocessable what could not be the default guard: a name that no guard has, and one that this
// process could not load.
func (s *Service) MayDefault(ctx context.Context, id string) error {
	all, err := s.All(ctx)
	if err != nil {
		return err
	}
	m, ok := find(all, isGuard(id))
	switch {
	case !ok:
		return fault.Newf(fault.Unprocessable, "There is no guard with the id %q: guardhouse model list shows them.", id).WithField("models.default")
	case m.State == StateFailed:
		return fault.Newf(fault.Unprocessable, "%s could not be loaded: it cannot judge by default.", id).WithField("models.default")
	}
	return nil
}

func isGuard(id string) func(Model) bool {
	return func(m Model) bool { return m.ID == id && m.Kind == KindGuard }
}

// mark makes the named guard the default one among all, and no other guard.
func (s *Service) mark(all []Model) {
	chosen := s.chosen.Load()
	if chosen == nil || *chosen == "" || !slices.ContainsFunc(all, isGuard(*chosen)) {
		return
	}
	for i := range all {
		if all[i].Kind == KindGuard {
			all[i].Default = all[i].ID == *chosen
		}
	}
}
