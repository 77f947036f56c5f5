package moderation

import (
	"context"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/manager"
)

// guardOf answers what this package made of a model in memory.
func guardOf(r *manager.Resident, err error) (*loaded, error) {
	if err != nil {
		return nil, err
	}
	l, ok := r.Content.(*loaded)
	if !ok {
		return nil, fault.New(fault.Internal, "the model was not loaded as a guard")
	}
	return l, nil
}

// Ready answers nil when the default guard was loaded, has judged the canary since, and its file is
// still the one that was hashed.
func (s *Service) Ready() error {
	ctx := context.Background()
	h, err := s.d.Models.Take(ctx, catalog.KindGuard, "")
	if err != nil {
		return fault.Wrap(err, fault.Loading, "There is no default guard.")
	}
	defer h.Done()
	if _, err := h.Resident(); err != nil {
		return err
	}
	if h.Unproven() {
		return fault.New(fault.Loading, "The default guard is answering its canaries.")
	}
	if _, err := h.Confirmed(ctx); err != nil {
		return fault.Wrap(err, fault.Loading, "The default guard's file changed: it is not used any more.")
	}
	return nil
}
