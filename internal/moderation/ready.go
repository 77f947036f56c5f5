package moderation

import (
	"context"
	"time"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// failedRetry is when a model that could not be loaded may be asked for again: a person has to act first.
const failedRetry = 5 * time.Minute

// usable answers the loaded model, or says why it cannot judge now. Weights that are not those of the
// catalogue's row are refused: a verdict names the bytes that made it.
func (s *Service) usable(m catalog.Model) (*loaded, error) {
	s.mu.RLock()
	l, ok := s.models[m.ID]
	s.mu.RUnlock()
	switch {
	case ok && l.model.SHA256 == m.SHA256:
		return l, nil
	case m.State == catalog.StateFailed:
		// Whoever may see the model finds the reason in the list of models.
		return nil, fault.New(fault.Loading, "The model could not be loaded; the list of models says why.").WithRetry(failedRetry)
	}
	return nil, fault.New(fault.Loading, "The model is not loaded yet.")
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
