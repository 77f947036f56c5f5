package moderation

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/inference"
)

// Line is what somebody who waits for a model may know of the line before it.
type Line = inference.Line

// Line answers how the line before a model looks to p. A model that p may not see is as unknown as one that is not there; one
// that is not ready is refused with fault.Loading.
func (s *Service) Line(ctx context.Context, p access.Principal, model string) (Line, error) {
	m, err := s.d.Catalog.Get(ctx, p, model)
	if err != nil {
		return Line{}, err
	}
	return s.d.Scheduler.Line(m.ID, p.Account())
}
