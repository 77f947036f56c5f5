package llamacpp

import (
	"fmt"

	"guardhouse/internal/fault"
	"guardhouse/internal/gpu"
	"guardhouse/internal/inference"
)

// estimate answers what a model of that shape takes on so many cores, from the numbers that Load itself plans with: the cache is
// exact, weights and rows are no less than they will be, and computing is what the engine reserves at most.
func estimate(s inference.Spec, shape inference.Shape, cores int) inference.Memory {
	m := weightsOf(shape)
	p, err := newPlan(s, shape.WeightBytes, cores)
	if err != nil {
		return m // Load refuses it before it takes anything
	}
	cell := shape.CellBytes
	if p.lane.cacheQ8 {
		cell = cell * 34 / 64
	}
	p.need = need{cell: cell, vocab: shape.Vocabulary, heads: shape.Heads}
	if all := p.fitting(s, s.Room); !p.givenLanes {
		p.deal(all[len(all)-1].lanes, s.Slots) // a trial may choose any of them
	}
	_ = p.squeeze(s.Room) // as far as it goes: whoever asks compares
	lanes := int64(p.lanes)
	m.Cache, m.Compute, m.Output = lanes*p.need.cache(p.lane), lanes*p.need.compute(p.lane), lanes*p.need.rows(p.lane)
	return m
}

// weightsOf answers what the tensors take: a file that is mapped stands beside the form that kernels want.
func weightsOf(s inference.Shape) inference.Memory {
	m := inference.Memory{Weights: s.WeightBytes, Packed: s.TiedBytes}
	if s.Mapped {
		m.Packed += s.WeightBytes
	}
	return m
}

// placed answers where a model of that shape goes, given the devices, and what its parts are there.
func placed(s inference.Spec, shape inference.Shape, devices []gpu.Device, wanted int) (gpu.Choice, gpu.Sizes, error) {
	p, err := newPlan(onGPU(s), 0, 1)
	if err != nil {
		return gpu.Choice{}, gpu.Sizes{}, err
	}
	sizes := parts(shape, p)
	return gpu.Choose(devices, sizes, wanted), sizes, nil
}

// estimateOn is estimate of a model with the chosen layers on their device: of the machine's memory it takes the rest, and what
// computing reserves at most, wherever that will be.
func estimateOn(s inference.Spec, shape inference.Shape, cores int, c gpu.Choice, sizes gpu.Sizes) inference.Memory {
	if c.Layers == 0 {
		return estimate(s, shape, cores)
	}
	n := min(c.Layers, len(shape.LayerBytes))
	for _, bytes := range shape.LayerBytes[len(shape.LayerBytes)-n:] {
		shape.WeightBytes -= bytes
	}
	if c.Layers > len(shape.LayerBytes) {
		if shape.TiedBytes == 0 { // else the device has a copy
			shape.WeightBytes -= shape.OutputBytes
		}
		shape.TiedBytes = 0
	}
	shape.CellBytes = beside(shape.CellBytes, c)
	m := estimate(onGPU(s), shape, cores)
	m.GPU = sizes.Need(c.Layers)
	return m
}

// beside answers what of the cache's cell is not on the device: the cache of a layer is where the layer is.
func beside(cell int64, c gpu.Choice) int64 {
	if c.Of > 1 {
		cell -= cell * int64(min(c.Layers, c.Of-1)) / int64(c.Of-1)
	}
	return cell
}

// within narrows a spec to what may be taken of the machine's memory with that choice. It refuses with inference.ErrNoRoom where less is on
// the device than was foreseen, and the rest does not fit.
func within(s inference.Spec, shape inference.Shape, cores int, c gpu.Choice, sizes gpu.Sizes) (inference.Spec, error) {
	if s.Limit <= 0 {
		return s, nil
	}
	needs := estimateOn(s, shape, cores, c, sizes)
	s.Room = max(1, s.Limit-needs.Weights-needs.Packed)
	needs = estimateOn(s, shape, cores, c, sizes)
	if needs.Total() > s.Limit {
		return s, fault.Wrap(inference.ErrNoRoom, fault.Unprocessable,
			fmt.Sprintf("the GPU has no memory for more of it, and the rest needs %s of memory, %s is available", mebibytes(needs.Total()), mebibytes(s.Limit)))
	}
	return s, nil
}
