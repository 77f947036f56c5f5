package manager

import "context"

// Look is one look of Run, which loads nothing.
func (s *Service) Look(ctx context.Context) { _ = s.observe(ctx) }

// Foresee is one round of finding out what models would take.
func (s *Service) Foresee(ctx context.Context) { s.foresee(ctx) }
