package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"guardhouse/internal/gpu"
)

// gpu says whether one is seen, and whether models run on it or why not. What is loaded to find out is loaded in a child.
func (d *doctor) gpu(ctx context.Context) {
	const name = "gpu"
	seen, kind := d.gpuSeen()
	h, err := &gpu.Host{Absent: true, Why: "nobody was asked for a library"}, error(nil)
	if d.o.GPU != nil {
		h, err = d.o.GPU(ctx)
	}
	var loose *gpu.UnsafeError
	switch {
	case errors.As(err, &loose):
		d.fail(name, loose.Error(), "the server does not start: give the folder to root and take the right to write away from everybody else, or name another in engine.gpu_library").as("gpu_unsafe", "path", loose.Path, "why", loose.Why)
	case d.tooLate(ctx, name):
	case err != nil:
		d.warn(name, "it could not be looked at: "+said(err), "look at the driver with nvidia-smi").as("gpu_refused", "why", said(err)).run("nvidia-smi")
	case h.Library != nil:
		d.ok(name, "models run on "+h.Devices[0].String(), d.gpuNotes(h)...).as("gpu_ready", "device", h.Devices[0].Description,
			"capability", h.Devices[0].Capability(), "total", h.Devices[0].Total, "architectures", h.Library.Architectures, "sha256", h.Library.SHA256)
	case h.Absent && kind == "NVIDIA":
		d.ok(name, seen+"; models run on the processor: "+h.Why, "scripts/build-cuda.sh builds it: docs/gpu.md").as("gpu_no_library", "dir", d.o.GPUDir)
	case h.Absent && kind != "":
		d.ok(name, seen+"; models run on the processor: only NVIDIA's are used").as("gpu_unused", "kind", kind)
	case h.Absent:
		d.ok(name, "none is seen; models run on the processor").as("gpu_none")
	case h.Wanted == 0:
		d.ok(name, h.Why+": models run on the processor").as("gpu_off")
	default:
		d.warn(name, "models run on the processor: "+h.Why, "docs/gpu.md says what each reason means; engine.gpu_layers 0 does without a GPU").as("gpu_refused", "why", clean(h.Why)).run("nvidia-smi")
	}
}

// gpuSeen answers what the kernel tells of a GPU, and whose it is.
func (d *doctor) gpuSeen() (what, kind string) {
	for _, g := range []struct{ path, what, kind string }{
		{filepath.Join(d.o.Proc, "driver", "nvidia", "version"), "an NVIDIA driver is loaded", "NVIDIA"},
		{filepath.Join(d.o.Dev, "nvidia0"), "an NVIDIA device is here", "NVIDIA"},
		{filepath.Join(d.o.Dev, "kfd"), "an AMD device is here", "AMD"},
	} {
		if _, err := os.Stat(g.path); err == nil {
			return g.what, g.kind
		}
	}
	return "", ""
}

func (d *doctor) gpuNotes(h *gpu.Host) []string {
	notes := []string{"library for architectures " + strings.ReplaceAll(h.Library.Architectures, ";", ", ") + ", CUDA " + h.Library.Toolkit + ", manifest SHA-256 " + h.Library.SHA256}
	for _, other := range h.Devices[1:] {
		notes = append(notes, "beside it "+other.String())
	}
	return notes
}
