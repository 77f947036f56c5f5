package catalog

import (
	"context"
	"slices"

	"guardhouse/internal/fault"
)

// SetDefault names the guard that judges where a request names none; "" leaves it to the table. It judges as soon as it is in
// memory. A name that no guard of the catalogue has changes nothing until one has it: HasDefault says so.
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

// NamedCame says whether the guard that SetDefault named is not one that came to nothing in this process, so that another judges.
func (s *Service) NamedCame(ctx context.Context) (bool, error) {
	all, err := s.All(ctx)
	chosen := s.chosen.Load()
	return err == nil && !slices.ContainsFunc(all, func(m Model) bool { return chosen != nil && m.ID == *chosen && m.Next && m.GivenUp }), err
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

// mark makes one model of each kind its default: the wanted one, or while that is not in memory and proven, and the one before still
// is, the one before: who asks for the default meets no gap. Where no default served yet, nothing has to be proven first: a start does
// not wait. The caller holds mu.
func (s *Service) mark(all []Model) {
	for _, kind := range []string{KindGuard, KindChat} {
		wanted := slices.IndexFunc(all, func(m Model) bool { return m.Kind == kind && m.Default })
		if wanted < 0 {
			continue
		}
		w, acting := &all[wanted], s.acting[kind]
		if acting == "" && w.BySetting {
			acting = w.Follows // nobody is judged by what may never be proven, where somebody is
		}
		if w.State == StateReady && (!w.Unproven || acting == "" || acting == w.ID) {
			s.acting[kind] = w.ID
			continue
		}
		if w.State == StateReady {
			w.State, w.Stage, w.Progress = StateLoading, StagePreparing, 1
		}
		before := slices.IndexFunc(all, func(m Model) bool { return m.Kind == kind && m.ID == acting && m.State == StateReady })
		if before >= 0 {
			w.Default, w.Next = false, true
			all[before].Default = true
		}
	}
}

// name makes the guard of SetDefault the wanted default, where there is one of that name. A default is wanted in memory, whatever
// was said of it before it became that.
func (s *Service) name(all []Model) {
	chosen := s.chosen.Load()
	named := chosen != nil && *chosen != "" && slices.ContainsFunc(all, isGuard(*chosen))
	for i := range all {
		if named && all[i].Kind == KindGuard {
			all[i].Default, all[i].Follows = all[i].ID == *chosen, "" // the table has no say
		}
		if all[i].Default {
			all[i].Wanted = WantLoaded
		}
	}
	s.recall(all)
}
