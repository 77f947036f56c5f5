package main

import (
	"guardhouse/internal/sandbox"
	"guardhouse/internal/trial"
)

// children are what this program starts itself for, by name.
func children() map[string]sandbox.Job {
	return map[string]sandbox.Job{
		trial.Name: trial.Job(newEngine()),
		probeGPU:   tryGPU,
	}
}
