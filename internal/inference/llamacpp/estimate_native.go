//go:build !nollama

package llamacpp

import (
	"os"

	"guardhouse/internal/inference"
)

// Estimate is part of inference.Estimator. With a GPU it is of the device that Load would choose now.
func (e *Engine) Estimate(s inference.Spec, shape inference.Shape) inference.Memory {
	s, cores := atHand(s)
	if e.gpu == nil {
		return estimate(s, shape, cores)
	}
	c, sizes, err := placed(s, shape, devices(), e.gpu.wanted)
	if err != nil {
		return estimate(s, shape, cores) // Load refuses it before it takes anything
	}
	return estimateOn(s, shape, cores, c, sizes)
}

// atHand answers the spec with no more threads than there are processors, and the cores.
func atHand(s inference.Spec) (inference.Spec, int) {
	cpus := affinity()
	if len(cpus) > 0 {
		s.Threads = min(s.Threads, len(cpus))
	}
	return s, computeCores(os.DirFS("/"), cpus)
}

// Devices is part of inference.Placer.
func (e *Engine) Devices() (out []inference.Device) {
	if e.gpu == nil {
		return nil
	}
	for _, d := range devices() {
		out = append(out, inference.Device{Name: d.Label(), Total: d.Total, Free: d.Usable()})
	}
	return out
}

// Room is part of inference.Estimator.
func (e *Engine) Room() int64 { return memoryRoom(os.DirFS("/")) }
