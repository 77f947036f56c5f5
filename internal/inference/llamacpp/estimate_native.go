//go:build !nollama

package llamacpp

import (
	"os"

	"guardhouse/internal/inference"
)

// Estimate is part of inference.Estimator.
func (e *Engine) Estimate(s inference.Spec, shape inference.Shape) inference.Memory {
	cpus := affinity()
	if len(cpus) > 0 {
		s.Threads = min(s.Threads, len(cpus))
	}
	return estimate(s, shape, computeCores(os.DirFS("/"), cpus))
}

// Room is part of inference.Estimator.
func (e *Engine) Room() int64 { return memoryRoom(os.DirFS("/")) }
