// Package gpu decides whether this process may load the library for NVIDIA GPUs, what it has found there, and how much of a
// model goes on it. It loads nothing itself: a child process tries the library first, and the engine loads what passed.
// It imports nothing of ours and knows no model beyond the sizes of its parts.
package gpu

import "fmt"

// EngineVersion is the version of the engine's module that a library has to be built from: both share C structs, and a
// library of another version would misread ours.
const EngineVersion = "v0.24.0"

// AllLayers as a wanted number means as many as fit.
const AllLayers = -1

// DeviceCPU is what a model answers as its device when no part of it is on a GPU.
const DeviceCPU = "cpu"

// Device is one GPU as the library describes it.
type Device struct {
	Index       int    `json:"index"` // among the library's devices
	Name        string `json:"name"`  // CUDA0
	Description string `json:"description"`
	Free        int64  `json:"free"`
	Total       int64  `json:"total"`
	Major       int    `json:"major"` // compute capability
	Minor       int    `json:"minor"`
}

// Label is what a verdict says of the device: "cuda:" and the board's name.
func (d Device) Label() string { return "cuda:" + d.Description }

// Capability is the compute capability as NVIDIA writes it.
func (d Device) Capability() string { return fmt.Sprintf("%d.%d", d.Major, d.Minor) }

// String is the device in half a sentence.
func (d Device) String() string {
	return fmt.Sprintf("%s (%s, compute capability %s, %s of %s free)", d.Description, d.Name, d.Capability(), gibibytes(d.Free), gibibytes(d.Total))
}

func gibibytes(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }
