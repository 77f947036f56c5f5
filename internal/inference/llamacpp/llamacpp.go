// Package llamacpp runs guard models inside this process with the llama.cpp that ollama v0.24.0 embeds.
// It is the only importer of that module and reaches it through C functions in its own shim. One
// goroutine owns each native context; everything is checked in Go before C sees it, because a failed
// assertion in C ends the process. It imports inference and fault, and nothing of prompts or verdicts.
package llamacpp

import (
	"time"
)

// Options are what an engine takes from the rest of the program.
type Options struct {
	Now func() time.Time // nil = the system's clock
}

// Engine loads models into this process.
type Engine struct {
	now func() time.Time
}

// New answers an engine. Nothing native happens before Load.
func New(o Options) *Engine {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Engine{now: o.Now}
}
