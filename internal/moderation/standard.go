package moderation

import (
	"context"

	"guardhouse/internal/catalog"
)

// Standard is what a request is judged by that names neither model nor policy.
type Standard struct {
	Model  ModelRef
	Policy PolicyRef
}

// Standard answers what it is now. It refuses with fault.Loading while the default guard cannot judge.
func (s *Service) Standard(ctx context.Context) (Standard, error) {
	h, err := s.d.Models.Take(ctx, catalog.KindGuard, "")
	if err != nil {
		return Standard{}, err
	}
	defer h.Done()
	if _, err := h.Resident(); err != nil {
		return Standard{}, err
	}
	return Standard{refOf(h.Model), PolicyRef{Version: s.d.Guard.PolicyVersion(), Mode: s.tuning.Load().Mode}}, nil
}

func refOf(m catalog.Model) ModelRef {
	return ModelRef{ID: m.ID, SHA256: m.SHA256, Quantization: m.Quantization, TemplateSHA256: m.TemplateSHA256}
}
