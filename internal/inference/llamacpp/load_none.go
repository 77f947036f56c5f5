//go:build nollama

package llamacpp

import (
	"context"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// Load refuses: this build has no native engine.
func (e *Engine) Load(context.Context, inference.Spec) (inference.Model, error) {
	return nil, fault.New(fault.NotAvailable, "this build has no inference engine")
}
