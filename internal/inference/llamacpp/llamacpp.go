// Package llamacpp runs guard models inside this process with the llama.cpp that ollama v0.24.0 embeds.
// It is the only importer of that module and reaches it through C functions in its own shim. One
// goroutine owns each native context; everything is checked in Go before C sees it, because a failed
// assertion in C ends the process. It imports inference, gpu, gguf (for the sizes of a model's parts) and fault, and nothing of
// prompts or verdicts.
package llamacpp

import (
	"log/slog"
	"time"
)

// Engine loads models into this process.
type Engine struct {
	now    func() time.Time
	gpu    *gpuUse // nil = models run on the processor
	trials *trials // nil = each is made
}

// gpuUse is how models use the GPU of this process.
type gpuUse struct {
	wanted int // layers, or gpu.AllLayers
	log    *slog.Logger
}

// New answers an engine. Nothing native happens before Load.
func New() *Engine {
	return &Engine{now: time.Now} //nolint:forbidigo // durations are measured here, nothing is stamped
}
