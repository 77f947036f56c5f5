package manager

import (
	"context"

	"guardhouse/internal/gguf"
	"guardhouse/internal/inference"
)

// Look is one look of Run, which loads nothing.
func (s *Service) Look(ctx context.Context) { _ = s.observe(ctx) }

// ShapeOf is what the manager reads of a header whose file is not mapped.
func ShapeOf(f *gguf.File) inference.Shape { return shapeOf(f, false) }
