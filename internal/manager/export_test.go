package manager

import "context"

// Look is one look of Run, which loads nothing.
func (s *Service) Look(ctx context.Context) { _ = s.observe(ctx) }
