//go:build !nollama

package llamacpp

import (
	"guardhouse/internal/fault"
	"guardhouse/internal/inference/llamacpp/kernel"
)

// useKernels chooses who computes, once for the process: every model has what the first one asked for. It refuses with
// fault.Invalid kernels that this processor cannot run and, later, any others than the first.
func useKernels(name string) error {
	if name == "" {
		name = "auto"
	}
	if !kernel.Runs(name) {
		return fault.Newf(fault.Invalid, "this processor does not run the kernels %q", name)
	}
	kernel.Install(name)
	if used := kernel.Name(); name != "auto" && name != used {
		return fault.Newf(fault.Invalid, "this process computes with the kernels %q already", used)
	}
	return nil
}

// Kernels answers what the engine would compute with here if engine.kernels said wanted. Nothing is loaded.
func Kernels(wanted string) string { return kernel.Choice(wanted) }
