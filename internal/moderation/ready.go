package moderation

import (
	"context"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// usable answers the loaded model, or says why it cannot judge now. Weights that are not those of the
// catalogue's row are refused: a verdict names the bytes that made it.
func (s *Service) usable(m catalog.Model) (*loaded, error) {
	s.mu.RLock()
	l, ok := s.models[m.ID]
	s.mu.RUnlock()
	if !ok || l.model.SHA256 != m.SHA256 {
		return nil, fault.New(fault.Loading, "The model is not loaded yet.")
	}
	return l, nil
}

// Ready answers nil when the default guard was loaded, has judged the canary since, and its file is
// still the one that was hashed.
func (s *Service) Ready() error {
	ctx := context.Background()
	m, err := s.d.Catalog.Resolve(ctx, "")
	if err != nil {
		return fault.Wrap(err, fault.Loading, "There is no default guard.")
	}
	l, err := s.usable(m)
	if err != nil {
		return err
	}
	if err := l.file.Confirm(ctx); err != nil {
		s.withdraw(m.ID, err)
		return fault.Wrap(err, fault.Loading, "The default guard's file changed: it is not used any more.")
	}
	return nil
}

// confirmAll holds every loaded model's file against what was hashed.
func (s *Service) confirmAll(ctx context.Context) {
	s.mu.RLock()
	all := make([]*loaded, 0, len(s.models))
	for _, l := range s.models {
		all = append(all, l)
	}
	s.mu.RUnlock()
	for _, l := range all {
		if err := l.file.Confirm(ctx); err != nil && ctx.Err() == nil {
			s.withdraw(l.model.ID, err)
		}
	}
}

// withdraw stops the use of a model whose file changed under it.
func (s *Service) withdraw(id string, err error) {
	s.mu.Lock()
	delete(s.models, id)
	s.mu.Unlock()
	s.d.Catalog.SetState(id, catalog.StateFailed, fault.From(err).Message)
	s.d.Log.Error("a model's file changed in use", "model", id, "err", err)
}
