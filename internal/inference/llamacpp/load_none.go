//go:build nollama

package llamacpp

import (
	"context"
	"os"

	"guardhouse/internal/fault"
	"guardhouse/internal/gpu"
	"guardhouse/internal/inference"
)

// Load refuses: this build has no native engine.
func (e *Engine) Load(context.Context, inference.Spec) (inference.Model, error) {
	return nil, fault.New(fault.NotAvailable, "this build has no inference engine")
}

// TryGPU refuses: this build has no native engine.
func TryGPU([]*os.File) (gpu.Report, error) {
	return gpu.Report{}, fault.New(fault.NotAvailable, "this build has no inference engine")
}

func loadGPU([]*os.File) ([]gpu.Device, error) {
	return nil, fault.New(fault.NotAvailable, "this build has no inference engine")
}
