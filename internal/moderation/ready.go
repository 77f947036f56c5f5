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
		s.withdraw(l, err)
		return fault.Wrap(err, fault.Loading, "The default guard's file changed: it is not used any more.")
	}
	return nil
}
