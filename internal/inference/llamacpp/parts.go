package llamacpp

import (
	"guardhouse/internal/gpu"
	"guardhouse/internal/inference"
)

// parts answers the sizes of a model's parts as they would be on a device under the plan.
func parts(s inference.Shape, p plan) gpu.Sizes {
	cell := s.CellBytes / int64(max(1, len(s.LayerBytes)))
	if p.lane.cacheQ8 {
		cell = cell * 34 / 64
	}
	return gpu.Sizes{
		Layers: s.LayerBytes, Output: s.OutputBytes, Cache: int64(p.lanes) * p.lane.cells() * cell,
		Compute: need{vocab: s.Vocabulary}.of(p.lane, p.lanes),
	}
}
