package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"guardhouse/internal/config"
	"guardhouse/internal/gpu"
	"guardhouse/internal/inference/llamacpp"
	"guardhouse/internal/sandbox"
	"guardhouse/internal/supervise"
)

// probeGPU is the name of the child that tries a library: what it does to a process, it does to that one.
const probeGPU = "probe-gpu"

func tryGPU(_ []byte, files []*os.File) (any, error) { return llamacpp.TryGPU(files) }

// runProbe starts that child.
func runProbe(ctx context.Context, files []*os.File, deadline time.Duration) (gpu.Ended, error) {
	r, err := sandbox.Child{Name: probeGPU, Files: files, Wide: true, Limits: sandbox.Limits{Wall: deadline}}.Run(ctx)
	return gpu.Ended{Stdout: r.Stdout, Stderr: r.Stderr, Exit: r.Exit, Signal: r.Signal, Late: r.Late}, err
}

func gpuOptions(c *config.Config) gpu.Options {
	return gpu.Options{Dir: c.GPULibrary, SHA256: c.GPUManifest, Wanted: c.GPULayers, Run: runProbe}
}

// tooRisky is why a server does not try a GPU again that may have ended the one before.
const tooRisky = "a server before this one ended while its models were loaded: the GPU is tried again when the service is started anew"

// openEngine answers the engine of a server, and what it has found to run models on; unready says that a worker before this one
// ended by itself before its models were loaded. It refuses a library that others could
// have put there; whatever else keeps a GPU from being used is logged, and models run on the processor.
func openEngine(ctx context.Context, c *config.Config, unready bool, log *slog.Logger) (*llamacpp.Engine, *gpu.Host, error) {
	o := gpuOptions(c)
	if unready {
		o.Skip = tooRisky
	}
	host, err := gpu.Find(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	engine := llamacpp.New()
	if host.Library != nil {
		if err := engine.UseGPU(host, log); err != nil {
			host = &gpu.Host{Wanted: host.Wanted, Why: "the GPU library passed its probe and was not loaded: " + err.Error()}
		}
	}
	switch {
	case host.Library != nil:
		log.InfoContext(ctx, "models run on the GPU", "device", host.Devices[0].Description, "capability", host.Devices[0].Capability(),
			"free", host.Devices[0].Free, "devices", len(host.Devices), "manifest", host.Library.SHA256)
	case host.Absent || host.Wanted == 0:
		log.InfoContext(ctx, "models run on the processor", "why", host.Why)
	default:
		log.WarnContext(ctx, "models run on the processor", "why", host.Why)
	}
	return engine, host, nil
}

// remember has the engine lay models out as the worker before did, unless that may be what ended one.
func remember(ctx context.Context, engine *llamacpp.Engine, unready bool, notes *supervise.Notes, log *slog.Logger) {
	if notes == nil {
		return
	}
	var before []byte
	if !unready {
		before = notes.Read()
	}
	engine.Remember(before, func(text []byte) {
		if err := notes.Write(text); err != nil {
			log.WarnContext(ctx, "noting layouts for the next worker", "err", err)
		}
	})
}

// lookForGPU is openEngine for who only looks: nothing is loaded into this process.
func lookForGPU(c *config.Config) func(context.Context) (*gpu.Host, error) {
	return func(ctx context.Context) (*gpu.Host, error) {
		host, err := gpu.Find(ctx, gpuOptions(c))
		if err == nil && host.Library != nil {
			err = host.Library.Close()
		}
		return host, err
	}
}
