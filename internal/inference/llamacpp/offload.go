package llamacpp

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"guardhouse/internal/gpu"
	"guardhouse/internal/inference"
)

// offload loads a model where the choice says. Where there is no memory it tries with half of the layers, again and again, and
// at last on the processor; any other failure on the device goes to the processor at once. Each step is logged, and the model's
// description says what came of it. try answers what it loaded with so many layers on the device, 0 for none.
func offload(ctx context.Context, log *slog.Logger, id string, c gpu.Choice, try func(gpu.Choice) (*model, error)) (*model, error) {
	var steps []string
	for {
		m, err := try(c)
		switch {
		case err == nil:
			place(&m.description, c, steps)
			log.InfoContext(ctx, "a model is laid out", "model", id, "device", m.description.Device, "layers", c.Layers, "of", c.Of, "gpu_bytes", m.description.Memory.GPU, "why", c.String())
			return m, nil
		case c.Layers == 0 || ctx.Err() != nil:
			return nil, err
		}
		fewer := 0
		if errors.Is(err, inference.ErrNoRoom) {
			fewer = gpu.Fewer(c.Layers)
		}
		log.WarnContext(ctx, "a model does not run so on the GPU", "model", id, "device", c.Device.Description, "layers", c.Layers, "next", fewer, "err", err)
		steps = append(steps, c.String()+" failed")
		c.Layers, c.Why = fewer, "there is no memory for more"
		if fewer == 0 {
			c.Why = strings.Join(strings.Fields(err.Error()), " ")
		}
	}
}

// onGPU answers the spec as a device wants it: one pass at a time uses all of it, so that there is nothing to try.
func onGPU(s inference.Spec) inference.Spec {
	s.Lanes, s.Measure = max(1, s.Lanes), false
	return s
}

// place says where a model is.
func place(d *inference.Description, c gpu.Choice, steps []string) {
	d.Device, d.Layers, d.LayersOf = gpu.DeviceCPU, c.Layers, c.Of
	if c.Layers > 0 {
		d.Device = c.Device.Label()
	}
	said := append([]string{c.String()}, steps...)
	if d.Choice.Why != "" {
		said = append(said, d.Choice.Why)
	}
	d.Choice.Why = strings.Join(said, "; ")
}

// rehearse runs the largest pass there is, so that what a device takes only while it computes is taken now.
func rehearse(cores []core, threads int) error {
	for _, c := range cores {
		i := c.info()
		prompts := max(1, min(i.slots, i.batch))
		ids := max(1, min(i.batch/prompts, i.slotTokens))
		if err := run(c, prompts, ids, threads, 1); err != nil {
			return err
		}
		if err := run(c, 1, min(i.batch, i.slotTokens), threads, 1); err != nil {
			return err
		}
	}
	return nil
}

// UseGPU loads the library that passed its probe into this process, for good, and has models use its devices from now on. It
// closes the library's files. It must be called once, before the first Load.
func (e *Engine) UseGPU(h *gpu.Host, log *slog.Logger) error {
	if h.Library == nil {
		return nil
	}
	found, err := loadGPU(h.Library.Files)
	if err == nil && len(found) == 0 {
		err = errors.New("the GPU library sees no device")
	}
	if err == nil {
		e.gpu = &gpuUse{wanted: h.Wanted, log: log}
	}
	return errors.Join(err, h.Library.Close())
}
